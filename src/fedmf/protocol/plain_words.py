"""Integers as plain words: what the server reads under `none`, and tables once they are opened.

The words of the table, or of some rows, row by row, group by group; little-endian signed, in the
smallest of 1, 2, 4 and 8 bytes that holds a word of the group.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fedmf.errors import MessageError
from fedmf.protocol.table import Change, GroupShape, Int64Array, IntegerTable, TableShape


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
