"""How the values of a table lie in Paillier ciphertexts.

The values of a group are cut into runs, and each run into pieces of as many values as a ciphertext
holds beside its tag; no piece holds values of two runs. With ``upload="full"`` the whole group is
one run, so that its rows are packed densely. With ``upload="part"`` every row is a run of its own,
so that the rated rows can be sent alone.

What one ciphertext holds is opened, and its tag checked, as a whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fedmf.crypto.tagged_packing import TaggedPacking
from fedmf.protocol.piece_tags import tag_slot_bits
from fedmf.protocol.protection import Rows
from fedmf.protocol.session import Session
from fedmf.protocol.table import GroupShape, Int64Array


@dataclass(frozen=True, slots=True)
class GroupLayout:
    """How the values of one group lie in ciphertexts.

    Parameters
    ----------
    packing
        How a piece becomes a plaintext.
    group
        The group.
    runs
        Into how many runs it is cut.
    first_value, first_piece
        How many values and pieces the groups before this one have.
    """

    packing: TaggedPacking
    group: GroupShape
    runs: int
    first_value: int
    first_piece: int

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
        """Return the numbers of the pieces that hold any value of these rows, ascending."""
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

    def place(self, piece: int) -> slice:
        """Return where in the flat group the values of a piece belong."""
        run, position = divmod(piece, self.pieces_per_run)
        slots = self.packing.values.slots
        start = run * self.values_per_run + position * slots
        return slice(start, min(start + slots, (run + 1) * self.values_per_run))


def layouts_of(session: Session, key_bits: int) -> list[GroupLayout]:
    """Return the layout of each group of a session's table."""
    tag_bits = tag_slot_bits(session)
    layouts: list[GroupLayout] = []
    values = pieces = 0
    for group in session.shape.groups:
        packing = TaggedPacking.fitting(key_bits, slot_bits=group.word_bits, tag_bits=tag_bits)
        runs = 1 if session.upload == "full" else group.rows
        layouts.append(GroupLayout(packing, group, runs, values, pieces))
        values, pieces = values + group.values, pieces + layouts[-1].pieces
    return layouts


def pieces_of(layouts: list[GroupLayout], rows: Rows | None = None) -> list[Int64Array]:
    """Return for each group the numbers of the pieces that hold any of these rows; None: all."""
    if rows is None:
        return [np.arange(layout.pieces) for layout in layouts]
    return [layout.of_rows(listed) for layout, listed in zip(layouts, rows, strict=True)]


def other_pieces(layouts: list[GroupLayout], pieces: list[Int64Array]) -> Int64Array:
    """Return the numbers, counted over all groups, of all pieces but these."""
    others = np.ones(sum(layout.pieces for layout in layouts), dtype=bool)
    for layout, listed in zip(layouts, pieces, strict=True):
        others[layout.first_piece + listed] = False
    return np.flatnonzero(others)
