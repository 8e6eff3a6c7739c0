"""Packing: many signed integers side by side in one large one.

The packed integer is the plain sum of ``values[i] * 2**(slot_bits * i)`` with signed values. That
is linear over the integers: sums and differences of packed integers are the packed sums and
differences, and the slots need no guard bits beyond what the final values take.

Together with one unsigned number, their tag, the values lie above it, and the tag has the lowest
bits::

    tag + 2**tag_bits * sum(values[i] * 2**(slot_bits * i))

The sum of such integers holds the sums of the values and the sum of the tags, as long as these fit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import gmpy2
import numpy as np
from gmpy2 import mpz

from fedmf.errors import FixedPointRangeError, OpenError, SettingsError, WordSizeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

HEADROOM_BITS = 32
"""Bits of every plaintext that stay unused, so that damage and wrong keys are noticed."""


def slots_for(key_bits: int, slot_bits: int) -> int:
    """Return how many slots a Paillier plaintext holds.

    These are 31, 63 and 95 slots of 32 bits at 1024, 2048 and 3072 bits.

    At least `HEADROOM_BITS` bits stay free. A ciphertext that was damaged, or is opened with
    another key, decrypts to a plaintext that is spread over all n residues, and `SlotPacking`
    accepts ``2**(slot_bits * slots)`` of them. With ``h = key_bits - slot_bits * slots`` free bits
    and ``n >= 2**(key_bits - 1)`` it slips through with a probability of at most ``2**(1 - h)``,
    below 2^-30; the keys generated here have ``n >= 9/16 * 2**key_bits``, which gives
    ``16/9 * 2**-h``. Packing fewer values than slots lowers it further.

    Raises
    ------
    WordSizeError
        If not even one slot fits.
    """
    slots = (key_bits - HEADROOM_BITS) // slot_bits
    if slots < 1:
        raise WordSizeError(
            f"a slot of {slot_bits} bits does not fit into a key of {key_bits} bits; "
            f"lower slot_bits to at most {key_bits - HEADROOM_BITS}"
        )
    return slots


@dataclass(frozen=True, slots=True)
class SlotPacking:
    """A layout of signed slots.

    Raises
    ------
    SettingsError
        If there is no such layout.
    """

    slot_bits: int
    """Size of one slot in bits, sign included, 2 to 63; it holds the integers from
    ``-2**(slot_bits-1)`` up to, but not including, ``2**(slot_bits-1)``."""
    slots: int
    """Largest number of values in one packed integer, at least 1."""
    _half: int = field(init=False, repr=False, compare=False)
    _offset: mpz = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 2 <= self.slot_bits <= 63 or self.slots < 1:
            raise SettingsError(
                f"{self.slots} slots of {self.slot_bits} bits cannot be packed; "
                "choose at least 1 slot of 2 to 63 bits"
            )
        half = 1 << (self.slot_bits - 1)
        object.__setattr__(self, "_half", half)
        object.__setattr__(self, "_offset", gmpy2.pack([half] * self.slots, self.slot_bits))

    def pack(self, values: NDArray[np.int64]) -> mpz:
        """Pack the values into one signed integer.

        Parameters
        ----------
        values
            int64, shape (count,) with ``count <= slots``.

        Raises
        ------
        FixedPointRangeError
            If a value does not fit into its slot.
        SettingsError
            If `values` is no one-dimensional int64 array of at most `slots` values.
        """
        if values.ndim != 1 or values.dtype != np.int64 or len(values) > self.slots:
            raise SettingsError(
                f"packing takes up to {self.slots} int64 values in one dimension, "
                f"not {values.dtype} of shape {values.shape}"
            )
        # An offset makes every slot non-negative, which is what gmpy2 packs. It wraps only for
        # values beyond 2^63 - 2^(slot_bits-1), and then to something negative, so gmpy2's own check
        # finds every value out of range; a second look is only needed for the message.
        try:
            shifted = gmpy2.pack((values + self._half).tolist(), self.slot_bits)
        except TypeError:
            outside = (values < -self._half) | (values >= self._half)
            position = int(np.argmax(outside))
            raise FixedPointRangeError(
                f"the value {values[position]} at position {position} does not fit into a signed "
                f"slot of {self.slot_bits} bits; its range is {-self._half} to {self._half - 1}"
            ) from None
        return shifted - self._offset_of(len(values))

    def unpack(self, packed: mpz, count: int) -> NDArray[np.int64]:
        """Return the values of a packed integer, int64, shape (count,).

        Parameters
        ----------
        packed
            What `pack` returned, or a sum or difference of such integers whose values all fit.

        Raises
        ------
        OpenError
            If `packed` is no integer that `count` slots can hold: the key is wrong, or the data
            was damaged.
        SettingsError
            If `count` is out of range.
        """
        if not 0 <= count <= self.slots:
            raise SettingsError(f"cannot unpack {count} values from {self.slots} slots")
        shifted = packed + self._offset_of(count)
        if shifted < 0 or shifted.bit_length() > self.slot_bits * count:
            raise OpenError(
                f"this does not open: the plaintext is no row of {count} slots of "
                f"{self.slot_bits} bits; the key is wrong or the data was damaged"
            )
        values = np.full(count, -self._half, dtype=np.int64)
        # gmpy2 leaves out leading slots that are zero.
        filled = gmpy2.unpack(shifted, self.slot_bits)
        values[: len(filled)] += np.fromiter(filled, dtype=np.int64, count=len(filled))
        return values

    def _offset_of(self, count: int) -> mpz:
        if count == self.slots:
            return self._offset
        return gmpy2.f_mod_2exp(self._offset, self.slot_bits * count)


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
        """Pack values, int64 of shape (count,), and their tag into one signed integer.

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
