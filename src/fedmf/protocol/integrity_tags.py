"""Integrity tags: numbers beside a protected sum that tell whether it is the sum it should be.

An upload of the integers m_i carries, for each tag::

    t = sum_i alpha_i m_i + beta   (mod 2^64)

with factors alpha that are the same for all uploads, and a mask beta of the upload's own, all from
a secret that the server does not know (Carter and Wegman 1981, with masks that add). Tags add like
the integers do: the tags of a sum, less its masks, are those of the summed integers.

Values in words are read as the one integer of what came back that leads from the table before to a
value of W bits, W being the size of the group's word; of values beside words, all that lead to
others are refused. So whatever a server or a member drops, repeats, shifts, scales or makes up
either changes nothing, or is refused, or brings an integer off by an error e below 2^W in size.
With e = 2^v times an odd number, v is at most W - 1, and alpha e has 64 - v >= 65 - W random bits.
Each tag misses that with a probability of 2^-(65 - W), for all tags are independent; with other
errors beside it, whatever they are, no more often. There are as many tags as it takes for 2^-66:
two up to W = 32, three up to 43, and 22 for 62. What does not fit W bits is refused with the same
sentence and after the tags, so that nobody learns from complaints which of the two it was, and from
that about the sum.

Tags travel behind the protected words, as numbers of 64 bits, and add modulo 2^64. Cut into limbs
and protected like values, they would open to sums of limbs, which tell whoever knows alpha and beta
more than the sum modulo 2^64: how often single tags carried. As they are, they show nothing to whom
beta is unknown. Where somebody who knows it may side with the server, they are hidden once more.
"""

from __future__ import annotations

import hmac

import numpy as np
from numpy.typing import NDArray

from fedmf.crypto.keystream import Keystream
from fedmf.crypto.master_secret import MASTER_SECRET_BYTES, MasterSecret
from fedmf.crypto.rlwe import DOES_NOT_OPEN
from fedmf.crypto.secret_material import SecretMaterial
from fedmf.errors import MessageError, OpenError
from fedmf.protocol.framing import u32
from fedmf.protocol.table import Int64Array

LEAST_TAGS = 2
"""Smallest number of tags: one alone would miss a shift by 2^31 once in 2^33 times."""

MISSED_BITS = 66
"""Tags miss a lie with a probability of two to minus this, or less."""

_WIRE = np.dtype("<u8")

NUMBER_BYTES = _WIRE.itemsize
"""Size of a tag, or of a value beside the words, on the wire."""

_TAGS_PER_DERIVATION = MASTER_SECRET_BYTES // NUMBER_BYTES


def tags_for(word_bits: int) -> int:
    """Return how many tags values of so many bits need, 2 to 62 bits."""
    return max(LEAST_TAGS, -(-MISSED_BITS // (65 - word_bits)))


class IntegrityTags(SecretMaterial):
    """The factors of one session, and the masks of its uploads.

    Parameters
    ----------
    secret
        What the participants share, and nobody else knows.
    context
        What the factors are for, such as a session's digest: other contexts, other factors.
    values
        How many integers an upload has.
    tags
        How many tags, from `tags_for`.
    """

    __slots__ = ("_context", "_factors", "_secret")

    def __init__(self, secret: MasterSecret, context: bytes, values: int, tags: int) -> None:
        self._secret, self._context = secret, context
        stream = Keystream(secret.derive("tag factors", context))
        drawn = stream.take(NUMBER_BYTES * tags * values).view(_WIRE)
        self._factors = drawn.astype(np.uint64, copy=False).reshape(tags, values)

    def of(self, values: Int64Array) -> NDArray[np.uint64]:
        """Return sum_i alpha_i m_i modulo 2^64 for every tag, shape (tags,).

        Parameters
        ----------
        values
            int64, shape (values,).
        """
        # Of numpy's sums of products over uint64 the fastest: it needs no array of products.
        tags: NDArray[np.uint64] = np.einsum("ti,i->t", self._factors, values.view(np.uint64))
        return tags

    def mask(self, *parts: bytes) -> NDArray[np.uint64]:
        """Return beta for every tag, shape (tags,).

        Parameters
        ----------
        parts
            What names the upload. No two uploads may share a mask: the difference of their tags
            would be one of plain sums.
        """
        # Whoever opens a sum needs those of all its uploads, and one derivation serves four tags.
        derived = b"".join(
            self._secret.derive("tag masks", self._context, *parts, u32(block))
            for block in range(-(-len(self._factors) // _TAGS_PER_DERIVATION))
        )
        masks = np.frombuffer(derived, dtype=_WIRE, count=len(self._factors))
        return masks.astype(np.uint64)

    @staticmethod
    def check(found: NDArray[np.uint64], due: NDArray[np.uint64]) -> None:
        """Raise unless tags are what they should be, in the same time wherever they differ.

        Raises
        ------
        OpenError
            They are not. The sentence is that of any other failure to open: whoever watches for
            complaints must not learn which it was.
        """
        if not hmac.compare_digest(found.tobytes(), due.tobytes()):
            raise OpenError(DOES_NOT_OPEN)


def pack_numbers(numbers: NDArray[np.uint64]) -> bytes:
    """Return tags and values as they travel behind words: 8 bytes each, little endian."""
    return numbers.astype(_WIRE, copy=False).tobytes()


def split_numbers(
    payload: bytes, words_bytes: int, numbers: int
) -> tuple[memoryview, NDArray[np.uint64]]:
    """Return a view of the words of a payload, and the numbers behind them, free to be changed.

    Parameters
    ----------
    payload
        Bytes from the wire.
    words_bytes
        Size of the words.
    numbers
        How many numbers there are.

    Raises
    ------
    MessageError
        There are too few bytes or too many.
    """
    due = words_bytes + numbers * NUMBER_BYTES
    if len(payload) != due:
        raise MessageError(
            f"words and the {numbers:,} numbers behind them are {due:,} bytes, not {len(payload):,}"
        )
    found = np.frombuffer(payload, dtype=_WIRE, offset=words_bytes)
    return memoryview(payload)[:words_bytes], found.astype(np.uint64)
