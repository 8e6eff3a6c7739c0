"""Keys of RLWE: small polynomials that add.

Every participant draws a new key for every upload; whoever is to open a sum of uploads needs the
sum of their keys, and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fedmf.crypto.keystream import Keystream
from fedmf.crypto.rlwe_noise import BYTES_PER_NUMBER, LARGEST_NOISE, centred_binomial_of
from fedmf.crypto.rlwe_ring import DEGREE, SmallFactor
from fedmf.crypto.secret_material import SecretMaterial
from fedmf.errors import KeyMaterialError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

MOST_KEYS = 2**35
"""Largest number of keys in one sum."""

SEEDS_AT_A_TIME = 24
"""How many seeds are best expanded together: what that takes fits the cache of a processor core."""

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

    __slots__ = ("_coefficients",)

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
        self._coefficients = own

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
        return cls(expand_keys([seed])[0])

    @classmethod
    def sum_of_seeds(cls, seeds: Iterable[bytes]) -> RlweKey:
        """Return the sum of the keys that these seeds stand for; without seeds, the zero key.

        The same as adding up `from_seed` of each, in one go.

        Raises
        ------
        KeyMaterialError
            If a seed is not 32 bytes.
        TypeError
            If a seed is not bytes.
        """
        every = list(seeds)
        total = np.zeros(DEGREE, dtype=np.int64)
        for start in range(0, len(every), SEEDS_AT_A_TIME):
            keys = expand_keys(every[start : start + SEEDS_AT_A_TIME])
            total += keys.sum(axis=0, dtype=np.int16)
        return cls(total)

    def __add__(self, other: RlweKey) -> RlweKey:
        if not isinstance(other, RlweKey):
            return NotImplemented
        return RlweKey(self._coefficients + other._coefficients)

    @property
    def coefficients(self) -> NDArray[np.int64]:
        """The secret itself, int64, shape (2048,), read-only."""
        return self._coefficients

    @property
    def norm(self) -> float:
        """Euclidean length; about 181 for one key, and ``181 * sqrt(n)`` for a sum of n."""
        return float(np.linalg.norm(self._coefficients))

    def factor(self) -> SmallFactor:
        """Return the key, ready to be multiplied; long sums in several parts."""
        return SmallFactor(self._coefficients)


def expand_keys(seeds: Sequence[bytes]) -> NDArray[np.int8]:
    """Return the coefficients of the keys that some seeds stand for, shape (seeds, 2048).

    Raises
    ------
    KeyMaterialError
        If a seed is not 32 bytes.
    TypeError
        If a seed is not bytes.
    """
    bits = np.empty((len(seeds), DEGREE * BYTES_PER_NUMBER), dtype=np.uint8)
    for row, seed in zip(bits, seeds, strict=True):
        Keystream(seed).fill(row)
    return centred_binomial_of(bits)
