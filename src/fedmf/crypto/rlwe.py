"""RLWE: what the holders of keys do, which is to encrypt integers and to open sums of them.

Block j of a table is protected as::

    c_j = a_j * k + e_j + 2^(48-w) m_j   (mod 2^48), rounded to its upper B bits

with the public polynomial a_j of the session, the key k and the noise e_j of this upload. Sums of
such words open under the sum of their keys.

**Never use one key twice under the same public polynomials.** Two uploads under one key cancel the
mask a_j * k: their difference is the difference of the two messages, with next to no noise. Keys
therefore come from a seed that is fresh for every upload, and an upload that is retried with other
values is another upload.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fedmf.crypto.derivation import Keystream
from fedmf.crypto.rlwe_ring import DEGREE, MODULUS_BITS, PublicPolynomials
from fedmf.crypto.rlwe_words import (
    RlweWordSize,
    Words,
    blocks_for,
    centred_binomial,
    check_words,
    zero_words,
)
from fedmf.errors import FixedPointRangeError, OpenError, ProtocolError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from fedmf.crypto.rlwe_key import RlweKey

DOES_NOT_OPEN = (
    "the protected sum does not open: it was added up from other uploads than the keys say, or "
    "damaged on the way; nothing of it was used"
)


def encrypt(
    values: NDArray[np.int64],
    *,
    public: PublicPolynomials,
    key: RlweKey,
    noise_seed: bytes,
    size: RlweWordSize,
    first_block: int = 0,
) -> Words:
    """Return the protected words of one upload.

    Parameters
    ----------
    values
        int64, any shape, read in C order, from ``-2**(w-1)`` up to ``2**(w-1) - 1``. Zeros fill up
        the last block.
    key
        The key of this upload and of no other.
    noise_seed
        32 secret bytes, fresh for this upload and independent of the key. Needed by nobody again.
    first_block
        Number of the block that the values start with.

    Returns
    -------
    numpy.ndarray
        uint32 or uint64, shape (blocks, 2048).

    Raises
    ------
    FixedPointRangeError
        If a value does not fit the word. The message names its place.
    KeyMaterialError
        If the seed is not 32 bytes.
    TypeError
        If the values are not int64, or the seed not bytes.
    """
    if values.dtype != np.int64:
        raise TypeError(f"values to encrypt are int64, not {values.dtype}")
    flat = values.reshape(-1)
    _check_range(flat, size)
    noise = Keystream(noise_seed)
    words = zero_words(blocks_for(len(flat)), size)
    numbers = np.arange(first_block, first_block + len(words))
    for places, products in public.products(key.factor(), numbers, plus=_half_unit(size)):
        here = flat[places.start * DEGREE : places.stop * DEGREE]
        coefficients = products.reshape(-1)
        coefficients += centred_binomial(noise, len(coefficients))
        coefficients[: len(here)] += here << (MODULUS_BITS - size.word_bits)
        _cut_into(words[places], products, size)
    return words


def open_sum(
    words: Words,
    *,
    public: PublicPolynomials,
    key: RlweKey,
    size: RlweWordSize,
    uploads: int,
    blocks: ArrayLike | None = None,
) -> NDArray[np.int64]:
    """Return the sum of the messages of some uploads, modulo 2^w and centred.

    Parameters
    ----------
    words
        The sum of the uploads' words, shape (blocks, 2048); where `blocks` is given, those blocks
        of it alone.
    key
        The sum of the keys of exactly these uploads.
    blocks
        Numbers of the blocks that `words` holds, shape (blocks,), in any order; without it they
        count from 0.

    Returns
    -------
    numpy.ndarray
        int64, shape (blocks, 2048), padding included.

    Raises
    ------
    OpenError
        If anything in the words lies too far from every message: the key is another, a word was
        damaged below its message bits, or there are more uploads than the word size has room for.
        What is damaged in its message bits alone does open, to another message; integrity tags
        find that out.
    MessageError
        If the words are no whole blocks of words of this size.
    ProtocolError
        If `blocks` names other than one block number for each block of the words.
    """
    check_words(words, size)
    numbers = _block_numbers(words, blocks)
    if not 0 <= uploads <= size.most_uploads:
        raise OpenError(
            f"a sum of {uploads:,} uploads does not open: words of {size.word_bits} bits in "
            f"{size.kept_bits} have room for the noise of at most {size.most_uploads:,}"
        )
    bound = math.floor(size.residual_bound(uploads))
    # Moves the residuals that open to 0 up to twice the bound: below a step, so that cutting the
    # words splits them, and one comparison finds the others.
    moved = bound - round(size.residual_mean(uploads))
    plus = _half_unit(size) - (moved << _dropped(size))
    opened = np.empty(words.shape, dtype=np.int64)
    for places, mask in public.products(key.factor(), numbers, plus=plus):
        rounded = np.empty(mask.shape, dtype=words.dtype)
        _cut_into(rounded, mask, size)
        np.subtract(words[places], rounded, out=rounded)
        _split_into(opened[places], rounded, size, 2 * bound)
    return opened


def _block_numbers(words: Words, blocks: ArrayLike | None) -> NDArray[np.int64]:
    numbers = np.arange(len(words)) if blocks is None else np.asarray(blocks, dtype=np.int64)
    if numbers.shape != (len(words),) or (numbers < 0).any():
        raise ProtocolError(
            f"{len(words)} blocks need as many block numbers, 0 or larger, not {numbers.shape}"
        )
    return numbers


def _check_range(flat: NDArray[np.int64], size: RlweWordSize) -> None:
    half = 1 << (size.word_bits - 1)
    if not len(flat) or (flat.min() >= -half and flat.max() < half):
        return
    place = int(np.argmax((flat < -half) | (flat >= half)))
    raise FixedPointRangeError(
        f"value {place:,} of the table is {flat[place]}, which does not fit words of "
        f"{size.word_bits} bits: they hold {-half} to {half - 1}"
    )


def _dropped(size: RlweWordSize) -> int:
    """Return how many bits of a coefficient rounding drops."""
    return MODULUS_BITS - size.kept_bits


def _half_unit(size: RlweWordSize) -> int:
    """Return what turns cutting off into rounding, halves up."""
    return 1 << (_dropped(size) - 1)


def _cut_into(words: Words, coefficients: NDArray[np.int64], size: RlweWordSize) -> None:
    """Cut coefficients modulo 2^48 to their upper bits; overwrites them."""
    coefficients >>= _dropped(size)
    if size.kept_bits == 40:
        coefficients &= (1 << 40) - 1
    # Leaves out the bits above the word where that is smaller than int64.
    np.copyto(words, coefficients, casting="unsafe")


def _split_into(
    messages: NDArray[np.int64], noisy: Words, size: RlweWordSize, largest: int
) -> None:
    """Split words without their mask into message and residual, 0 to largest; overwrites them."""
    # In the topmost bits of their type everything wraps where the word itself does.
    spare = 8 * noisy.dtype.itemsize - size.kept_bits
    signed: NDArray[np.signedinteger] = noisy.view(np.int64 if spare else np.int32)
    if spare:
        signed <<= spare
    np.right_shift(signed, spare + size.noise_bits, out=messages)
    signed &= (1 << (spare + size.noise_bits)) - 1
    if int(signed.max()) >> spare > largest:
        raise OpenError(DOES_NOT_OPEN)
