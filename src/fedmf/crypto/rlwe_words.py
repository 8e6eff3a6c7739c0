"""Protected words: what the server holds, adds and carries. No keys here.

A table of protected values is an array of shape (blocks, 2048). Words of 32 bits are uint32 in
memory and on the wire, so adding two tables is one unsigned addition. Words of 40 bits are uint64
in memory, always below 2^40, and 5 bytes on the wire.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fedmf.crypto.rlwe_ring import DEGREE
from fedmf.errors import MessageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fedmf.crypto.rlwe_noise import RlweWordSize

    Words = NDArray[np.uint32] | NDArray[np.uint64]

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
