"""Which rows of the table travel in which round: all of them, or a public slice.

With ``upload="slices"`` the rows of some groups are dealt out to P slices by a public seed. Rounds
take the slices in turn, and every participant uploads all rows of the round's slice, zeros
included, besides the groups that are not cut. Who rated what shows no more than with ``"full"``:
schedule and sizes depend on nobody's ratings.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fedmf.crypto.derivation import Keystream, labelled_hash
from fedmf.errors import SettingsError
from fedmf.protocol.json_fields import JsonFields
from fedmf.protocol.table import Change, GroupShape, Int64Array, IntegerTable, RowChange, TableShape

MOST_SLICES = 256


@dataclass(frozen=True, slots=True)
class SliceTerms(JsonFields):
    """How the table is cut; part of what a session's participants agree upon.

    Raises
    ------
    SettingsError
        Values that cannot be.
    """

    count: int
    """P, from 2 to 256."""
    seed: int
    """Public; equal seeds cut equally, under every protection."""
    groups: tuple[str, ...]
    """Names of the groups that are cut. They have equally many rows, and row j of each of them is
    in the same slice."""
    setup_rounds: int = 0
    """How many rounds come before the slices' turns."""
    whole_at_setup: tuple[str, ...] = ()
    """Those of the groups that travel whole in these rounds; the others stay at home then."""

    def __post_init__(self) -> None:
        if not 2 <= self.count <= MOST_SLICES:
            raise SettingsError(f"a table is cut into 2 to {MOST_SLICES} slices, not {self.count}")
        if not 0 <= self.seed < 2**63 or self.setup_rounds < 0:
            raise SettingsError("the seed and the set-up rounds of slices are not negative")
        if not self.groups or not set(self.whole_at_setup) <= set(self.groups):
            raise SettingsError(
                "slices are of one group or more; those whole at set-up are of them"
            )

    def check_shape(self, shape: TableShape) -> None:
        """Check that a table can be cut, without looking at its rows.

        Raises
        ------
        SettingsError
            It cannot be.
        """
        sizes = {group.name: group.rows for group in shape.groups}
        if not set(self.groups) <= sizes.keys():
            raise SettingsError("slices are of groups of the table")
        cut = {sizes[name] for name in self.groups}
        if len(cut) != 1 or min(cut) < self.count:
            raise SettingsError(
                f"{self.count} slices take groups with equally many rows, {self.count} at least"
            )

    def slice_of(self, rows: int) -> Int64Array:
        """Return the slice of each row, shape (rows,).

        Rows are ordered by 64 bits that a keystream makes of the seed for each of them (in case
        of a draw by their number) and dealt out in turn: slices differ by one row at the most.
        """
        key = labelled_hash("slices", self.seed.to_bytes(8, "little"))
        drawn = Keystream(key).take(8 * rows).view("<u8")
        slices = np.empty(rows, dtype=np.int64)
        slices[np.argsort(drawn, kind="stable")] = np.arange(rows) % self.count
        return slices


@dataclass(frozen=True, eq=False)
class TablePart:
    """Some rows of some groups of a table, which travel together."""

    table: TableShape
    """Shape of the whole table."""
    rows: tuple[tuple[int, Int64Array], ...]
    """Places of groups in the table, and of each the rows that belong to the part, ascending."""

    @cached_property
    def shape(self) -> TableShape:
        """Shape of the part: a table of its own."""
        return TableShape(
            tuple(
                GroupShape(group.name, len(rows), group.columns, group.word_bits)
                for group, rows in ((self.table.groups[place], rows) for place, rows in self.rows)
            )
        )

    @cached_property
    def is_whole(self) -> bool:
        """Whether the part is the whole table."""
        return self.shape == self.table

    @cached_property
    def holds(self) -> list[NDArray[np.bool_]]:
        """For each group of the table whether the part has its rows, shape (rows,)."""
        held = [np.zeros(group.rows, dtype=np.bool_) for group in self.table.groups]
        for place, rows in self.rows:
            held[place][rows] = True
        return held

    def rows_by_group(self) -> list[Int64Array]:
        """Return the part's rows of each group of the table, ascending."""
        return [np.flatnonzero(held) for held in self.holds]

    def holds_any(self, rows: Sequence[Int64Array]) -> bool:
        """Return whether any of some rows, listed by group of the table, is in the part."""
        return any(held[listed].any() for held, listed in zip(self.holds, rows, strict=True))

    def holds_all(self, rows: Sequence[Int64Array]) -> bool:
        """Return whether all of some rows are in the part."""
        return all(held[listed].all() for held, listed in zip(self.holds, rows, strict=True))

    def take(self, table: IntegerTable) -> list[Int64Array]:
        """Return the part's values of a table of the whole shape."""
        if self.is_whole:
            return list(table)
        return [table[place][rows] for place, rows in self.rows]

    def put(self, table: IntegerTable, values: IntegerTable) -> None:
        """Write the part's values into a table of the whole shape."""
        for (place, rows), part in zip(self.rows, values, strict=True):
            table[place][rows] = part

    def take_change(self, change: Change) -> list[RowChange]:
        """Return a change of the table as one of the part.

        Raises
        ------
        SettingsError
            It changes rows that are not in the part.
        """
        if self.is_whole:
            return list(change)
        taken, found = [], 0
        for place, rows in self.rows:
            theirs = change[place]
            inside = np.isin(theirs.rows, rows, assume_unique=True)
            found += int(inside.sum())
            taken.append(
                RowChange(np.searchsorted(rows, theirs.rows[inside]), theirs.values[inside])
            )
        if found != sum(len(theirs.rows) for theirs in change):
            raise SettingsError("a change of rows that do not travel in this round")
        return taken

    def updated(self, old: Change | None, new: Change) -> Change:
        """Return `new` in the rows of the part, and `old`, or nothing, in all others."""
        if self.is_whole:
            return new
        return [
            self._updated(place, None if old is None else old[place], theirs)
            for place, theirs in enumerate(new)
        ]

    def _updated(self, place: int, old: RowChange | None, new: RowChange) -> RowChange:
        travels = self.holds[place]
        fresh = travels[new.rows]
        if old is None:
            return RowChange(new.rows[fresh], new.values[fresh])
        stale = ~travels[old.rows]
        rows = np.concatenate([new.rows[fresh], old.rows[stale]])
        values = np.concatenate([new.values[fresh], old.values[stale]])
        order = np.argsort(rows)
        return RowChange(rows[order], values[order])


@dataclass(frozen=True, eq=False, slots=True)
class Load:
    """What travels in a round: some parts, and all of them as one."""

    numbers: tuple[int, ...]
    part: TablePart


@dataclass(frozen=True, eq=False, slots=True)
class Schedule:
    """The parts of a session's table, and which of them travel when."""

    parts: tuple[TablePart, ...]
    """Every row of the table is in one part."""
    setup: Load
    """What travels in each of the set-up rounds."""
    turns: tuple[Load, ...]
    """What travels in the rounds thereafter, in turn."""
    setup_rounds: int
    """Rounds before the first turn."""

    @classmethod
    def of(cls, shape: TableShape, terms: SliceTerms | None) -> Schedule:
        """Return the schedule of a table.

        Parameters
        ----------
        terms
            How the table is cut; None: all of it travels in every round.

        Raises
        ------
        SettingsError
            The table cannot be cut that way.
        """
        names = [group.name for group in shape.groups]
        if terms is None:
            whole = _all_rows(shape, range(len(names)))
            load = Load((0,), whole)
            return cls((whole,), load, (load,), 0)
        terms.check_shape(shape)
        cut = [names.index(name) for name in terms.groups]
        slices = terms.slice_of(shape.groups[cut[0]].rows)
        parts = [
            TablePart(shape, ((place, np.flatnonzero(slices == number)),))
            for number in range(terms.count)
            for place in cut
        ]
        shared = [place for place in range(len(names)) if place not in cut]
        always = range(len(parts), len(parts) + bool(shared))
        if shared:
            parts.append(_all_rows(shape, shared))
        at_setup = [
            number
            for number in range(terms.count * len(cut))
            if terms.groups[number % len(cut)] in terms.whole_at_setup
        ]
        turns = [
            range(first, first + len(cut)) for first in range(0, terms.count * len(cut), len(cut))
        ]
        return cls(
            tuple(parts),
            _load(parts, (*at_setup, *always)),
            tuple(_load(parts, (*turn, *always)) for turn in turns),
            terms.setup_rounds,
        )

    @property
    def loads(self) -> tuple[Load, ...]:
        """All that ever travels in a round."""
        return (self.setup, *self.turns)

    def load(self, counted_round: int) -> Load:
        """Return what travels in a round.

        Parameters
        ----------
        counted_round
            From 1; void rounds do not count.
        """
        if counted_round <= self.setup_rounds:
            return self.setup
        return self.turns[(counted_round - self.setup_rounds - 1) % len(self.turns)]

    def carrying(self, rows: Sequence[Int64Array]) -> TablePart | None:
        """Return what travels where some rows do, listed by group; None: no round carries all."""
        return next((load.part for load in self.loads if load.part.holds_all(rows)), None)

    def times(self, number: int, rounds: int) -> int:
        """Return how often a part travels in this many rounds."""
        turns = max(rounds - self.setup_rounds, 0)
        in_turns = sum(
            len(range(first, turns, len(self.turns)))
            for first, load in enumerate(self.turns)
            if number in load.numbers
        )
        return in_turns + (number in self.setup.numbers) * min(rounds, self.setup_rounds)


def _load(parts: Sequence[TablePart], numbers: tuple[int, ...]) -> Load:
    rows = tuple(one for number in numbers for one in parts[number].rows)
    return Load(numbers, TablePart(parts[0].table, rows))


def _all_rows(shape: TableShape, places: Iterable[int]) -> TablePart:
    return TablePart(shape, tuple((place, np.arange(shape.groups[place].rows)) for place in places))
