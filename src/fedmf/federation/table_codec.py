"""Fixed point: where the learning wing's real numbers become integers, and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fedmf.crypto.fixed_point import FixedPoint
from fedmf.crypto.word_size import plan_word_bits
from fedmf.model import Contribution, FloatTable, RowGroup, RowValues
from fedmf.protocol import Change, GroupShape, Int64Array, IntegerTable, RowChange, TableShape


class TableCodec:
    """Encodes tables and contributions of one federation, group by group.

    Parameters
    ----------
    groups
        All row groups of the table, in order.
    users
        All users of the federation: the largest number of contributions that words must hold.
    largest_participant
        Users of the largest participant, whose change is a difference of two sums over them.

    Raises
    ------
    WordSizeError
        No word size holds the sum.
    """

    def __init__(
        self, groups: Sequence[RowGroup], users: int, largest_participant: int = 1
    ) -> None:
        self._groups = tuple(groups)
        self.shape = TableShape(
            tuple(
                GroupShape(
                    group.name,
                    group.rows,
                    group.columns,
                    plan_word_bits(
                        contributions=max(users, 2 * largest_participant),
                        limit=group.limit,
                        fraction_bits=group.fraction_bits,
                        start_limit=group.start_limit,
                        what=f"group {group.name!r}",
                    ),
                )
                for group in groups
            )
        )

    def position(self, name: str) -> int:
        """Return where in an integer table a group stands."""
        return next(k for k, group in enumerate(self._groups) if group.name == name)

    def encode_table(self, table: FloatTable) -> IntegerTable:
        """Return the integers of a start table.

        Raises
        ------
        FixedPointRangeError
            A value beyond its group's `start_limit`.
        """
        return [
            FixedPoint(group.fraction_bits, group.start_limit).encode(
                table[group.name], what=f"start table, group {group.name!r}"
            )
            for group in self._groups
        ]

    def decode_table(self, table: IntegerTable) -> FloatTable:
        """Return the real numbers that an opened table stands for."""
        return {
            group.name: FixedPoint(group.fraction_bits, group.limit).decode(part)
            for group, part in zip(self._groups, table, strict=True)
        }

    def encode_contribution(self, contribution: Contribution, users: int) -> Change:
        """Return the integers of a contribution; groups that it lacks get nothing.

        Raises
        ------
        FixedPointRangeError
            A value beyond ``users * limit`` of its group; names value, row and range.
        """
        return [
            self._encoded(group, contribution[group.name], users)
            if group.name in contribution
            else RowChange(np.zeros(0, np.int64), np.zeros((0, group.columns), np.int64))
            for group in self._groups
        ]

    def nothing(self) -> Change:
        """Return a change of no row."""
        return self.encode_contribution({}, users=0)

    def decode_contribution(self, contribution: Change) -> Contribution:
        """Return the real numbers of an encoded contribution."""
        return {
            group.name: RowValues(
                part.rows, FixedPoint(group.fraction_bits, group.limit).decode(part.values)
            )
            for group, part in zip(self._groups, contribution, strict=True)
        }

    def _encoded(self, group: RowGroup, part: RowValues, users: int) -> RowChange:
        fixed = FixedPoint(group.fraction_bits, users * group.limit)
        what = f"contribution to group {group.name!r}"
        return RowChange(part.rows, fixed.encode(part.values, what=what, rows=part.rows))


def difference(new: Change, old: Change | None) -> Change:
    """Return new - old, row by row; None stands for zero. This is what a participant uploads."""
    if old is None:
        return new
    return [_row_difference(n, o) for n, o in zip(new, old, strict=True)]


def _row_difference(new: RowChange, old: RowChange) -> RowChange:
    if np.array_equal(new.rows, old.rows):
        if np.array_equal(new.values, old.values):
            # A part upload has nothing to name in a group that stays as it is.
            return RowChange(new.rows[:0], new.values[:0])
        return RowChange(new.rows, new.values - old.values)
    rows: Int64Array = np.union1d(new.rows, old.rows)
    values = np.zeros((len(rows), new.values.shape[1]), dtype=np.int64)
    values[np.searchsorted(rows, new.rows)] += new.values
    values[np.searchsorted(rows, old.rows)] -= old.values
    return RowChange(rows, values)
