"""Protection `rlwe`: the paper's loop with lattice words, at a fraction of Paillier's cost.

Participants share a master secret. Every upload is protected under a key of its own, derived from
the secret, the session, who uploads, when, and a fresh public nonce; the closing of each round
lists whose uploads, under which nonces, the table includes from then on. Whoever holds the secret
adds up their keys and opens the table. The server adds words and never opens anything.

Every upload also carries integrity tags: two more protected numbers
t = sum_i alpha_i m_i + beta (mod 2^64), with alpha and beta from the secret. A server that drops,
repeats, shifts or makes up words is found out when the table is opened, before anything of it is
used.

Payload: the words of all groups, row after row, then of the tags, filled up with zeros to whole
blocks of 2,048 values; 4 or 5 bytes a word.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac

import numpy as np
from numpy.typing import NDArray

from fedmf.crypto.keystream import Keystream
from fedmf.crypto.master_secret import MasterSecret
from fedmf.crypto.randomness import KeyRandomness
from fedmf.crypto.rlwe import DOES_NOT_OPEN, encrypt, open_sum
from fedmf.crypto.rlwe_key import RlweKey
from fedmf.crypto.rlwe_public import PublicPolynomials
from fedmf.crypto.rlwe_ring import DEGREE
from fedmf.crypto.rlwe_sizes import KEPT_BITS, MOST_WORD_BITS, RlweWordSize, plan_rlwe_words
from fedmf.crypto.rlwe_words import add_words, blocks_for, pack_words, unpack_words, zero_words
from fedmf.errors import OpenError, ProtocolError, WordSizeError
from fedmf.protocol.messages import ClosingMessage
from fedmf.protocol.protection import ParticipantProtection, Protected, Rows, ServerProtection
from fedmf.protocol.session import Session
from fedmf.protocol.table import Change, Int64Array, IntegerTable

TAGS = 2
LIMB_BITS = 8
LIMBS = 64 // LIMB_BITS
"""A tag travels as limbs, whose sums over all uploads fit a word and are put together after."""


def word_size(session: Session) -> RlweWordSize:
    """Return the words of a session: 4 bytes where the noise of all its uploads fits, else 5.

    The server never opens the table, so it collects the noise of every upload of the session.

    Raises
    ------
    WordSizeError
        Not even 5 bytes are enough; the message says which figure to change.
    """
    uploads = session.participants * session.rounds
    bits = max(
        *(group.word_bits for group in session.shape.groups), LIMB_BITS + uploads.bit_length()
    )
    if bits > MOST_WORD_BITS:
        raise WordSizeError(
            f"words of {bits} bits under protection rlwe, which has at most {MOST_WORD_BITS}; "
            "fewer rounds or participants need less"
        )
    *smaller, largest = KEPT_BITS
    for kept_bits in smaller:
        with contextlib.suppress(WordSizeError):
            return plan_rlwe_words(uploads=uploads, kept_bits=kept_bits, word_bits=bits)
    try:
        return plan_rlwe_words(uploads=uploads, kept_bits=largest, word_bits=bits)
    except WordSizeError as error:
        raise WordSizeError(
            f"{error}; {uploads:,} uploads are {session.participants:,} participants in "
            f"{session.rounds:,} rounds: fewer rounds, or silos, need less"
        ) from error


class RlweParticipant(ParticipantProtection):
    """Protects changes and opens the table with the master secret that all participants share.

    Parameters
    ----------
    session
        The agreed parameters.
    secret
        The participants' master secret.
    start
        The public table before the first round.
    randomness
        Source of nonces and noise; a new one unless given.
    """

    def __init__(
        self,
        session: Session,
        secret: MasterSecret,
        start: IntegerTable,
        randomness: KeyRandomness | None = None,
    ) -> None:
        super().__init__(session)
        self._secret = secret
        self._size = word_size(session)
        # A hash of all that was agreed upon: nobody may choose the polynomials freely.
        seed = hashlib.sha256(b"fedmf rlwe public polynomials\n" + session.digest).digest()
        self._public = PublicPolynomials(seed)
        self._randomness = randomness or KeyRandomness()
        factors = Keystream(secret.derive("tag factors", session.digest))
        count = TAGS * session.shape.values
        self._factors = factors.take(8 * count).view("<u8").reshape(TAGS, session.shape.values)
        self._start_tags = self._tags(_flat(start))
        self._key = RlweKey.sum_of_seeds([])
        self._masks = np.zeros(TAGS, dtype=np.uint64)
        self._uploads = self._heard_rounds = 0

    def protect(self, change: Change, *, round_number: int, participant: int) -> Protected:
        """Return the words of the change and its tags, under a key that is used this once."""
        self.session.shape.check_change(change)
        values = _flat(self.session.shape.dense(change))
        # Hedged with the values: even a stuck source repeats no key for another message.
        fresh = self._randomness.bytes(64, values.tobytes())
        nonce, noise_seed = fresh[:32], fresh[32:]
        tags = self._tags(values) + self._mask(round_number, participant, nonce)
        words = encrypt(
            np.concatenate([values, tags.astype("<u8").view(np.uint8).astype(np.int64)]),
            public=self._public,
            key=RlweKey.from_seed(self._seed(round_number, participant, nonce)),
            noise_seed=noise_seed,
            size=self._size,
        )
        return Protected(pack_words(words, self._size), nonce)

    def hear(self, closing: ClosingMessage) -> None:
        """Add the keys of a round's included uploads."""
        if closing.round <= self._heard_rounds:
            return
        if closing.round != self._heard_rounds + 1:
            raise ProtocolError(
                f"the closing of round {closing.round} after that of round {self._heard_rounds}"
            )
        uploads = list(zip(closing.included, closing.nonces, strict=True))
        self._key += RlweKey.sum_of_seeds(
            self._seed(closing.round, participant, nonce) for participant, nonce in uploads
        )
        for participant, nonce in uploads:
            self._masks += self._mask(closing.round, participant, nonce)
        self._uploads += len(uploads)
        self._heard_rounds = closing.round

    def open(self, payload: bytes, rows: Rows | None = None) -> IntegerTable:
        """Return the whole table: its tags are over all of it."""
        del rows
        opened = open_sum(
            unpack_words(payload, _blocks(self.session), self._size),
            public=self._public,
            key=self._key,
            size=self._size,
            uploads=self._uploads,
        ).reshape(-1)
        count = self.session.shape.values
        # Sums of limbs come back modulo 2^w, and their places wrap at 2^64 by themselves.
        limbs = opened[count : count + TAGS * LIMBS] & ((1 << self._size.word_bits) - 1)
        places = (np.arange(LIMBS) * LIMB_BITS).astype(np.uint64)
        found = (limbs.astype(np.uint64).reshape(TAGS, LIMBS) << places).sum(
            axis=1, dtype=np.uint64
        )
        due = self._tags(opened[:count]) - self._start_tags + self._masks
        if not hmac.compare_digest(found.tobytes(), due.tobytes()):
            # The same sentence as for any other failure: who asks must not learn which it was.
            raise OpenError(DOES_NOT_OPEN)
        return _table(self.session, opened[:count])

    def work(self, rows: Rows | None = None) -> int:
        """Return the number of blocks: always all of them."""
        del rows
        return _blocks(self.session)

    def payload_bytes(self, rows: Rows | None = None) -> int:
        """Return the size of all words."""
        del rows
        return _blocks(self.session) * DEGREE * self._size.bytes_per_word

    def _tags(self, values: Int64Array) -> NDArray[np.uint64]:
        """Return sum_i alpha_i m_i modulo 2^64 for both tags."""
        tags: NDArray[np.uint64] = np.einsum("ij,j->i", self._factors, values.view(np.uint64))
        return tags

    def _seed(self, round_number: int, participant: int, nonce: bytes) -> bytes:
        return self._secret.derive(
            "upload key", self.session.digest, _number(round_number), _number(participant), nonce
        )

    def _mask(self, round_number: int, participant: int, nonce: bytes) -> NDArray[np.uint64]:
        """Return beta for both tags."""
        derived = self._secret.derive(
            "tag masks", self.session.digest, _number(round_number), _number(participant), nonce
        )
        return np.frombuffer(derived, dtype="<u8", count=TAGS).astype(np.uint64)


class RlweServer(ServerProtection):
    """Adds words; it knows no secret at all."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._size = word_size(session)

    def start(self, table: IntegerTable) -> None:
        """Take the public start table as words without mask or noise."""
        self.session.shape.check_table(table)
        words = zero_words(_blocks(self.session), self._size)
        flat = _flat(table).view(np.uint64) << np.uint64(self._size.noise_bits)
        flat &= np.uint64((1 << self._size.kept_bits) - 1)
        words.reshape(-1)[: len(flat)] = flat
        self._words = words

    def add(self, payload: bytes, rows: Rows | None) -> None:
        """Add the words of an upload."""
        del rows
        words = unpack_words(payload, _blocks(self.session), self._size)
        add_words(self._words, words, self._size)

    def payload(self) -> bytes:
        """Return the words of the table."""
        return pack_words(self._words, self._size)

    def restore(self, payload: bytes) -> None:
        """Take words that `payload` returned."""
        self._words = unpack_words(payload, _blocks(self.session), self._size)


def _blocks(session: Session) -> int:
    return blocks_for(session.shape.values + TAGS * LIMBS)


def _flat(table: IntegerTable) -> Int64Array:
    return np.concatenate([part.reshape(-1) for part in table])


def _table(session: Session, flat: Int64Array) -> list[Int64Array]:
    parts, offset = [], 0
    for group in session.shape.groups:
        part = flat[offset : offset + group.values]
        parts.append(part.reshape(group.rows, group.columns).copy())
        offset += group.values
    return parts


def _number(value: int) -> bytes:
    return value.to_bytes(4, "little")
