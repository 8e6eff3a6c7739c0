"""Packing of signed values together with one unsigned number, their tag, in one integer.

The tag has the lowest bits and the values lie above it::

    tag + 2**tag_bits * sum(values[i] * 2**(slot_bits * i))

Like the packing of the values that is linear over the integers: the sum of such integers holds the
sums of the values and the sum of the tags, as long as these fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import gmpy2
import numpy as np

from fedmf.crypto.packing import SlotPacking, slots_for
from fedmf.errors import SettingsError

if TYPE_CHECKING:
    from gmpy2 import mpz
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class TaggedPacking:
    """A layout of signed slots above a tag."""

    values: SlotPacking
    """The layout of the values."""
    tag_bits: int
    """Bits that are kept for the tag; it holds the integers from 0 to ``2**tag_bits - 1``."""

    @classmethod
    def fitting(cls, key_bits: int, *, slot_bits: int, tag_bits: int) -> TaggedPacking:
        """Return the layout with as many slots as a Paillier plaintext holds beside the tag.

        Raises
        ------
        WordSizeError
            If not even one slot fits; see `slots_for`.
        """
        slots = slots_for(key_bits - tag_bits, slot_bits)
        return cls(SlotPacking(slot_bits, slots), tag_bits)

    def bits(self, count: int) -> int:
        """Return how many bits `count` values and their tag take."""
        return self.tag_bits + self.values.slot_bits * count

    def pack(self, values: NDArray[np.int64], tag: int) -> mpz:
        """Pack the values and their tag into one signed integer.

        Parameters
        ----------
        values
            int64, shape (count,), at most as many as there are slots.
        tag
            What `tag_bits` bits hold.

        Raises
        ------
        FixedPointRangeError
            If a value does not fit into its slot.
        SettingsError
            If the tag does not fit, or there are too many values.
        """
        if not 0 <= tag < 1 << self.tag_bits:
            raise SettingsError(f"a tag does not fit into {self.tag_bits} bits")
        return (self.values.pack(values) << self.tag_bits) + tag

    def unpack(self, packed: mpz, count: int) -> tuple[NDArray[np.int64], int]:
        """Return the values, int64 of shape (count,), and the tag of a packed integer.

        Raises
        ------
        OpenError
            If `packed` is no integer that `count` slots and a tag can hold.
        """
        tag = int(gmpy2.f_mod_2exp(packed, self.tag_bits))
        return self.values.unpack(gmpy2.f_div_2exp(packed, self.tag_bits), count), tag
