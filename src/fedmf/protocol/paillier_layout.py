"""How the values of a table lie in Paillier ciphertexts.

The values of every group of every part of the table (see `fedmf.protocol.slices`; without slices
there is one part, the whole table) are cut into runs, and each run into pieces of as many values as
a ciphertext holds beside its tag; no piece holds values of two runs. With ``upload="part"`` every
row is a run of its own, so that the rated rows can be sent alone. Otherwise all rows of a group in
a part are one run, so that they are packed densely.

What one ciphertext holds is opened, and its tag checked, as a whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from fedmf.crypto.packing import TaggedPacking
from fedmf.protocol.piece_tags import tag_slot_bits
from fedmf.protocol.session import Session
from fedmf.protocol.table import GroupShape, Int64Array, Rows


@dataclass(frozen=True, eq=False, slots=True)
class GroupLayout:
    """How the values of one group, as far as they are in one part, lie in ciphertexts."""

    packing: TaggedPacking
    """How a piece becomes a plaintext."""
    group: GroupShape
    """The group, with only the rows of the part."""
    part: int
    place: int
    rows: Int64Array
    """Number of the part, place of the group in the table, and the rows."""
    runs: int
    """Into how many runs it is cut."""
    first_value: int
    first_piece: int
    """How many values and pieces the layouts before this one have."""

    @property
    def values_per_run(self) -> int:
        """Values in one run."""
        return self.group.values // self.runs

    @property
    def pieces_per_run(self) -> int:
        """Pieces that one run is cut into."""
        return math.ceil(self.values_per_run / self.packing.values.slots)

    @property
    def pieces(self) -> int:
        """Pieces, and so ciphertexts, of the whole group."""
        return self.runs * self.pieces_per_run

    def of_rows(self, rows: Int64Array) -> Int64Array:
        """Return the numbers of the pieces that hold any value of these rows, ascending.

        Parameters
        ----------
        rows
            Counted within the part, ascending.
        """
        slots, columns = self.packing.values.slots, self.group.columns
        run, first_in_run = np.divmod(rows * columns, self.values_per_run)
        start = run * self.pieces_per_run + first_in_run // slots
        last = (first_in_run + columns - 1) // slots - first_in_run // slots
        spread = [np.arange(s, s + n + 1) for s, n in zip(start, last, strict=True)]
        return np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *spread]))

    def cut(self, values: Int64Array) -> Iterator[Int64Array]:
        """Cut the values of whole runs, one after the other, into pieces."""
        slots = self.packing.values.slots
        for run in values.reshape(-1, self.values_per_run):
            for start in range(0, self.values_per_run, slots):
                yield run[start : start + slots]

    def within(self, rows: Int64Array) -> Int64Array:
        """Return those of some rows of the table that are in the part, as it counts them."""
        return np.flatnonzero(np.isin(self.rows, rows, assume_unique=True))

    def span(self, piece: int) -> slice:
        """Return where in the flat group the values of a piece belong."""
        run, position = divmod(piece, self.pieces_per_run)
        slots = self.packing.values.slots
        start = run * self.values_per_run + position * slots
        return slice(start, min(start + slots, (run + 1) * self.values_per_run))


def layouts_of(session: Session, key_bits: int) -> list[GroupLayout]:
    """Return the layout of each group of each part of a session's table."""
    tag_bits = tag_slot_bits(session)
    layouts: list[GroupLayout] = []
    values = pieces = 0
    for number, part in enumerate(session.schedule.parts):
        for group, (place, rows) in zip(part.shape.groups, part.rows, strict=True):
            packing = TaggedPacking.fitting(key_bits, slot_bits=group.word_bits, tag_bits=tag_bits)
            runs = group.rows if session.upload == "part" else 1
            layouts.append(GroupLayout(packing, group, number, place, rows, runs, values, pieces))
            values, pieces = values + group.values, pieces + layouts[-1].pieces
    return layouts


def pieces_of(layouts: list[GroupLayout], rows: Rows | None = None) -> list[Int64Array]:
    """Return for each layout the numbers of the pieces that hold any of these rows; None: all."""
    if rows is None:
        return [np.arange(layout.pieces) for layout in layouts]
    return [layout.of_rows(layout.within(rows[layout.place])) for layout in layouts]


def travelling_pieces(layouts: list[GroupLayout], parts: Sequence[int]) -> list[Int64Array]:
    """Return for each layout the numbers of the pieces that travel with parts: all or none."""
    return [np.arange(layout.pieces if layout.part in parts else 0) for layout in layouts]


def counted_over_all(layouts: list[GroupLayout], pieces: list[Int64Array]) -> Int64Array:
    """Return the numbers of pieces, counted over all layouts."""
    return np.concatenate(
        [layout.first_piece + listed for layout, listed in zip(layouts, pieces, strict=True)]
    )


def other_pieces(layouts: list[GroupLayout], pieces: list[Int64Array]) -> Int64Array:
    """Return the numbers, counted over all layouts, of all pieces but these."""
    others = np.ones(sum(layout.pieces for layout in layouts), dtype=bool)
    others[counted_over_all(layouts, pieces)] = False
    return np.flatnonzero(others)
