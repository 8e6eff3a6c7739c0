"""Integrity tags of protection `paillier`: one for each piece, that is, for each ciphertext.

An upload's tag of the piece with the values m_i is::

    t = sum_i alpha_i m_i + beta   (mod 2^128)

alpha_i belongs to the place of the value in the table and stays the same for the whole session;
beta belongs to the piece and to the upload, which its nonce names. Both come from a secret that the
participants share (a universal hash under one-time masks: Carter and Wegman, "New hash functions
and their use in authentication and set equality", 1981). Tags add like the values do, and a
participant that opens a sum of uploads knows the sum of their masks from the closings.

If the server replaces a piece, the values v that come out of it are either the
right sum s, or the tag fits with a probability below 2^-66: before the tags are looked at, alpha is
independent of all that the server has seen, since every tag has a mask of its own; and for words of
up to 62 bits alpha (v - s) has one certain value with a probability of at most 2^-(128 - 62). With
words of 30 bits that is 2^-98.

**Blinds.** The server adds tags as whole numbers, modulo nothing. How often their sum exceeds 2^128
depends on the single tags. A participant that opens it knows alpha and every beta, so that it
would learn more than the sum of the values, such as who changed a row. So every tag travels
as t + 2^128 * blind, with 64 random bits that nobody else knows.

**Rows that are not sent.** With ``upload="part"`` participants do not learn who sent which rows,
and so an upload has a tag for every piece of the table. For those that it does not send it is the
tag of zeros, a mask and a blind, which protect nothing and are told to the server as plain numbers.
"""

from __future__ import annotations

import hmac
import operator
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fedmf.crypto.derivation import Keystream, MasterSecret
from fedmf.crypto.secret_material import SecretMaterial
from fedmf.errors import ProtocolError
from fedmf.protocol.messages import ClosingMessage
from fedmf.protocol.session import Session
from fedmf.protocol.table import Int64Array

TAG_BITS = 128
TAG_BYTES = TAG_BITS // 8
BLIND_BYTES = 8
"""A blind hides all but n / 2^64 of how often the tags of n participants exceed 2^128."""
PLAIN_TAG_BYTES = TAG_BYTES + BLIND_BYTES
"""Size of a tag with its blind, little-endian, where it travels as a plain number."""

DOES_NOT_OPEN = (
    "the protected table does not open: it is not the sum of the uploads that the closings list, "
    "it was damaged on the way, or the key is another one; nothing of it was used"
)

UInt64Array = NDArray[np.uint64]


def tag_slot_bits(session: Session) -> int:
    """Return how many bits hold the sum of the blinded tags of all uploads of a session."""
    return 8 * PLAIN_TAG_BYTES + (session.participants * session.rounds).bit_length()


class PieceTags(SecretMaterial):
    """The tags of one session, and the masks of the uploads that its table includes.

    Parameters
    ----------
    secret
        What the participants share, and nobody else knows.
    context
        The session's digest.
    values, pieces
        How many the whole table has.
    """

    __slots__ = ("_context", "_factors", "_heard_rounds", "_included", "_pieces", "_secret")

    def __init__(self, secret: MasterSecret, context: bytes, *, values: int, pieces: int) -> None:
        self._secret, self._context, self._pieces = secret, context, pieces
        stream = Keystream(secret.derive("piece tag factors", context)).take(TAG_BYTES * values)
        # Lower and upper halves, each side by side.
        self._factors = np.ascontiguousarray(stream.view("<u8").reshape(-1, 2).T, dtype=np.uint64)
        self._included: UInt64Array = np.zeros((pieces, 2), dtype=np.uint64)
        self._heard_rounds = 0

    def of(self, first: int, values: Int64Array) -> int:
        """Return sum_i alpha_i m_i modulo 2^128.

        Parameters
        ----------
        first
            Number of the first of the values in the table.
        values
            int64, shape (count,): values that follow one another in the table.
        """
        low, high = self._factors[:, first : first + len(values)]
        # The upper half only counts modulo 2^64, where numpy's integers wrap by themselves.
        upper = int(np.dot(high, values.view(np.uint64)))
        lower: int = sum(map(operator.mul, low.tolist(), values.tolist()))
        return (lower + (upper << 64)) % (1 << TAG_BITS)

    def masks(self, round_number: int, participant: int, nonce: bytes) -> UInt64Array:
        """Return beta of every piece for one upload, as lower and upper half, shape (pieces, 2)."""
        key = self._secret.derive(
            "piece tag masks", self._context, _number(round_number), _number(participant), nonce
        )
        stream = Keystream(key).take(TAG_BYTES * self._pieces)
        return stream.view("<u8").astype(np.uint64, copy=False).reshape(-1, 2)

    def hear(self, closing: ClosingMessage, pieces: Int64Array) -> None:
        """Add the masks of a round's uploads to those that the table includes; again is no harm.

        Parameters
        ----------
        closing
            Whose uploads they were.
        pieces
            Numbers of the pieces that travelled in the round.

        Raises
        ------
        ProtocolError
            A closing before this one was missed.
        """
        if closing.round <= self._heard_rounds:
            return
        if closing.round != self._heard_rounds + 1:
            raise ProtocolError(
                f"the closing of round {closing.round} after that of round {self._heard_rounds}"
            )
        for participant, nonce in list(zip(closing.included, closing.nonces, strict=True)):
            masks = self.masks(closing.round, participant, nonce)[pieces]
            low = self._included[pieces, 0] + masks[:, 0]
            carry = low < masks[:, 0]
            self._included[pieces, 0] = low
            self._included[pieces, 1] += masks[:, 1] + carry
        self._heard_rounds = closing.round

    def due(self, piece: int, first: int, moved: Int64Array) -> int:
        """Return which tag, modulo 2^128, a piece of the table has to have.

        Parameters
        ----------
        piece
            Its number in the table.
        first
            Number of the first of its values in the table.
        moved
            Its values less those of the start table, which has no tags.
        """
        low, high = map(int, self._included[piece])
        return (self.of(first, moved) + low + (high << 64)) % (1 << TAG_BITS)


def same_tags(found: Sequence[int], due: Sequence[int]) -> bool:
    """Return whether all tags are what they should be modulo 2^128.

    It takes as long whichever of them differ: nobody is to learn which.
    """
    return hmac.compare_digest(_bytes(found), _bytes(due))


def _bytes(tags: Sequence[int]) -> bytes:
    return b"".join([(tag % (1 << TAG_BITS)).to_bytes(TAG_BYTES, "little") for tag in tags])


def _number(value: int) -> bytes:
    return value.to_bytes(4, "little")
