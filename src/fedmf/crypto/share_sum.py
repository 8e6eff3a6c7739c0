"""What a member of a committee answers with: its seeds of all uploads, expanded and added up."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from fedmf.crypto.rlwe_key import SEEDS_AT_A_TIME, expand_keys
from fedmf.crypto.rlwe_noise import LARGEST_NOISE
from fedmf.crypto.rlwe_ring import DEGREE
from fedmf.crypto.secret_material import SecretMaterial
from fedmf.errors import MessageError, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

MOST_UPLOADS = (2**31 - 1) // LARGEST_NOISE
"""Largest number of uploads in one sum of shares: no coefficient of theirs outgrows 32 bits."""

_WIRE = np.dtype("<i4")


class ShareSum(SecretMaterial):
    """For each subset that a member holds, the sum of the keys of all uploads' seeds.

    Parameters
    ----------
    values
        int32, shape (held subsets, 2048), in the order of `ReplicatedSharing.held_by`. Kept as it
        is, not copied.
    """

    __slots__ = ("_values",)

    BYTES_PER_SUBSET: ClassVar[int] = DEGREE * _WIRE.itemsize
    """Size of the sum of one subset on the wire."""

    def __init__(self, values: NDArray[np.int32]) -> None:
        if values.dtype != np.int32 or values.ndim != 2 or values.shape[1] != DEGREE:
            raise TypeError(
                f"a sum of shares is int32 of shape (subsets, {DEGREE}), not {values.dtype} of "
                f"shape {values.shape}"
            )
        self._values = values.view()
        self._values.flags.writeable = False

    @classmethod
    def from_seeds(cls, uploads: Iterable[Sequence[bytes]], held: int) -> ShareSum:
        """Return the sum over some uploads.

        Parameters
        ----------
        uploads
            The member's seeds of every upload, in the order of `ReplicatedSharing.held_by`.
        held
            How many seeds that is for each upload.

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
        step = max(1, SEEDS_AT_A_TIME // held)
        for start in range(0, len(every), step):
            some = every[start : start + step]
            keys = expand_keys([seed for seeds in some for seed in seeds])
            total += keys.reshape(len(some), held, DEGREE).sum(axis=0, dtype=np.int16)
        return cls(total)

    @classmethod
    def from_bytes(cls, data: bytes, held: int) -> ShareSum:
        """Return what `to_bytes` turned into bytes.

        Parameters
        ----------
        data
            Bytes from the wire.
        held
            Number of subsets that the member who sent them holds.

        Raises
        ------
        MessageError
            If there are too few bytes or too many.
        """
        expected = held * cls.BYTES_PER_SUBSET
        if len(data) != expected:
            raise MessageError(
                f"a sum of shares of {held} subsets has {expected:,} bytes, this one {len(data):,}"
            )
        return cls(np.frombuffer(data, dtype=_WIRE).reshape(held, DEGREE).astype(np.int32))

    def to_bytes(self) -> bytes:
        """Return the sums as they travel: 4 bytes each, signed, little endian, in order."""
        return self._values.astype(_WIRE, copy=False).tobytes()

    @property
    def values(self) -> NDArray[np.int32]:
        """The secret itself, int32, shape (held subsets, 2048), read-only."""
        return self._values

    def can_be_of(self, uploads: int) -> bool:
        """Return whether so many uploads can have sums as large as these."""
        largest = LARGEST_NOISE * uploads
        # Bounds on both sides: the absolute value of the smallest int32 is negative.
        return bool(self._values.min() >= -largest and self._values.max() <= largest)
