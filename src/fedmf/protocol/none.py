"""Protection `none`: distributed matrix factorization, Algorithm 1 of the paper.

The server reads every upload. It is the reference that every other protection must equal bit for
bit, and the exhibit of what leaks.

Payload: the words of the table, or of the uploaded rows, row by row, group by group; little-endian
signed, in the smallest of 1, 2, 4 and 8 bytes that holds a word of the group.
"""

from __future__ import annotations

import numpy as np

from fedmf.errors import FixedPointRangeError, MessageError
from fedmf.protocol.protection import ParticipantProtection, Protected, Rows, ServerProtection
from fedmf.protocol.session import Session
from fedmf.protocol.table import Change, GroupShape, Int64Array, IntegerTable, RowChange


class NoneParticipant(ParticipantProtection):
    """Sends and reads plain words."""

    def protect(self, change: Change, *, round_number: int, participant: int) -> Protected:
        """Return the words of the change."""
        del round_number, participant
        self.session.shape.check_change(change)
        values = (
            self.session.shape.dense(change)
            if self.session.upload == "full"
            else [part.values for part in change]
        )
        return Protected(_encoded(self.session, values))

    def open(self, payload: bytes, rows: Rows | None = None) -> IntegerTable:
        """Return the table, whichever rows are asked for: reading costs nothing."""
        del rows
        return _decoded(self.session, payload, None)

    def work(self, rows: Rows | None = None) -> int:
        """Return the number of words."""
        groups = self.session.shape.groups
        return sum(
            count * group.columns
            for group, count in zip(groups, _row_counts(self.session, rows), strict=True)
        )

    def payload_bytes(self, rows: Rows | None = None) -> int:
        """Return the size of so many words."""
        return sum(_sizes(self.session, rows))


class NoneServer(ServerProtection):
    """Adds plain words."""

    def start(self, table: IntegerTable) -> None:
        """Take the start table."""
        self.session.shape.check_table(table)
        self._table = [part.copy() for part in table]

    def add(self, payload: bytes, rows: Rows | None) -> None:
        """Add the words of an upload."""
        change = _decoded(self.session, payload, rows)
        groups = self.session.shape.groups
        chosen = [np.arange(group.rows) for group in groups] if rows is None else rows
        sums = [old[at] + new for old, at, new in zip(self._table, chosen, change, strict=True)]
        self._check(chosen, change)
        self._check(chosen, sums)
        for old, at, new in zip(self._table, chosen, sums, strict=True):
            old[at] = new

    def _check(self, rows: Rows, values: IntegerTable) -> None:
        try:
            self.session.shape.check_change(list(map(RowChange, rows, values)))
        except FixedPointRangeError as error:
            raise MessageError(f"an upload that no honest participant sends: {error}") from error

    def payload(self) -> bytes:
        """Return the words of the table."""
        return _encoded(self.session, self._table)

    def restore(self, payload: bytes) -> None:
        """Take words that `payload` returned."""
        self._table = _decoded(self.session, payload, None)


def _word_type(group: GroupShape) -> np.dtype[np.signedinteger]:
    size = next(size for size in (1, 2, 4, 8) if 8 * size >= group.word_bits)
    return np.dtype(f"<i{size}")


def _encoded(session: Session, values: IntegerTable) -> bytes:
    return b"".join(
        part.astype(_word_type(group)).tobytes()
        for group, part in zip(session.shape.groups, values, strict=True)
    )


def _decoded(session: Session, payload: bytes, rows: Rows | None) -> list[Int64Array]:
    groups = session.shape.groups
    counts, sizes = _row_counts(session, rows), _sizes(session, rows)
    if len(payload) != sum(sizes):
        raise MessageError(f"a payload of {len(payload)} bytes where {sum(sizes)} are due")
    parts, offset = [], 0
    for group, count, size in zip(groups, counts, sizes, strict=True):
        words = np.frombuffer(payload[offset : offset + size], dtype=_word_type(group))
        parts.append(words.astype(np.int64).reshape(count, group.columns))
        offset += size
    return parts


def _row_counts(session: Session, rows: Rows | None) -> list[int]:
    if rows is None:
        return [group.rows for group in session.shape.groups]
    return [len(listed) for listed in rows]


def _sizes(session: Session, rows: Rows | None) -> list[int]:
    return [
        count * group.columns * _word_type(group).itemsize
        for group, count in zip(session.shape.groups, _row_counts(session, rows), strict=True)
    ]
