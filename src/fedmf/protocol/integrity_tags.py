"""Integrity tags: numbers beside a protected sum that tell whether it is the sum it should be.

An upload of the integers m_i carries, for each tag::

    t = sum_i alpha_i m_i + beta   (mod 2^64)

with factors alpha that are the same for all uploads, and a mask beta of the upload's own, all from
a secret that the server does not know (Carter and Wegman 1981, with masks that add). Tags add like
the integers do: the tags of a sum, less its masks, are those of the summed integers.

A server that drops, repeats, shifts, scales or makes up anything hits both tags with a probability
of 2^-66 at most, provided that it brings no integer off by 2^32 or more: an error of an odd number
times 2^v leaves alpha 64 - v random bits. Larger integers are therefore tagged limb by limb.

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
from fedmf.crypto.master_secret import MasterSecret
from fedmf.crypto.rlwe import DOES_NOT_OPEN
from fedmf.crypto.secret_material import SecretMaterial
from fedmf.errors import MessageError, OpenError
from fedmf.protocol.table import Int64Array

TAGS = 2
"""Number of tags: one alone would miss a shift by 2^31 once in 2^33 times."""

MANY = 4
"""One value in so many that are not zero, and picking them out takes longer than it saves."""

_WIRE = np.dtype("<u8")

TAGS_BYTES = TAGS * _WIRE.itemsize
"""Size of the tags of an upload, or of a sum, on the wire."""


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
    """

    __slots__ = ("_context", "_factors", "_secret")

    def __init__(self, secret: MasterSecret, context: bytes, values: int) -> None:
        self._secret, self._context = secret, context
        stream = Keystream(secret.derive("tag factors", context))
        factors = stream.take(8 * TAGS * values).view("<u8").astype(np.uint64, copy=False)
        self._factors: NDArray[np.uint64] = factors.reshape(TAGS, values)

    def of(self, values: Int64Array) -> NDArray[np.uint64]:
        """Return sum_i alpha_i m_i modulo 2^64 for every tag, shape (TAGS,).

        Parameters
        ----------
        values
            int64, shape (values,).
        """
        factors, integers = self._factors, values.view(np.uint64)
        some = np.flatnonzero(integers != 0)
        if len(some) < len(integers) // MANY:
            # One user's change is zero in nearly all rows. That this is faster tells no more than
            # its learning step does, whose time grows with its ratings, too.
            factors, integers = factors[:, some], integers[some]
        # Of numpy's sums of products over uint64 the fastest: it needs no array of products.
        tags: NDArray[np.uint64] = np.einsum("ti,i->t", factors, integers)
        return tags

    def mask(self, *parts: bytes) -> NDArray[np.uint64]:
        """Return beta for every tag, shape (TAGS,).

        Parameters
        ----------
        parts
            What names the upload. No two uploads may share a mask: the difference of their tags
            would be one of plain sums.
        """
        derived = self._secret.derive("tag masks", self._context, *parts)
        return np.frombuffer(derived, dtype="<u8", count=TAGS).astype(np.uint64)

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


def pack_tags(tags: NDArray[np.uint64]) -> bytes:
    """Return tags as they travel behind words: 8 bytes each, little endian."""
    return tags.astype(_WIRE, copy=False).tobytes()


def split_tags(
    payload: bytes, words_bytes: int, tags: int = TAGS
) -> tuple[memoryview, NDArray[np.uint64]]:
    """Return the words of a payload, which are not copied, and the tags behind them.

    Parameters
    ----------
    payload
        Bytes from the wire.
    words_bytes
        Size of the words.
    tags
        Number of tags; 0 where a payload has none.

    Raises
    ------
    MessageError
        There are too few bytes or too many.
    """
    due = words_bytes + tags * _WIRE.itemsize
    if len(payload) != due:
        raise MessageError(f"words and {tags} tags are {due:,} bytes, not {len(payload):,}")
    found = np.frombuffer(payload, dtype=_WIRE, offset=words_bytes)
    return memoryview(payload)[:words_bytes], found.astype(np.uint64)
