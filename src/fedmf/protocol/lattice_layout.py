"""How the integers of a table lie in RLWE words, and beside them.

A word holds a message of w bits. The values of a group that fit it are messages, one word each;
sums of them come back modulo 2^w. The values of a wider group travel *beside* the words, as numbers
of 64 bits under one-time pads that add modulo 2^64.

Either way all that opens is a function of the sum of the values. Cut into limbs that fit words,
wide values would open to the sum of each limb, which tells how often single uploads carried from
one to the next.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fedmf.crypto.derivation import merkle_root
from fedmf.crypto.rlwe import DOES_NOT_OPEN
from fedmf.crypto.rlwe_ring import DEGREE
from fedmf.crypto.rlwe_words import KEPT_BITS, RlweWordSize, blocks_for, plan_rlwe_words
from fedmf.errors import OpenError
from fedmf.protocol.integrity_tags import NUMBER_BYTES, split_numbers, tags_for
from fedmf.protocol.slices import MOST_SLICES
from fedmf.protocol.table import GroupShape, Int64Array, Rows, TableShape, centred

if TYPE_CHECKING:
    from fedmf.protocol.session import Session


LEAF_VALUES = 1024
"""Words, or numbers, in a leaf of the tree that commits to them; the last of a group has fewer."""


@dataclass(frozen=True, slots=True)
class LatticeLayout:
    """Where each value of a table lies; made by `LatticeLayout.plan`.

    Groups follow each other in order, those in words with zeros behind them up to a whole block,
    those beside without. A table has one block at least: words tell whether keys are true.
    """

    shape: TableShape
    """Groups of the table."""
    size: RlweWordSize
    """The words."""

    @classmethod
    def plan(cls, shape: TableShape, *, uploads: int) -> LatticeLayout:
        """Return the layout with the smallest payload.

        Parameters
        ----------
        shape
            Groups of the table.
        uploads
            Largest number of uploads in one sum; a public start table may be added as well.

        Raises
        ------
        SettingsError
            No uploads at all.
        WordSizeError
            More uploads than any sum may have.
        """
        layouts = [
            cls(shape, plan_rlwe_words(uploads=uploads, kept_bits=kept_bits))
            for kept_bits in KEPT_BITS
        ]
        return min(layouts, key=lambda layout: layout.payload_bytes)

    def in_words(self, group: GroupShape) -> bool:
        """Return whether the values of a group lie in words, and not beside them."""
        return group.word_bits <= self.size.word_bits

    @property
    def beside(self) -> int:
        """Number of values beside the words."""
        return sum(group.values for group in self.shape.groups if not self.in_words(group))

    @property
    def tags(self) -> int:
        """Number of integrity tags that values of these sizes need."""
        return tags_for(max(group.word_bits for group in self.shape.groups))

    @property
    def numbers(self) -> int:
        """How many numbers modulo 2^64 follow the words: the tags, and the values beside."""
        return self.tags + self.beside

    @property
    def blocks(self) -> int:
        """Number of blocks of 2,048 words."""
        return max(1, blocks_for(self.shape.values - self.beside))

    @property
    def words_bytes(self) -> int:
        """Size of all words on the wire."""
        return self.blocks * DEGREE * self.size.bytes_per_word

    @property
    def payload_bytes(self) -> int:
        """Size of the words and all behind them on the wire."""
        return self.words_bytes + self.numbers * NUMBER_BYTES

    def root(self, payload: bytes, domain: str) -> bytes:
        """Return the Merkle root of words and numbers of a payload.

        Every group, and the tags, begin a leaf of their own.

        Parameters
        ----------
        payload
            Bytes from the wire.
        domain
            What it is of, so that no root stands for another thing.

        Raises
        ------
        MessageError
            It has another size.
        """
        split_numbers(payload, self.words_bytes, self.numbers)
        view, bounds = memoryview(payload), _leaf_bounds(self)
        return merkle_root((view[a:b] for a, b in itertools.pairwise(bounds)), domain)

    def split(self, values: Int64Array) -> tuple[Int64Array, NDArray[np.uint64]]:
        """Return what goes into words, and what travels beside them.

        Parameters
        ----------
        values
            int64, group after group, row after row, shape (values,).

        Returns
        -------
        messages : numpy.ndarray
            int64, shape (values in words,); the values themselves where all are, and a zero where
            none is.
        beside : numpy.ndarray
            uint64, shape (beside,), modulo 2^64.
        """
        if not self.beside:
            return values, np.zeros(0, dtype=np.uint64)
        parts: dict[bool, list[Int64Array]] = {True: [], False: []}
        for group, at in self._places():
            parts[self.in_words(group)].append(values[at : at + group.values])
        messages = parts[True] or [np.zeros(1, dtype=np.int64)]
        return np.concatenate(messages), np.concatenate(parts[False]).view(np.uint64)

    def sums(
        self,
        messages: Int64Array,
        beside: NDArray[np.uint64],
        before: Int64Array | None = None,
    ) -> Int64Array:
        """Return the exact sums of values that opened.

        A sum in words comes back modulo 2^w. Exactly one integer of that remainder leads from the
        table before to a value that fits its group's word. Sums beside are exact as they are.

        Parameters
        ----------
        messages
            What the words held, int64, in any shape, padding included.
        beside
            The sums of the values beside, without pads.
        before
            The values of the table that the sums are changes of, int64, shape (values,); zeros
            unless given.

        Returns
        -------
        numpy.ndarray
            int64, shape (values,); a new array. Check tags over these before anything else,
            and then `check_beside`.
        """
        messages, wide = messages.reshape(-1), beside.view(np.int64)
        exact = np.empty(self.shape.values, dtype=np.int64)
        taken = wide_taken = 0
        for group, at in self._places():
            target = exact[at : at + group.values]
            if self.in_words(group):
                target[:] = messages[taken : taken + group.values]
                taken += group.values
                if before is not None:
                    target += before[at : at + group.values]
                centred(target, group.word_bits, out=target)
                if before is not None:
                    target -= before[at : at + group.values]
            else:
                target[:] = wide[wide_taken : wide_taken + group.values]
                wide_taken += group.values
        return exact

    def check_beside(self, sums: Int64Array, before: Int64Array | None = None) -> None:
        """Raise unless the values beside words fit theirs, once tags have been checked.

        Tags miss shifts by multiples of a group's word; none of these leads to a value that fits.

        Parameters
        ----------
        sums, before
            What `sums` returned, and the values of the table before; zeros unless given.

        Raises
        ------
        OpenError
            A value does not fit; the sentence is that of any other failure to open.
        """
        for group, at in self._places():
            if not self.in_words(group):
                values = sums[at : at + group.values]
                if before is not None:
                    values = values + before[at : at + group.values]
                if (values != centred(values, group.word_bits)).any():
                    raise OpenError(DOES_NOT_OPEN)

    def _places(self) -> Iterator[tuple[GroupShape, int]]:
        """Yield every group, and where its values start."""
        at = 0
        for group in self.shape.groups:
            yield group, at
            at += group.values


@functools.lru_cache(maxsize=MOST_SLICES)
def _leaf_bounds(layout: LatticeLayout) -> list[int]:
    """Return where in a payload leaves begin, in bytes, and where the last one ends."""
    words = [group.values for group in layout.shape.groups if layout.in_words(group)]
    # Zeros to the end of the last block belong to the last group.
    spare = layout.blocks * DEGREE - sum(words)
    words = [*words[:-1], words[-1] + spare] if words else [spare]
    beside = [group.values for group in layout.shape.groups if not layout.in_words(group)]
    bounds, at = [0], 0
    for counts, size in (words, layout.size.bytes_per_word), ([layout.tags, *beside], NUMBER_BYTES):
        for count in counts:
            bounds += range(at + LEAF_VALUES * size, at + count * size, LEAF_VALUES * size)
            at += count * size
            bounds.append(at)
    return bounds


def committee_layout(session: Session, counted_round: int = 1) -> LatticeLayout:
    """Return how the changes of a round lie in words; no sum is over several rounds.

    Raises
    ------
    WordSizeError
        More uploads than any sum may have.
    """
    return planned_layout(session.schedule.load(counted_round).part.shape, session.participants)


@functools.lru_cache(maxsize=MOST_SLICES)
def planned_layout(shape: TableShape, uploads: int) -> LatticeLayout:
    """Return `LatticeLayout.plan` of these, which every upload asks for."""
    return LatticeLayout.plan(shape, uploads=uploads)


def layout_carrying(session: Session, rows: Rows | None) -> LatticeLayout:
    """Return how what travels with some rows lies in words; with None, the whole table."""
    part = session.schedule.carrying(rows) if rows is not None else None
    return planned_layout(session.shape if part is None else part.shape, session.participants)


def committee_pads(session: Session) -> int:
    """Return how many pads every seed stands for, whichever round it is for.

    Members need not know what travels in a round. Where fewer numbers do, the last pads are spare.

    Raises
    ------
    WordSizeError
        More uploads than any sum may have.
    """
    return max(layout.numbers for layout in _layouts(session))


def most_payload_bytes(session: Session) -> int:
    """Return the size of the largest upload's words, and of all behind them."""
    return max(layout.payload_bytes for layout in _layouts(session))


def _layouts(session: Session) -> Iterator[LatticeLayout]:
    loads = session.schedule.loads
    return (planned_layout(load.part.shape, session.participants) for load in loads)
