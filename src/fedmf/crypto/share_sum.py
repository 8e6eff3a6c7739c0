"""What a member of a committee answers with: its seeds of all uploads, expanded and added up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fedmf.crypto.rlwe_key import SEEDS_AT_A_TIME, expand_seeds
from fedmf.crypto.rlwe_ring import DEGREE
from fedmf.crypto.rlwe_words import LARGEST_NOISE
from fedmf.crypto.secret_material import SecretMaterial
from fedmf.errors import MessageError, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

MOST_UPLOADS = (2**31 - 1) // LARGEST_NOISE
"""Largest number of uploads in one sum of shares: no coefficient of theirs outgrows 32 bits."""


def subset_bytes(pads: int) -> int:
    """Return the size of the sums of one subset on the wire, with this many pads."""
    return _wire(pads).itemsize


class ShareSum(SecretMaterial):
    """For each subset that a member holds, the sums of keys and pads of all uploads' seeds.

    Parameters
    ----------
    values
        Sums of keys, int32, shape (held subsets, 2048), in the order of
        `ReplicatedSharing.held_by`. Kept as it is, not copied.
    pads
        Sums of pads modulo 2^64, uint64, shape (held subsets, pads). Also kept as it is.
    """

    __slots__ = ("pads", "values")

    def __init__(self, values: NDArray[np.int32], pads: NDArray[np.uint64]) -> None:
        if values.dtype != np.int32 or values.ndim != 2 or values.shape[1] != DEGREE:
            raise TypeError(
                f"a sum of shares is int32 of shape (subsets, {DEGREE}), not {values.dtype} of "
                f"shape {values.shape}"
            )
        if pads.dtype != np.uint64 or pads.ndim != 2 or len(pads) != len(values):
            raise TypeError(
                f"the pads of {len(values)} subsets are uint64 of shape ({len(values)}, pads), "
                f"not {pads.dtype} of shape {pads.shape}"
            )
        self.values, self.pads = values.view(), pads.view()
        """Sums of keys and of pads, which are secret, read-only."""
        self.values.flags.writeable = self.pads.flags.writeable = False

    @classmethod
    def from_seeds(cls, uploads: Iterable[Sequence[bytes]], held: int, pads: int) -> ShareSum:
        """Return the sum over some uploads of `held` seeds each, with `pads` pads for each seed.

        Seeds stand in the order of `ReplicatedSharing.held_by`.

        Raises
        ------
        KeyMaterialError
            If a seed is not 32 bytes.
        ProtocolError
            If an upload has another number of seeds, or there are too many uploads.
        """
        every = list(uploads)
        if len(every) > MOST_UPLOADS:
            raise ProtocolError(
                f"{len(every):,} uploads are more than the {MOST_UPLOADS:,} whose sums of shares "
                "fit 32 bits"
            )
        for number, seeds in enumerate(every):
            if len(seeds) != held:
                raise ProtocolError(f"upload {number:,} has {len(seeds)} seeds here, not {held}")
        total = np.zeros((held, DEGREE), dtype=np.int32)
        padding = np.zeros((held, pads), dtype=np.uint64)
        step = max(1, SEEDS_AT_A_TIME // held)
        for start in range(0, len(every), step):
            some = every[start : start + step]
            keys, drawn = expand_seeds([seed for seeds in some for seed in seeds], pads)
            total += keys.reshape(len(some), held, DEGREE).sum(axis=0, dtype=np.int16)
            padding += drawn.reshape(len(some), held, pads).sum(axis=0)
        return cls(total, padding)

    @classmethod
    def from_bytes(cls, data: bytes, held: int, pads: int) -> ShareSum:
        """Return what `to_bytes` turned into bytes.

        Raises
        ------
        MessageError
            If there are too few bytes or too many.
        """
        expected = held * subset_bytes(pads)
        if len(data) != expected:
            raise MessageError(
                f"a sum of shares of {held} subsets has {expected:,} bytes, this one {len(data):,}"
            )
        sums = np.frombuffer(data, dtype=_wire(pads))
        return cls(sums["key"].astype(np.int32), sums["pads"].astype(np.uint64))

    def to_bytes(self) -> bytes:
        """Return the sums as they travel, little endian, subset by subset.

        The 2,048 coefficients of a subset's sum of keys have 4 bytes each, with sign; its pads
        follow with 8 bytes each.
        """
        sums = np.empty(len(self.values), dtype=_wire(self.pads.shape[1]))
        sums["key"], sums["pads"] = self.values, self.pads
        return sums.tobytes()

    def can_be_of(self, uploads: int) -> bool:
        """Return whether this many uploads can have sums as large as these."""
        largest = LARGEST_NOISE * uploads
        # Bounds on both sides: the absolute value of the smallest int32 is negative.
        return bool(self.values.min() >= -largest and self.values.max() <= largest)


def _wire(pads: int) -> np.dtype[np.void]:
    return np.dtype([("key", "<i4", (DEGREE,)), ("pads", "<u8", (pads,))])
