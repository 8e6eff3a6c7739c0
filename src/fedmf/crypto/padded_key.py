"""The key of an upload, and pads from the same seeds, for numbers beside the words under it.

The words under a key hold small numbers. What needs all of 64 bits, and has to add modulo 2^64
exactly, is hidden by adding a pad to it. Pads add like keys do: whoever gets the sum of the keys of
some uploads gets the sum of their pads with it, and no more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fedmf.crypto.keystream import Keystream
from fedmf.crypto.rlwe_key import SEEDS_AT_A_TIME, RlweKey
from fedmf.crypto.rlwe_noise import BYTES_PER_NUMBER, centred_binomial_of
from fedmf.crypto.rlwe_ring import DEGREE
from fedmf.crypto.secret_material import SecretMaterial

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

_KEY_BYTES = DEGREE * BYTES_PER_NUMBER
_PAD = np.dtype("<u8")


class PaddedKey(SecretMaterial):
    """The key and the pads of one upload, or the sums of such.

    Parameters
    ----------
    key
        The key.
    pads
        uint64, shape (pads,). Kept as it is, not copied.
    """

    __slots__ = ("_key", "_pads")

    def __init__(self, key: RlweKey, pads: NDArray[np.uint64]) -> None:
        self._key = key
        self._pads = pads.view()
        self._pads.flags.writeable = False

    @classmethod
    def sum_of_seeds(cls, seeds: Iterable[bytes], pads: int) -> PaddedKey:
        """Return the sums of the keys and of so many pads that these seeds stand for.

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
        return PaddedKey(self._key + other._key, self._pads + other._pads)

    @property
    def key(self) -> RlweKey:
        """The key."""
        return self._key

    @property
    def pads(self) -> NDArray[np.uint64]:
        """The pads themselves, uint64, shape (pads,), read-only."""
        return self._pads


def expand_seeds(seeds: Sequence[bytes], pads: int) -> tuple[NDArray[np.int8], NDArray[np.uint64]]:
    """Return the keys and the pads, so many of each, that some seeds stand for.

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
