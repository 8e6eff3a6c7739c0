"""Keys of RLWE: small polynomials that add.

Every participant draws a new key for every upload. Opening a sum of uploads takes the sum of
their keys, and nothing else.

The words under a key hold small numbers. What needs all of 64 bits, and has to add modulo 2^64
exactly, is hidden by adding a pad to it, from the same seed as the key. Pads add like keys do:
the sum of the keys of some uploads comes with the sum of their pads, and with nothing more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fedmf.crypto.derivation import Keystream
from fedmf.crypto.rlwe_ring import DEGREE, SmallFactor
from fedmf.crypto.rlwe_words import BYTES_PER_NUMBER, LARGEST_NOISE, MOST_KEYS, centred_binomial_of
from fedmf.crypto.secret_material import SecretMaterial
from fedmf.errors import KeyMaterialError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

SEEDS_AT_A_TIME = 24
"""How many seeds are best expanded together: what that takes fits the cache of a processor core."""

_KEY_BYTES = DEGREE * BYTES_PER_NUMBER
_PAD = np.dtype("<u8")
_LARGEST_COEFFICIENT = MOST_KEYS * LARGEST_NOISE


class RlweKey(SecretMaterial):
    """The key of one upload, or the sum of such keys.

    **Never protect two uploads under one key**: the difference of the two messages would be there
    for everyone to read. See `rlwe.encrypt`.

    Parameters
    ----------
    coefficients
        Integers, shape (2048,), up to 2^40 in absolute value.

    Raises
    ------
    KeyMaterialError
        If the coefficients have another shape, are not integers or are too large to be a sum of
        keys.
    """

    __slots__ = ("coefficients",)

    def __init__(self, coefficients: NDArray[np.integer]) -> None:
        if coefficients.dtype.kind not in "iu" or coefficients.shape != (DEGREE,):
            raise KeyMaterialError(f"an RLWE key is an array of {DEGREE} integers")
        # Bounds on both sides: the absolute value of the smallest int64 is negative.
        if coefficients.min() < -_LARGEST_COEFFICIENT or coefficients.max() > _LARGEST_COEFFICIENT:
            raise KeyMaterialError(
                f"this RLWE key has coefficients beyond {_LARGEST_COEFFICIENT}, which no sum of "
                "keys reaches"
            )
        own = coefficients.astype(np.int64)
        own.flags.writeable = False
        self.coefficients = own
        """The secret itself, int64, shape (2048,), read-only."""

    @classmethod
    def from_seed(cls, seed: bytes) -> RlweKey:
        """Return the key of one upload that a secret seed of 32 bytes stands for.

        Raises
        ------
        KeyMaterialError
            If the seed is not 32 bytes.
        TypeError
            If the seed is not bytes.
        """
        return PaddedKey.sum_of_seeds([seed], 0).key

    def __add__(self, other: RlweKey) -> RlweKey:
        if not isinstance(other, RlweKey):
            return NotImplemented
        return RlweKey(self.coefficients + other.coefficients)

    def factor(self) -> SmallFactor:
        """Return the key, ready to be multiplied; long sums in several parts."""
        return SmallFactor(self.coefficients)


class PaddedKey(SecretMaterial):
    """The key and the pads of one upload, or the sums of such.

    Parameters
    ----------
    pads
        uint64, shape (pads,). Kept as it is, not copied.
    """

    __slots__ = ("key", "pads")

    def __init__(self, key: RlweKey, pads: NDArray[np.uint64]) -> None:
        self.key = key
        """The key."""
        self.pads = pads.view()
        """The pads themselves, uint64, shape (pads,), read-only."""
        self.pads.flags.writeable = False

    @classmethod
    def sum_of_seeds(cls, seeds: Iterable[bytes], pads: int) -> PaddedKey:
        """Return the sums of the keys and of the pads that these seeds stand for.

        Raises
        ------
        KeyMaterialError
            If a seed is not 32 bytes.
        TypeError
            If a seed is not bytes.
        """
        every = list(seeds)
        total, padding = np.zeros(DEGREE, dtype=np.int64), np.zeros(pads, dtype=np.uint64)
        for start in range(0, len(every), SEEDS_AT_A_TIME):
            keys, drawn = expand_seeds(every[start : start + SEEDS_AT_A_TIME], pads)
            total += keys.sum(axis=0, dtype=np.int16)
            padding += drawn.sum(axis=0)
        return cls(RlweKey(total), padding)

    def __add__(self, other: PaddedKey) -> PaddedKey:
        if not isinstance(other, PaddedKey):
            return NotImplemented
        return PaddedKey(self.key + other.key, self.pads + other.pads)


def expand_seeds(seeds: Sequence[bytes], pads: int) -> tuple[NDArray[np.int8], NDArray[np.uint64]]:
    """Return the keys and the pads, this many for each, that some seeds stand for.

    Returns
    -------
    keys
        int8, shape (seeds, 2048), as `RlweKey.from_seed` has them.
    pads
        uint64, shape (seeds, pads): the little-endian words that follow in each seed's keystream.

    Raises
    ------
    KeyMaterialError
        If a seed is not 32 bytes.
    TypeError
        If a seed is not bytes.
    """
    drawn = np.empty((len(seeds), _KEY_BYTES + pads * _PAD.itemsize), dtype=np.uint8)
    for row, seed in zip(drawn, seeds, strict=True):
        Keystream(seed).fill(row)
    padding = drawn[:, _KEY_BYTES:].view(_PAD).astype(np.uint64)
    return centred_binomial_of(drawn[:, :_KEY_BYTES]), padding
