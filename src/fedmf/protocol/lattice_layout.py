"""How the integers of a table lie in RLWE words.

A word holds a message of w bits. A value that fits it is one message as it is; a larger one travels
as several *limbs*, signed digits to the base 2^L::

    value = limb_0 + 2^L limb_1 + ... + 2^((n-1) L) limb_(n-1)

All limbs but the topmost lie from -2^(L-1) to 2^(L-1) - 1. With u uploads and a start table, L is w
less the binary digits of u, so that the sum of u + 1 such limbs never leaves w bits. The topmost
limb holds what is left, at most w - 1 bits of a sum: the last bit is room for what the lower limbs
carry, which is below 2/3 for each of at most 2^(w-2) summands where L is at least 2.

Therefore every opened limb is the exact sum of the limbs protected, not just its remainder modulo
2^w, as long as the sums of the values fit. Integrity tags are taken over these limbs. Over the
values of a wide group they would be worthless: 2^61 times a random factor modulo 2^64 has only
eight outcomes, so that one shift in 64 would pass both tags; and a server that moves 2^L from one
limb to the next would learn from who complains whether a secret sum had room for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fedmf.crypto.rlwe_ring import DEGREE
from fedmf.crypto.rlwe_sizes import KEPT_BITS, RlweWordSize, plan_rlwe_words
from fedmf.crypto.rlwe_words import blocks_for
from fedmf.errors import WordSizeError
from fedmf.protocol.table import GroupShape, Int64Array, TableShape, centred

LEAST_LIMB_BITS = 2
"""Smallest L: with less, the topmost limb has no room for what the lower ones carry."""


@dataclass(frozen=True, slots=True)
class LatticeLayout:
    """Where each value of a table lies; made by `LatticeLayout.plan`.

    The limbs of a group come one place after the other: the lowest of all its values, then the next
    of all its values. Groups follow in order, then zeros up to a whole block.

    Parameters
    ----------
    shape
        Groups of the table.
    size
        The words.
    limb_bits
        L, the bits of every limb but the topmost; of no meaning where no value has several.
    spare_bits
        Bits that an opened sum may have beyond its group's word.
    """

    shape: TableShape
    size: RlweWordSize
    limb_bits: int
    spare_bits: int

    @classmethod
    def plan(cls, shape: TableShape, *, uploads: int, spare_bits: int = 0) -> LatticeLayout:
        """Return the layout with the smallest payload.

        Parameters
        ----------
        shape
            Groups of the table.
        uploads
            Largest number of uploads in one sum; a public start table may be added as well.
        spare_bits
            0 where the table itself is opened, whose values fit their words. 1 where the sum of the
            changes of one round is: as the difference of two tables it may have a bit more. Groups
            of one limb need no such bit, since the table before says which sum it was; see
            `exact_change`.

        Raises
        ------
        SettingsError
            No uploads at all.
        WordSizeError
            The noise of so many uploads leaves no room for the values.
        """
        layouts = []
        for kept_bits in KEPT_BITS:
            size = plan_rlwe_words(uploads=uploads, kept_bits=kept_bits)
            limb_bits = size.word_bits - uploads.bit_length()
            layout = cls(shape, size, limb_bits, spare_bits)
            if limb_bits >= LEAST_LIMB_BITS or not layout.splits:
                layouts.append(layout)
        if not layouts:
            raise WordSizeError(
                f"RLWE words have no room for values besides the noise of {uploads:,} uploads in "
                "one sum"
            )
        return min(layouts, key=lambda layout: layout.payload_bytes)

    @property
    def splits(self) -> bool:
        """Whether any value is larger than a message, and travels in several limbs."""
        # Asked of layouts, too, whose L has no room for even one limb.
        return any(group.word_bits > self.size.word_bits for group in self.shape.groups)

    @property
    def value_limbs(self) -> int:
        """Number of limbs of all values."""
        return sum(count * limbs for _, count, limbs in self._places())

    @property
    def blocks(self) -> int:
        """Number of blocks of 2,048 words."""
        return blocks_for(self.value_limbs)

    @property
    def payload_bytes(self) -> int:
        """Size of all words on the wire."""
        return self.blocks * DEGREE * self.size.bytes_per_word

    def limbs(self, values: Int64Array) -> Int64Array:
        """Return the limbs of all values, which is what is protected.

        Parameters
        ----------
        values
            int64, group after group, row after row, shape (values,).

        Returns
        -------
        numpy.ndarray
            int64, shape (value_limbs,); the values themselves where each is a limb of its own.
        """
        if self.value_limbs == len(values):
            return values
        parts, at = [], 0
        for _, count, limbs in self._places():
            parts.append(self._split(values[at : at + count], limbs))
            at += count
        return np.concatenate(parts)

    def read(self, opened: Int64Array) -> Int64Array:
        """Return the sums of limbs that an opened sum holds.

        Parameters
        ----------
        opened
            int64, centred modulo 2^w, in any shape, padding included.

        Returns
        -------
        numpy.ndarray
            int64, shape (value_limbs,). Check the tags over these before anything else.
        """
        return opened.reshape(-1)[: self.value_limbs]

    def values(self, limbs: Int64Array) -> Int64Array:
        """Return the values that sums of limbs make, the reverse of `limbs`.

        Returns
        -------
        numpy.ndarray
            int64, shape (values,), centred modulo 2 to the word bits of the group and `spare_bits`;
            a new array.
        """
        values = np.empty(self.shape.values, dtype=np.int64)
        at = first = 0
        for group, count, each in self._places():
            joined = self._join(limbs[first : first + count * each], each)
            centred(joined, self._sum_bits(group), out=values[at : at + count])
            at, first = at + count, first + count * each
        return values

    def exact_change(self, limbs: Int64Array, table: Int64Array) -> Int64Array:
        """Return the exact sums of limbs of a change that leads from one table to another.

        Where a value is a limb of its own, its sum comes back modulo 2^w; exactly one integer of
        that remainder leads to a value that fits its group's word.

        Parameters
        ----------
        limbs
            From `read`, of the sum of a round's changes.
        table
            The values of the table before, int64, shape (values,).
        """
        exact = limbs.copy()
        at = first = 0
        for group, count, each in self._places():
            if each == 1:
                before, change = table[at : at + count], exact[first : first + count]
                change += before
                centred(change, group.word_bits, out=change)
                change -= before
            at, first = at + count, first + count * each
        return exact

    def _places(self) -> Iterator[tuple[GroupShape, int, int]]:
        """Yield every group, its number of values, and its limbs for each of them."""
        for group in self.shape.groups:
            fits = group.word_bits <= self.size.word_bits
            yield group, group.values, 1 if fits else self._limbs_of(self._sum_bits(group))

    def _sum_bits(self, group: GroupShape) -> int:
        return group.word_bits + self.spare_bits

    def _limbs_of(self, bits: int) -> int:
        """Return the number of limbs of values that are larger than a message."""
        lower_bits = bits - (self.size.word_bits - 1)
        return 1 + -(-lower_bits // self.limb_bits)

    def _split(self, values: Int64Array, limbs: int) -> Int64Array:
        parts = []
        half = 1 << (self.limb_bits - 1) if limbs > 1 else 0
        for _ in range(limbs - 1):
            lowest = ((values + half) & (2 * half - 1)) - half
            parts.append(lowest)
            values = (values - lowest) >> self.limb_bits
        return np.concatenate([*parts, values]) if parts else values

    def _join(self, limbs: Int64Array, count: int) -> Int64Array:
        """Put limbs together modulo 2^64: what a place pushes out at the top is of no worth."""
        *lower, joined = limbs.reshape(count, -1)
        for place in reversed(lower):
            joined = (joined << self.limb_bits) + place
        return joined
