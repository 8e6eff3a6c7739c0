"""Protected words: what the server holds, adds and carries, and their room for noise. No keys here.

A table of protected values is an array of shape (blocks, 2048). Words of 32 bits are uint32 in
memory and on the wire, so adding two tables is one unsigned addition. Words of 40 bits are uint64
in memory, always below 2^40, and 5 bytes on the wire.

**Noise** is centred binomial, from a keystream: the number of ones among 64 uniform bits, minus 32.
Mean 0, variance 16, values from -32 to 32. Every number takes eight bytes and the same time,
for every value: nothing is rejected or looked up.

**Words** have B bits, 32 or 40. The upper w bits of a word are the message, modulo 2^w; the room
below takes up the noise of all uploads in the sum. Written in units of the word, one upload adds

- the error of rounding to B bits: uniform, variance 1/12;
- its noise, of variance 16, at the 2^(48-B)-th part: variance 16 * 4^(B-48).

So the noise of n uploads has the variance sigma^2 = n (1/12 + 16 * 4^(B-48)). The normal
distribution leaves 9.8 sigma with a probability of 2^-73, which is 2^-43 over 2^30 values. Both
terms are bounded and their tails lighter than normal, so this holds for every n; the bound that
needs no approximation at all, 2 exp(-9.8^2 / 2), gives 2^-68 and 2^-38. What opens may be 1.5
further away: half a unit for rounding the mask at opening, half for rounding the mean of the noise,
and half to spare.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fedmf.crypto.rlwe_ring import DEGREE, MODULUS_BITS
from fedmf.errors import MessageError, SettingsError, WordSizeError

if TYPE_CHECKING:
    from fedmf.crypto.derivation import Keystream

Words = NDArray[np.uint32] | NDArray[np.uint64]

MOST_KEYS = 2**35
"""Largest number of keys in one sum."""

NOISE_VARIANCE = 16
"""Variance of one number: a quarter for each of its 64 bits."""

LARGEST_NOISE = 32
"""Largest absolute value of one number."""

BYTES_PER_NUMBER = 8
"""Bytes of a stream that one number takes."""

KEPT_BITS = (32, 40)
"""The sizes of word on offer, in bits."""

MOST_WORD_BITS = 32
"""Largest message on offer, in bits."""

_STANDARD_DEVIATIONS = 9.8
_ROUNDINGS = 1.5


def centred_binomial(stream: Keystream, count: int) -> NDArray[np.int8]:
    """Return the next `count` numbers of a stream, int8, shape (count,), from -32 to 32.

    They are its little-endian words of 64 bits, in order; the stream's key is secret.
    """
    return centred_binomial_of(stream.take(count * BYTES_PER_NUMBER))


def centred_binomial_of(bits: NDArray[np.uint8]) -> NDArray[np.int8]:
    """Return the numbers that uniform and secret bytes stand for, one for every eight of them.

    uint8 of shape (..., 8 * count) become int8 of shape (..., count), from -32 to 32.
    """
    ones: NDArray[np.uint8] = np.bitwise_count(bits.view("<u8"))
    numbers = ones.view(np.int8)
    numbers -= np.int8(LARGEST_NOISE)
    return numbers


@dataclass(frozen=True, slots=True)
class RlweWordSize:
    """How the bits of a word are shared out.

    Raises
    ------
    SettingsError
        If either is not on offer; both are named at once.
    WordSizeError
        If the word has no room for the noise of even one upload.
    """

    word_bits: int
    """w, size of a message in bits, sign included: integers from ``-2**(w-1)`` up to, but not
    including, ``2**(w-1)``; 2 to 32. Sums wrap modulo 2^w."""
    kept_bits: int
    """B, size of a protected word in bits: 32 or 40."""

    def __post_init__(self) -> None:
        problems = []
        if not 2 <= self.word_bits <= MOST_WORD_BITS:
            problems.append(f"word_bits is {self.word_bits}; choose 2 to {MOST_WORD_BITS}")
        if self.kept_bits not in KEPT_BITS:
            problems.append(f"kept_bits is {self.kept_bits}; choose 32 or 40")
        if problems:
            raise SettingsError("RLWE words: " + "; ".join(problems))
        if self.most_uploads < 1:
            raise WordSizeError(
                f"RLWE words: {self.kept_bits} kept bits have no room for {self.word_bits} word "
                "bits and the noise of one upload; lower word_bits, or raise kept_bits to 40"
            )

    @property
    def bytes_per_word(self) -> int:
        """Bytes that a protected value takes up on the wire: 4 or 5."""
        return self.kept_bits // 8

    @property
    def noise_bits(self) -> int:
        """Number of bits below the message; one step of the message is 2 to that power."""
        return self.kept_bits - self.word_bits

    @property
    def most_uploads(self) -> int:
        """Largest number of uploads whose sum still opens: their bound is below half a step."""
        return _most_uploads(self.word_bits, self.kept_bits)

    def residual_bound(self, uploads: int) -> float:
        """Return the largest residual of a sum that still opens, in units of the word."""
        return _STANDARD_DEVIATIONS * math.sqrt(uploads * _variance(self.kept_bits)) + _ROUNDINGS

    def residual_mean(self, uploads: int) -> float:
        """Return the mean of the residuals of a sum, in units of the word.

        Rounding moves exact halves up, which adds the ``2**(49-B)``-th part of a unit for every
        upload, and takes one off for the mask at opening. At B = 40 and 2^20 uploads that is 2,048
        units, or seven standard deviations.
        """
        return math.ldexp(uploads - 1, self.kept_bits - MODULUS_BITS - 1)


def plan_rlwe_words(*, uploads: int, kept_bits: int) -> RlweWordSize:
    """Return the largest words of B = `kept_bits` under which the sum of this many uploads opens.

    The chance that any of 2^30 values of an honest sum does not open is below 2^-40. A table that
    is never opened in between collects the uploads of the whole session: participants times rounds.

    Raises
    ------
    SettingsError
        If there are no uploads, or such words are not on offer.
    WordSizeError
        If there are more uploads than any sum may have.
    """
    if uploads < 1:
        raise SettingsError(f"RLWE words: uploads is {uploads}; choose at least 1")
    if uploads > MOST_KEYS:
        raise WordSizeError(
            f"RLWE words: {uploads:,} uploads are more than any sum may have; lower uploads to at "
            f"most {MOST_KEYS:,}"
        )
    # Under the cap on uploads the smallest words always work, so this finds one.
    fit = [bits for bits in range(MOST_WORD_BITS + 1) if _most_uploads(bits, kept_bits) >= uploads]
    return RlweWordSize(max(fit, default=0), kept_bits)


def _variance(kept_bits: int) -> float:
    """Return the variance of the noise of one upload, in squared units of the word."""
    return 1 / 12 + math.ldexp(NOISE_VARIANCE, 2 * (kept_bits - MODULUS_BITS))


def _most_uploads(word_bits: int, kept_bits: int) -> int:
    """Return the largest number of uploads whose residual bound is below half a step."""
    half_step = math.ldexp(1, kept_bits - word_bits - 1)
    if half_step <= _ROUNDINGS:
        return 0
    deviation = (half_step - _ROUNDINGS) / _STANDARD_DEVIATIONS
    return min(MOST_KEYS, math.floor(deviation**2 / _variance(kept_bits)))


_DTYPE_32 = np.dtype(np.uint32)
_DTYPE_64 = np.dtype(np.uint64)
_MASK_40 = np.uint64(2**40 - 1)
_PACKED_40 = np.dtype([("low", "<u4"), ("high", "u1")])


def blocks_for(values: int) -> int:
    """Return the number of blocks that this many values take; the last may be part padding."""
    return -(-values // DEGREE)


def word_dtype(size: RlweWordSize) -> np.dtype[np.uint32] | np.dtype[np.uint64]:
    """Return the type of the words in memory: uint32 for 32 kept bits, uint64 for 40."""
    return _DTYPE_32 if size.kept_bits == 32 else _DTYPE_64


def zero_words(blocks: int, size: RlweWordSize) -> Words:
    """Return the sum of no uploads, shape (blocks, 2048)."""
    return np.zeros((blocks, DEGREE), dtype=word_dtype(size))


def add_words(total: Words, words: Words, size: RlweWordSize) -> None:
    """Add an upload to a sum, in place; both have the shape (blocks, 2048).

    Raises
    ------
    MessageError
        If the two do not have the type of this word size, or differ in shape. The sum is as it was.
    """
    check_words(total, size)
    check_words(words, size)
    if total.shape != words.shape:
        raise MessageError(
            f"an upload of {len(words)} blocks cannot be added to a sum of {len(total)}"
        )
    np.add(total, words, out=total)
    if size.kept_bits == 40:
        np.bitwise_and(total, _MASK_40, out=total)


def subtract_words(total: Words, words: Words, size: RlweWordSize) -> None:
    """Take an upload out of a sum that it was added to, in place; the reverse of `add_words`.

    Raises
    ------
    MessageError
        If the two do not have the type of this word size, or differ in shape. The sum is as it was.
    """
    check_words(words, size)
    # Words wrap, so taking out is adding what is missing to zero.
    negative = (~words) + words.dtype.type(1)
    if size.kept_bits == 40:
        np.bitwise_and(negative, _MASK_40, out=negative)
    add_words(total, negative, size)


def check_words(words: Words, size: RlweWordSize) -> None:
    """Check that an array holds whole blocks of words of this size.

    Raises
    ------
    MessageError
        If its type or its shape is another.
    """
    if words.dtype != word_dtype(size) or words.ndim != 2 or words.shape[1] != DEGREE:
        raise MessageError(
            f"words of {size.kept_bits} bits are {word_dtype(size)} of shape (blocks, {DEGREE}), "
            f"not {words.dtype} of shape {words.shape}"
        )


def pack_words(words: Words, size: RlweWordSize, behind: bytes = b"") -> bytes:
    """Return the words as they travel: 4 or 5 bytes each, little endian, in order.

    What is `behind` them is joined on here, which saves a copy.

    Raises
    ------
    MessageError
        If they are no whole blocks of words of this size.
    """
    check_words(words, size)
    if size.kept_bits == 32:
        return b"".join([words.astype("<u4", order="C", copy=False).data, behind])
    packed = np.empty(words.shape, dtype=_PACKED_40)
    packed["low"] = words.astype(np.uint32)  # drops the upper half
    packed["high"] = (words >> np.uint64(32)).astype(np.uint8)
    return packed.tobytes() + behind


def unpack_words(
    data: bytes | memoryview, blocks: int, size: RlweWordSize, *, to_read: bool = False
) -> Words:
    """Return the words that `pack_words` turned into bytes.

    Parameters
    ----------
    to_read
        The words will only be read, so that words of 32 bits need no copy.

    Returns
    -------
    numpy.ndarray
        Shape (blocks, 2048); without `to_read` a copy that may be written to.

    Raises
    ------
    MessageError
        If there are too few bytes or too many.
    """
    expected = blocks * DEGREE * size.bytes_per_word
    if len(data) != expected:
        raise MessageError(
            f"{blocks} blocks of {size.kept_bits}-bit words are {expected:,} bytes, "
            f"not {len(data):,}"
        )
    shape = (blocks, DEGREE)
    if size.kept_bits == 32:
        travelled = np.frombuffer(data, dtype="<u4").reshape(shape)
        return travelled.astype(np.uint32, copy=not to_read)
    packed = np.frombuffer(data, dtype=_PACKED_40).reshape(shape)
    words = packed["high"].astype(np.uint64)
    words <<= np.uint64(32)
    words |= packed["low"]
    return words
