"""Exact products in the ring of RLWE: Z[X]/(X^2048 + 1), coefficients modulo 2^48.

A product of a uniform polynomial `a` and a small one `k` is computed in floating point and is exact
all the same. `a` is split into two limbs of 24 bits, centred around zero. Modulo X^2048 + 1 the
product of two polynomials is the pointwise product of their values at the 2048 odd powers of
zeta = exp(i pi / 2048). For real polynomials every other power is enough, because the rest are
conjugates; there X^1024 is i, so folding the upper half of the coefficients in as imaginary part
and twisting by zeta^j leaves a complex Fourier transform of 1024 points (the right-angle
convolution of Crandall and Fagin, 1994).

**Why the result is exact.** Let u = 2^-53. One pass of the transform over eighths has at most 9u
relative error (three additions, a rotation, a twiddle factor), the last pass over halves 4.3u, so
one transform 32u (1024 = 8*8*8*2); a twist has 5.3u and the pointwise product 2.3u. Three
transforms, three twists and the product make less than 128u. An error of relative size eps in one
pass changes a coefficient of the result by at most eps times the mean absolute value of the
pointwise product, which by Cauchy and Parseval is at most |a| |k| in Euclidean norms. With
|a| <= 2^23 sqrt(2048) for one limb the error of every coefficient before rounding is at most

    128 u |a| |k| <= 2^-17.5 |k|.

A key of one participant has coefficients from -32 to 32, so |k| <= 2^10.5 and the error is at
most 2^-7. Sums of keys are longer. Up to a norm of 2^15 the bound is below 0.18, safely below one
half; what is longer is split into parts that are not.

**Public polynomials** mask every upload of a session. They are uniform and expanded from a seed of
32 bytes. The seed must be a hash of what the session agreed upon: anyone who can choose it freely
can look for one with a trapdoor.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np

from fedmf.crypto.derivation import Keystream
from fedmf.crypto.secret_material import SecretMaterial

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


DEGREE = 2048
"""Number of coefficients of a polynomial."""

MODULUS_BITS = 48
"""The modulus q is 2^48."""

LIMB_BITS = MODULUS_BITS // 2
"""A coefficient modulo 2^48 has two limbs of 24 bits."""

LONGEST_FACTOR = 2.0**15
"""Euclidean norm up to which a small factor is multiplied in one piece."""

_HALF = DEGREE // 2
# Centred parts of this many bits have at most the norm 2^9 sqrt(2048) = 2^14.5.
_PART_BITS = 10

_ANGLES = np.pi / DEGREE * np.arange(_HALF)
_TWIST = np.cos(_ANGLES) + 1j * np.sin(_ANGLES)
_UNTWIST = np.conj(_TWIST)

# Adding 1.5 * 2^52 to a float64 below 2^51 rounds it to an integer, ties to even like numpy.rint,
# and leaves that integer in the low 48 bits of its representation, in two's complement: the bits
# of the constant itself all lie above. That saves numpy.rint and the conversion to integers, which
# together take longer than the pointwise product.
_ROUNDING = 1.5 * 2.0**52


class SmallFactor(SecretMaterial):
    """A small polynomial, ready to be multiplied: its parts, transformed.

    Parameters
    ----------
    coefficients
        int64, shape (2048,), absolute values below 2^62.
    """

    __slots__ = ("_parts", "_space")

    def __init__(self, coefficients: NDArray[np.int64]) -> None:
        self._parts: list[tuple[int, NDArray[np.complex128]]] = []
        # Fresh memory from the operating system costs more than the arithmetic on it.
        self._space = np.empty((2, 0, _HALF), dtype=np.complex128)
        shift = 0
        rest = coefficients
        while np.linalg.norm(rest) > LONGEST_FACTOR:
            centre = 1 << (_PART_BITS - 1)
            part = ((rest + centre) & ((1 << _PART_BITS) - 1)) - centre
            self._parts.append((shift, _transform(part)))
            rest = (rest - part) >> _PART_BITS
            shift += _PART_BITS
        self._parts.append((shift, _transform(rest)))

    def times(
        self, spectra: NDArray[np.complex128], out: NDArray[np.int64], *, plus: int = 0
    ) -> None:
        """Multiply with public polynomials.

        Parameters
        ----------
        spectra
            What `limb_spectra` returned, shape (2, blocks, 1024). Some 8 blocks at a time stay
            within the cache of a processor core.
        out
            Where the products go, int64, shape (blocks, 2048). The low 48 bits are the coefficients
            modulo 2^48; the bits above mean nothing.
        plus
            Added to every coefficient, at no cost; up to 2^48 in absolute value.
        """
        if self._space.shape[1] < spectra.shape[1]:
            self._space = np.empty_like(spectra)
        values = self._space[:, : spectra.shape[1]]
        _times_part(spectra, self._parts[0][1], values, out, plus)
        for shift, part in self._parts[1:]:
            product = np.empty_like(out)
            _times_part(spectra, part, values, product, 0)
            out += product << shift


def limb_spectra(limbs: NDArray[np.int32]) -> NDArray[np.complex128]:
    """Return the transformed limbs of uniform polynomials.

    Parameters
    ----------
    limbs
        int32, shape (2, blocks, 2048), from -2^23 up to 2^23 - 1. A coefficient is the limb in
        front plus 2^24 times the other one.

    Returns
    -------
    numpy.ndarray
        complex128, shape (2, blocks, 1024); 16 bytes per coefficient.
    """
    spectra = _transform(limbs)
    # The factor of the inverse transform, a power of two and therefore exact, once for all.
    spectra *= 1.0 / _HALF
    return spectra


def _transform(polynomials: NDArray[np.integer]) -> NDArray[np.complex128]:
    folded = np.empty((*polynomials.shape[:-1], _HALF), dtype=np.complex128)
    folded.real = polynomials[..., :_HALF]
    folded.imag = polynomials[..., _HALF:]
    folded *= _TWIST
    return np.fft.ifft(folded, norm="forward", out=folded)


def _times_part(
    spectra: NDArray[np.complex128],
    part: NDArray[np.complex128],
    values: NDArray[np.complex128],
    out: NDArray[np.int64],
    plus: int,
) -> None:
    np.multiply(spectra, part, out=values)
    np.fft.fft(values, out=values)
    values *= _UNTWIST
    low_reals, high_reals = values.view(np.float64)
    low_reals += _ROUNDING + plus
    high_reals += _ROUNDING
    low, high = values.view(np.int64)
    high <<= LIMB_BITS
    high += low
    # Real and imaginary parts alternate: they are the two halves of the coefficients.
    out[:, :_HALF] = high[:, 0::2]
    out[:, _HALF:] = high[:, 1::2]


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
        self, factor: SmallFactor, blocks: NDArray[np.int64], *, plus: int = 0
    ) -> Iterator[tuple[slice, NDArray[np.int64]]]:
        """Yield the products of some of the polynomials with a small one.

        Parameters
        ----------
        factor
            A key, ready to be multiplied; see `RlweKey.factor`.
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
