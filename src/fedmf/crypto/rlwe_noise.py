"""The small random numbers of RLWE: centred binomial, from a keystream.

The number of ones among 64 uniform bits, minus 32: mean 0, variance 16, values from -32 to 32.
Every number takes eight bytes and the same time, whatever it is: nothing is rejected or looked up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fedmf.crypto.keystream import Keystream

NOISE_VARIANCE = 16
"""Variance of one number: a quarter for each of its 64 bits."""

LARGEST_NOISE = 32
"""Largest absolute value of one number."""

BYTES_PER_NUMBER = 8
"""Bytes of a stream that one number takes."""


def centred_binomial(stream: Keystream, count: int) -> NDArray[np.int8]:
    """Return the next `count` numbers of a stream.

    Parameters
    ----------
    stream
        A keystream under a secret key. Numbers are its little-endian words of 64 bits, in order.
    count
        How many.

    Returns
    -------
    numpy.ndarray
        int8, shape (count,), from -32 to 32.
    """
    return centred_binomial_of(stream.take(count * BYTES_PER_NUMBER))


def centred_binomial_of(bits: NDArray[np.uint8]) -> NDArray[np.int8]:
    """Return the numbers that some bytes stand for, one for every eight of the last axis.

    Parameters
    ----------
    bits
        Uniform and secret bytes, uint8, shape (..., 8 * count).

    Returns
    -------
    numpy.ndarray
        int8, shape (..., count), from -32 to 32.
    """
    ones: NDArray[np.uint8] = np.bitwise_count(bits.view("<u8"))
    numbers = ones.view(np.int8)
    numbers -= np.int8(LARGEST_NOISE)
    return numbers
