"""Gathers the checked cells of a source, block after block."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fedmf.ratings.blocks import Block, Unchecked
from fedmf.ratings.cells import (
    REMEDY,
    Bools,
    Floats,
    Grown,
    IdCells,
    Rows,
    from_numpy,
    is_empty,
    plain_array,
    report_cells,
)
from fedmf.ratings.identifiers import Id
from fedmf.ratings.problems import count_of
from fedmf.ratings.reading import Guess
from fedmf.ratings.scale import RatingScale
from fedmf.ratings.times import TimeCells
from fedmf.ratings.values import ValueCells


@dataclass(slots=True)
class GatheredColumns:
    """What is left of a source's columns."""

    user_ids: tuple[Id, ...]
    item_ids: tuple[Id, ...]
    users: npt.NDArray[np.int32]
    items: npt.NDArray[np.int32]
    values: Floats
    timestamps: npt.NDArray[np.int64] | None
    notes: list[str]
    guesses: list[Guess]

    def keep(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> None:
        """Leave out all other rows, and the users and items that have none any more."""
        self.users, self.items, self.values = self.users[rows], self.items[rows], self.values[rows]
        if self.timestamps is not None:
            self.timestamps = self.timestamps[rows]
        self.users, self.user_ids = _without_unused(self.users, self.user_ids)
        self.items, self.item_ids = _without_unused(self.items, self.item_ids)


@dataclass(slots=True)
class Gathering:
    """Gathers checked cells, block after block."""

    source: Unchecked
    ids: dict[str, IdCells]
    reader: ValueCells | None
    times: TimeCells | None
    values: Grown = field(default_factory=lambda: Grown(np.float64))
    empty: int = 0
    rows: int = 0

    @classmethod
    def of(cls, source: Unchecked) -> Gathering:
        """Begin to gather what a source holds."""
        names, reading = source.names, source.reading
        reader = times = None
        if "rating" in names:
            reader = ValueCells(
                names["rating"],
                reading.decimal,
                reading.not_rated,
                empty_is_unrated=source.empty_is_unrated,
            )
        if "timestamp" in names:
            times = TimeCells(names["timestamp"], said=reading.time_column is not None)
        ids = {role: IdCells(names[role]) for role in ("user", "item") if role in names}
        return cls(source, ids, reader, times)

    def add(self, block: Block) -> None:
        """Check and take the next rows."""
        problems = self.source.problems
        block = self._without_empty(block)
        rows = block.rows
        if self.reader is not None:
            values, unrated = self.reader.read(block.cells["rating"], rows, problems)
            scale = self.source.reading.rating_scale
            if scale is not None:
                self._check_scale(block.cells["rating"], values, unrated, rows, scale)
            if unrated.any():
                kept = ~unrated
                values, block = values[kept], _filtered(block, kept)
            self.values.add(values)
        for role, cells in self.ids.items():
            cells.add(block.cells[role], block.rows, problems)
        if self.times is not None:
            self.times.add(block.cells["timestamp"], block.rows, problems)
        self.rows += len(block.rows)

    def _check_scale(
        self, cells: pa.Array, values: Floats, unrated: Bools, rows: Rows, scale: RatingScale
    ) -> None:
        outside = (values < scale.lowest) | (values > scale.highest)
        sentence = f"is outside the scale {scale}; {REMEDY}, or say another --scale when training"
        bad = outside & np.isfinite(values) & ~unrated
        report_cells(self.source.names["rating"], cells, bad, rows, sentence, self.source.problems)

    def _without_empty(self, block: Block) -> Block:
        """Leave out rows in which nothing stands."""
        nothing = None
        for cells in block.cells.values():
            missing = is_empty(cells)
            nothing = missing if nothing is None else nothing & missing
            if not nothing.any():
                return block
        if nothing is None or self.source.empty_is_unrated:
            return block
        self.empty += int(nothing.sum())
        return _filtered(block, ~nothing)

    def finished(self) -> GatheredColumns:
        """Return all columns; raise DataError for all that was wrong."""
        problems, notes = self.source.problems, list[str]()
        guesses = []
        if self.empty:
            notes.append(f"{count_of(self.empty, 'empty row was', 'empty rows were')} skipped")
        if not (self.rows or problems):
            problems.add("there is not a single rating in it; add some")
        found = {role: cells.finished(notes) for role, cells in self.ids.items()}
        times = None if self.times is None else self.times.finished(problems, notes)
        problems.raise_if_any()
        values = self.values.finished() if self.reader else np.ones(self.rows)
        if self.reader is not None:
            guesses += _about_values(self.reader, self.source)
        items, item_ids = found["item"]
        users, user_ids = found.get("user", (np.zeros(len(items), dtype=np.int32), ("",)))
        return GatheredColumns(user_ids, item_ids, users, items, values, times, notes, guesses)


def _about_values(reader: ValueCells, source: Unchecked) -> list[Guess]:
    guesses = []
    said = source.reading.not_rated
    if reader.decimal is not None:
        why = "you said so" if source.reading.decimal else "numbers with commas"
        guesses.append(Guess("decimal mark", reader.decimal, why, "--decimal"))
    if said or source.empty_is_unrated:
        found = [repr(one) for one in said] + ["an empty cell"] * source.empty_is_unrated
        why = f"{reader.unrated:,} of them; " + ("you said so" if said else "a cell for each item")
        guesses.append(Guess("not rated", " or ".join(found), why, "--not-rated"))
    return guesses


def _filtered(block: Block, kept: npt.NDArray[np.bool_]) -> Block:
    mask = from_numpy(kept)
    # Codes are made anew, because values of rows that are left out must not remain.
    cells = {role: plain_array(one.filter(mask)) for role, one in block.cells.items()}
    return Block(cells, block.rows[kept])


def _without_unused(
    codes: npt.NDArray[np.int32], ids: tuple[Id, ...]
) -> tuple[npt.NDArray[np.int32], tuple[Id, ...]]:
    used = np.bincount(codes, minlength=len(ids)) > 0
    if used.all():
        return codes, ids
    renumbered = (np.cumsum(used) - 1).astype(np.int32)
    kept = tuple(one for one, is_used in zip(ids, used.tolist(), strict=True) if is_used)
    return renumbered[codes], kept
