"""Integer tables as the secrecy wing sees them: groups of rows, a word size a group, no meaning.

*Plain words* are what the server reads under `none`, and tables once they are opened: the words of
the table, or of some rows, row by row, group by group; little-endian signed, in the smallest of 1,
2, 4 and 8 bytes that holds a word of the group.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fedmf.errors import FixedPointRangeError, MessageError, SettingsError

Int64Array = NDArray[np.int64]
IntegerTable = Sequence[Int64Array]
"""One int64 array of shape (rows, columns) for each group, in the order of the shape."""


@dataclass(frozen=True, slots=True)
class GroupShape:
    """Rows that share their columns and their word."""

    name: str
    """Name of the group; part of the session's canonical bytes."""
    rows: int
    columns: int
    """From 1 to 2^32 - 1."""
    word_bits: int
    """Bits of the signed word that holds the final value of a sum."""

    def __post_init__(self) -> None:
        sizes = (self.rows, self.columns)
        if not all(1 <= size < 2**32 for size in sizes) or not 2 <= self.word_bits <= 62:
            raise SettingsError(
                f"group {self.name!r} cannot have {self.rows} rows, {self.columns} columns and "
                f"words of {self.word_bits} bits: 1 to 2^32 - 1 rows and columns, words of 2 to 62"
            )

    @property
    def values(self) -> int:
        """Number of values in the group."""
        return self.rows * self.columns


@dataclass(frozen=True, slots=True, repr=False)
class RowChange:
    """The change of some rows of one group."""

    rows: Int64Array
    """int64 row numbers, ascending, each at most once, shape (k,)."""
    values: Int64Array
    """int64, shape (k, columns)."""


Rows = Sequence[Int64Array]
"""Row numbers, one ascending int64 array for each group."""

Change = Sequence[RowChange]
"""One `RowChange` for each group, in the order of the shape; rows not listed change by zero."""


@dataclass(frozen=True, slots=True)
class TableShape:
    """The groups of a table, in order."""

    groups: tuple[GroupShape, ...]

    @property
    def values(self) -> int:
        """Number of values in the table."""
        return sum(group.values for group in self.groups)

    def zeros(self) -> list[Int64Array]:
        """Return a table of zeros."""
        return [np.zeros((group.rows, group.columns), dtype=np.int64) for group in self.groups]

    def check_table(self, table: IntegerTable) -> None:
        """Raise unless `table` has this shape and every value fits its group's word.

        Raises
        ------
        SettingsError
            Other shapes.
        FixedPointRangeError
            A value that its word cannot hold.
        """
        if [part.shape for part in table] != [(group.rows, group.columns) for group in self.groups]:
            raise SettingsError("the table does not have the shape of the session")
        for group, part in zip(self.groups, table, strict=True):
            check_words(group, part, np.arange(group.rows))

    def check_change(self, change: Change) -> None:
        """Raise unless `change` fits this shape and every value fits its group's word.

        Raises
        ------
        SettingsError
            Rows that do not exist or are not in ascending order, or another number of columns.
        FixedPointRangeError
            A value that its word cannot hold; named before anything is protected.
        """
        if len(change) != len(self.groups):
            raise SettingsError(
                f"a change of {len(change)} groups for a table of {len(self.groups)}"
            )
        for group, part in zip(self.groups, change, strict=True):
            rows = part.rows
            if part.values.shape != (len(rows), group.columns):
                raise SettingsError(f"group {group.name!r}: the values do not fit the listed rows")
            if len(rows) and (rows[0] < 0 or rows[-1] >= group.rows or np.any(np.diff(rows) <= 0)):
                raise SettingsError(
                    f"group {group.name!r}: row numbers must ascend within 0 to {group.rows - 1}"
                )
            check_words(group, part.values, rows)

    def dense(self, change: Change) -> list[Int64Array]:
        """Return the change of all rows, zeros included."""
        table = self.zeros()
        for part, all_rows in zip(change, table, strict=True):
            all_rows[part.rows] = part.values
        return table

    def flat_change(self, change: Change) -> Int64Array:
        """Return the change of all values in one array, zeros included, shape (values,)."""
        flat = np.zeros(self.values, dtype=np.int64)
        for part, all_rows in zip(change, self.table(flat), strict=True):
            all_rows[part.rows] = part.values
        return flat

    def flat(self, table: IntegerTable) -> Int64Array:
        """Return all values in one array, group after group, row after row, shape (values,)."""
        return np.concatenate([part.reshape(-1) for part in table])

    def table(self, flat: Int64Array) -> list[Int64Array]:
        """Return the table whose values `flat` holds, as views into it."""
        return [
            part.reshape(group.rows, group.columns)
            for group, part in zip(self.groups, self._parts(flat), strict=True)
        ]

    def _parts(self, flat: Int64Array) -> list[Int64Array]:
        return np.split(flat, np.cumsum([group.values for group in self.groups])[:-1])


def centred(values: Int64Array, bits: int, out: Int64Array | None = None) -> Int64Array:
    """Return values modulo 2^bits, from -2^(bits-1) to 2^(bits-1) - 1; bits from 1 to 64.

    Parameters
    ----------
    out
        Where to put them, which may be the values themselves; a new array unless given.
    """
    above = 64 - bits
    wrapped = np.left_shift(values, above, out=out)
    wrapped >>= above
    return wrapped


def table_sha256(table: IntegerTable) -> str:
    """Return the SHA-256 of a table: its values as little-endian int64, row by row, group by group.

    Runs with the same seed have the same digest under every protection.
    """
    digest = hashlib.sha256()
    for part in table:
        digest.update(np.ascontiguousarray(part, dtype="<i8").tobytes())
    return digest.hexdigest()


def check_words(group: GroupShape, values: Int64Array, rows: Int64Array) -> None:
    """Raise FixedPointRangeError unless these values of some rows fit their group's word."""
    bound = 1 << (group.word_bits - 1)
    if not values.size or (values.min() >= -bound and values.max() < bound):
        return
    at, column = np.argwhere((values < -bound) | (values >= bound))[0]
    raise FixedPointRangeError(
        f"value {int(values[at, column])} in row {int(rows[at])} of group {group.name!r} does "
        f"not fit a word of {group.word_bits} bits (from {-bound} to {bound - 1})"
    )


def encode_words(shape: TableShape, values: IntegerTable) -> bytes:
    """Return the words of a table, or of some rows of it."""
    return b"".join(
        part.astype(_word_type(group), order="C").data
        for group, part in zip(shape.groups, values, strict=True)
    )


def encode_change(shape: TableShape, change: Change) -> bytes:
    """Return the words of a change of the whole table: zeros where it lists no row."""
    parts = []
    for group, part in zip(shape.groups, change, strict=True):
        words = np.zeros((group.rows, group.columns), dtype=_word_type(group))
        words[part.rows] = part.values
        parts.append(words.data)
    return b"".join(parts)


def decode_words(
    shape: TableShape, data: bytes, rows: Sequence[Int64Array] | None = None
) -> list[Int64Array]:
    """Return the values of words.

    Parameters
    ----------
    rows
        Which rows they are; None: all.

    Raises
    ------
    MessageError
        Not as many bytes as these rows take.
    """
    counts, sizes = row_counts(shape, rows), word_sizes(shape, rows)
    if len(data) != sum(sizes):
        raise MessageError(f"a payload of {len(data)} bytes where {sum(sizes)} are due")
    parts, offset = [], 0
    for group, count, size in zip(shape.groups, counts, sizes, strict=True):
        values = count * group.columns
        words = np.frombuffer(data, dtype=_word_type(group), count=values, offset=offset)
        parts.append(words.astype(np.int64).reshape(count, group.columns))
        offset += size
    return parts


def row_counts(shape: TableShape, rows: Sequence[Int64Array] | None) -> list[int]:
    """Return how many rows of each group these are."""
    if rows is None:
        return [group.rows for group in shape.groups]
    return [len(listed) for listed in rows]


def word_sizes(shape: TableShape, rows: Sequence[Int64Array] | None) -> list[int]:
    """Return how many bytes these rows take in each group."""
    return [
        count * group.columns * _word_type(group).itemsize
        for group, count in zip(shape.groups, row_counts(shape, rows), strict=True)
    ]


def _word_type(group: GroupShape) -> np.dtype[np.signedinteger]:
    size = next(size for size in (1, 2, 4, 8) if 8 * size >= group.word_bits)
    return np.dtype(f"<i{size}")
