"""The public polynomials of a session, which every upload of the session is masked with.

They are uniform and expanded from a seed of 32 bytes. The seed must be a hash of what the session
agreed upon: anyone who can choose it freely can look for one with a trapdoor.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np

from fedmf.crypto.keystream import Keystream
from fedmf.crypto.rlwe_ring import DEGREE, LIMB_BITS, limb_spectra

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from fedmf.crypto.rlwe_key import RlweKey

GROUP_BLOCKS = 8
"""How many blocks are worked on at a time: what that takes fits the cache of a processor core."""

_LIMB_BYTES = LIMB_BITS // 8
_BLOCK_BYTES = DEGREE * 2 * _LIMB_BYTES
_GROUP_BYTES = GROUP_BLOCKS * DEGREE * 16


class PublicPolynomials:
    """The public polynomials under one seed: one for every block of 2048 values.

    Their transforms are computed when they are first needed and kept. An object may be shared by
    all uploads of a process, but not used by two threads at the same time.

    Parameters
    ----------
    seed
        32 bytes, public.
    memory_limit
        Most bytes of transforms that are kept, 16 per value; 256 MiB unless told otherwise. Beyond
        it those that were not used for the longest time go, and are computed again when needed.

    Raises
    ------
    KeyMaterialError
        If the seed is not 32 bytes.
    TypeError
        If the seed is not bytes.
    """

    __slots__ = ("_groups", "_most_groups", "seed")

    def __init__(self, seed: bytes, *, memory_limit: int = 2**28) -> None:
        Keystream(seed)  # complains about a seed that is none
        self.seed = seed
        self._most_groups = max(0, memory_limit) // _GROUP_BYTES
        self._groups: OrderedDict[int, NDArray[np.complex128]] = OrderedDict()

    def limbs(self, first_block: int, blocks: int) -> NDArray[np.int32]:
        """Return the coefficients of some of the polynomials, in two limbs each.

        Block j starts at byte 12288 j of the keystream. Every coefficient takes six bytes, first
        the low limb, then the high one, each a little-endian number of three bytes minus 2^23. As
        a number modulo 2^48 the coefficient is that of its six bytes plus 2^47 - 2^23.

        Returns
        -------
        numpy.ndarray
            int32, shape (2, blocks, 2048), from -2^23 up to 2^23 - 1, low limb first.
        """
        stream = Keystream(self.seed, skipped=first_block * _BLOCK_BYTES)
        # Words of four bytes that overlap, one every three bytes; the last ends one byte later.
        overlapping = np.ndarray(
            (2, blocks, DEGREE),
            dtype="<i4",
            buffer=stream.take(blocks * _BLOCK_BYTES + 1),
            strides=(_LIMB_BYTES, _BLOCK_BYTES, 2 * _LIMB_BYTES),
        )
        limbs = overlapping & ((1 << LIMB_BITS) - 1)
        limbs -= 1 << (LIMB_BITS - 1)
        return limbs

    def products(
        self, key: RlweKey, blocks: NDArray[np.int64], *, plus: int = 0
    ) -> Iterator[tuple[slice, NDArray[np.int64]]]:
        """Yield the products of some of the polynomials with a key.

        Parameters
        ----------
        key
            The key of one upload or a sum of keys.
        blocks
            Numbers of the blocks, shape (n,), 0 or larger, in any order; neighbours in increasing
            order are computed together.
        plus
            Added to every coefficient; up to 2^48 in absolute value.

        Yields
        ------
        places : slice
            Which elements of `blocks` this part is about; the parts follow one another.
        products : numpy.ndarray
            int64, shape (places, 2048), the caller's until the next part is asked for. The low 48
            bits are the coefficients modulo 2^48; the bits above mean nothing.
        """
        factor = key.factor()
        space = np.empty((min(GROUP_BLOCKS, len(blocks)), DEGREE), dtype=np.int64)
        groups = blocks // GROUP_BLOCKS
        breaks = np.flatnonzero((np.diff(blocks) != 1) | (np.diff(groups) != 0)) + 1
        edges = [0, *breaks.tolist(), len(blocks)] if len(blocks) else []
        for start, stop in itertools.pairwise(edges):
            row = int(blocks[start]) % GROUP_BLOCKS
            spectra = self._spectra(int(groups[start]))[:, row : row + stop - start]
            products = space[: stop - start]
            factor.times(spectra, products, plus=plus)
            yield slice(start, stop), products

    def _spectra(self, group: int) -> NDArray[np.complex128]:
        if group in self._groups:
            self._groups.move_to_end(group)
            return self._groups[group]
        spectra = limb_spectra(self.limbs(group * GROUP_BLOCKS, GROUP_BLOCKS))
        self._groups[group] = spectra
        while len(self._groups) > self._most_groups:
            self._groups.popitem(last=False)
        return spectra
