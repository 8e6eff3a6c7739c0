"""Tables on their way to participants in few bits a value: one group rounded, the others exact.

This is only possible where the table is opened before it is sent. A row of the group is divided by
a public weight, because sums grow with the number of participants that contribute to them:

    t = S / (n + prior),    n the row's value in the group of counts, and 0 where that is negative

Each column has a scale c, the largest size of a t in it as float32. With m = 2^(bits-1) - 1 each
value becomes q = t / c * m, rounded. What participants open, and go on with, is

    S' = q * c * (n + prior) / m,    rounded, and within the word of the group

while the server keeps S. All steps are single operations on float64, which IEEE 754 fixes, in the
order that is written here; rounding is to the nearest integer, ties to the even one. So everybody
opens the same table, bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fedmf.errors import MessageError, SettingsError
from fedmf.protocol.json_fields import JsonFields
from fedmf.protocol.table import (
    GroupShape,
    Int64Array,
    IntegerTable,
    TableShape,
    decode_words,
    encode_words,
    word_sizes,
)

LEAST_BITS, MOST_BITS = 4, 12
_SCALE = np.dtype("<f4")
_OCTET = 8
"""This many values fill whole bytes, with any number of bits."""
_BEYOND_WORDS = 2.0**62


@dataclass(frozen=True, slots=True)
class DownloadTerms(JsonFields):
    """How opened tables are sent; part of what a session's participants agree upon.

    Raises
    ------
    SettingsError
        Values that cannot be.
    """

    bits: int
    """Bits of a value, from 4 to 12."""
    group: str
    """Name of the group whose values are rounded; all others travel as plain words."""
    counts: str | None
    """Name of the group whose row j, of one column, says how many have contributed to row j of
    `group`; None: every row weighs `prior`."""
    prior: int = 1
    """What is added to each count, 1 to 2^32 - 1; without counts 1."""

    def __post_init__(self) -> None:
        if not LEAST_BITS <= self.bits <= MOST_BITS:
            raise SettingsError(
                f"values of a download have {LEAST_BITS} to {MOST_BITS} bits, not {self.bits}"
            )
        if not 1 <= self.prior < 2**32 or (self.counts is None and self.prior != 1):
            raise SettingsError(
                "what a download adds to counts is from 1 to 2^32 - 1, and 1 without counts"
            )

    @property
    def largest(self) -> int:
        """m, the largest size of a rounded value."""
        return (1 << (self.bits - 1)) - 1

    def check_shape(self, shape: TableShape) -> None:
        """Raise SettingsError unless a table of this shape has the groups."""
        groups = {group.name: group for group in shape.groups}
        if self.group not in groups or self.group == self.counts:
            raise SettingsError(f"there is no group {self.group!r} to round in a download")
        if self.counts is None:
            return
        counts = groups.get(self.counts)
        if counts is None or (counts.rows, counts.columns) != (groups[self.group].rows, 1):
            raise SettingsError(
                f"there is no group {self.counts!r} with a count for each row of {self.group!r}"
            )


def encode_table(shape: TableShape, terms: DownloadTerms | None, table: IntegerTable) -> bytes:
    """Return a table as it goes out: plain words, and with terms their group rounded behind them.

    Parameters
    ----------
    terms
        None: all groups travel as plain words.
    table
        Exact, each value within the word of its group.
    """
    if terms is None:
        return encode_words(shape, table)
    place, others = _split(shape, terms)
    weighted = table[place].astype(np.float64) / _weights(shape, terms, table)
    scales: NDArray[np.float32] = np.abs(weighted).max(axis=0).astype(_SCALE)
    divisors = np.where(scales > 0, scales, np.float32(1)).astype(np.float64)
    rounded = np.rint(weighted / divisors * terms.largest).astype(np.int64)
    words = encode_words(others, [part for at, part in enumerate(table) if at != place])
    return words + scales.tobytes() + _pack(rounded + terms.largest, terms.bits)


def decode_table(shape: TableShape, terms: DownloadTerms | None, data: bytes) -> list[Int64Array]:
    """Return the table that participants open.

    Raises
    ------
    MessageError
        Not as many bytes as the session's table takes, or bytes that no table is sent as.
    """
    if terms is None:
        return decode_words(shape, data)
    if len(data) != table_bytes(shape, terms):
        raise MessageError(
            f"a table of {len(data)} bytes where {table_bytes(shape, terms)} are due"
        )
    place, others = _split(shape, terms)
    group, plain = shape.groups[place], sum(word_sizes(others, None))
    scales = np.frombuffer(data, dtype=_SCALE, count=group.columns, offset=plain)
    if not np.isfinite(scales).all() or np.signbit(scales).any():
        raise MessageError(f"a scale of group {group.name!r} is negative or no number")
    packed = np.frombuffer(data, dtype=np.uint8, offset=plain + scales.nbytes)
    rounded = _unpack(packed, group.values, terms.bits) - terms.largest
    if rounded.max() > terms.largest:
        raise MessageError(f"a value of group {group.name!r} is beyond the scale of its column")
    table = decode_words(others, data[:plain])
    table.insert(place, rounded.reshape(group.rows, group.columns))
    weights = _weights(shape, terms, table)
    products = table[place] * scales.astype(np.float64) * weights / terms.largest
    table[place] = _within_word(group, np.rint(products))
    return table


def as_opened(
    shape: TableShape, terms: DownloadTerms | None, table: IntegerTable
) -> list[Int64Array]:
    """Return what participants open when a table goes out."""
    if terms is None:
        return list(table)
    return decode_table(shape, terms, encode_table(shape, terms, table))


def table_bytes(shape: TableShape, terms: DownloadTerms | None) -> int:
    """Return the size of a table as it goes out."""
    if terms is None:
        return sum(word_sizes(shape, None))
    place, others = _split(shape, terms)
    group = shape.groups[place]
    packed = -(-group.values * terms.bits // 8)
    return sum(word_sizes(others, None)) + group.columns * _SCALE.itemsize + packed


def _split(shape: TableShape, terms: DownloadTerms) -> tuple[int, TableShape]:
    """Return the place of the group that is rounded, and the shape of the others."""
    place = next(at for at, group in enumerate(shape.groups) if group.name == terms.group)
    return place, TableShape(shape.groups[:place] + shape.groups[place + 1 :])


def _weights(
    shape: TableShape, terms: DownloadTerms, table: IntegerTable
) -> NDArray[np.float64] | float:
    """Return n + prior for each row, shape (rows, 1)."""
    if terms.counts is None:
        return float(terms.prior)
    counts = next(
        part for group, part in zip(shape.groups, table, strict=True) if group.name == terms.counts
    )
    return np.maximum(counts, 0).astype(np.float64) + terms.prior


def _within_word(group: GroupShape, values: NDArray[np.float64]) -> Int64Array:
    bound = 1 << (group.word_bits - 1)
    # No larger than any word first: beyond 2^63 the conversion to integers is not defined.
    whole = np.clip(values, -_BEYOND_WORDS, _BEYOND_WORDS).astype(np.int64)
    return np.clip(whole, -bound, bound - 1)


def _pack(values: Int64Array, bits: int) -> bytes:
    """Return unsigned values without gaps: the first in the lowest bits of the first byte."""
    flat = values.reshape(-1)
    octets = np.zeros((-(-len(flat) // _OCTET), _OCTET), dtype=np.uint32)
    octets.reshape(-1)[: len(flat)] = flat
    packed = np.zeros((len(octets), bits), dtype=np.uint8)
    for column, byte, shift in _places(bits):
        packed[:, byte] |= _shifted(octets[:, column], shift).astype(np.uint8)
    return packed.tobytes()[: -(-len(flat) * bits // 8)]


def _unpack(packed: NDArray[np.uint8], count: int, bits: int) -> Int64Array:
    """Return values that `_pack` packed; raise MessageError if a bit behind them is set."""
    whole = np.zeros((-(-count // _OCTET), bits), dtype=np.uint8)
    whole.reshape(-1)[: len(packed)] = packed
    octets = np.zeros((len(whole), _OCTET), dtype=np.int64)
    for column, byte, shift in _places(bits):
        octets[:, column] |= _shifted(whole[:, byte].astype(np.int64), -shift)
    values = octets.reshape(-1) & ((1 << bits) - 1)
    if values[count:].any():
        raise MessageError("a bit behind the values of a table is set")
    return values[:count]


def _places(bits: int) -> list[tuple[int, int, int]]:
    """Return which of eight values reach into which byte, and how far they are shifted up there."""
    return [
        (column, byte, column * bits - 8 * byte)
        for column in range(_OCTET)
        for byte in range(column * bits // 8, (column * bits + bits - 1) // 8 + 1)
    ]


def _shifted(values: NDArray[np.integer], shift: int) -> NDArray[np.integer]:
    return values << shift if shift >= 0 else values >> -shift
