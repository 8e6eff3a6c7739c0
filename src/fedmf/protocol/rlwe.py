"""Protection `rlwe`: the paper's loop with lattice words, at a fraction of Paillier's cost.

Participants share a master secret. Every upload is protected under a key of its own, derived from
the secret, the session, who uploads, when, and a fresh public nonce; the closing of each round
lists whose uploads, under which nonces, the table includes from then on. Whoever holds the secret
adds up their keys and opens the table. The server adds words and never opens anything.

Values that are too wide for words travel beside them, and so do integrity tags over all values,
under pads that add modulo 2^64 and follow from the upload's key. A server that drops, repeats,
shifts or makes up words or what is beside them is found out when the table is opened, before
anything of it is used.
"""

from __future__ import annotations

import hashlib

import numpy as np

from fedmf.crypto.master_secret import MasterSecret
from fedmf.crypto.padded_key import PaddedKey
from fedmf.crypto.randomness import KeyRandomness
from fedmf.crypto.rlwe import encrypt, open_sum
from fedmf.crypto.rlwe_public import PublicPolynomials
from fedmf.crypto.rlwe_words import add_words, pack_words, unpack_words, zero_words
from fedmf.errors import ProtocolError, WordSizeError
from fedmf.protocol.framing import u32
from fedmf.protocol.integrity_tags import IntegrityTags, pack_numbers, split_numbers
from fedmf.protocol.lattice_layout import LatticeLayout
from fedmf.protocol.messages import ClosingMessage
from fedmf.protocol.protection import ParticipantProtection, Protected, Rows, ServerProtection
from fedmf.protocol.session import Session
from fedmf.protocol.table import Change, IntegerTable


def table_layout(session: Session) -> LatticeLayout:
    """Return how the table of a session lies in words.

    The server never opens the table, so it collects the noise of every upload of the session.

    Raises
    ------
    WordSizeError
        So many uploads are more than any sum may have; the message says which figure to change.
    """
    uploads = session.participants * session.rounds
    try:
        return LatticeLayout.plan(session.shape, uploads=uploads)
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
        self._layout = table_layout(session)
        # A hash of all that was agreed upon: nobody may choose the polynomials freely.
        seed = hashlib.sha256(b"fedmf rlwe public polynomials\n" + session.digest).digest()
        self._public = PublicPolynomials(seed)
        self._randomness = randomness or KeyRandomness()
        layout = self._layout
        self._tags = IntegrityTags(secret, session.digest, session.shape.values, layout.tags)
        self._start_tags = self._tags.of(session.shape.flat(start))
        self._padded = PaddedKey.sum_of_seeds([], layout.numbers)
        self._uploads = self._heard_rounds = 0

    def protect(
        self, change: Change, *, round_number: int, participant: int, leaving: bool = False
    ) -> Protected:
        """Return the words of the change and what is behind them, under a key used this once."""
        del leaving
        self.session.shape.check_change(change)
        values = self.session.shape.flat_change(change)
        messages, beside = self._layout.split(values)
        # Hedged with the values: even a stuck source repeats no key for another message.
        fresh = self._randomness.bytes(64, values.tobytes())
        nonce, noise_seed = fresh[:32], fresh[32:]
        seed = self._seed(round_number, participant, nonce)
        padded = PaddedKey.sum_of_seeds([seed], self._layout.numbers)
        words = encrypt(
            messages,
            public=self._public,
            key=padded.key,
            noise_seed=noise_seed,
            size=self._layout.size,
        )
        numbers = np.concatenate([self._tags.of(values), beside]) + padded.pads
        return Protected(pack_words(words, self._layout.size) + pack_numbers(numbers), nonce)

    def hear(self, closing: ClosingMessage) -> None:
        """Add the keys and pads of a round's included uploads."""
        if closing.round <= self._heard_rounds:
            return
        if closing.round != self._heard_rounds + 1:
            raise ProtocolError(
                f"the closing of round {closing.round} after that of round {self._heard_rounds}"
            )
        seeds = [
            self._seed(closing.round, participant, nonce)
            for participant, nonce in zip(closing.included, closing.nonces, strict=True)
        ]
        self._padded += PaddedKey.sum_of_seeds(seeds, self._layout.numbers)
        self._uploads += len(seeds)
        self._heard_rounds = closing.round

    def open(self, payload: bytes, rows: Rows | None = None) -> IntegerTable:
        """Return the whole table: its tags are over all of it."""
        del rows
        layout = self._layout
        words, found = split_numbers(payload, layout.words_bytes, layout.numbers)
        opened = open_sum(
            unpack_words(words, layout.blocks, layout.size, to_read=True),
            public=self._public,
            key=self._padded.key,
            size=layout.size,
            uploads=self._uploads,
        )
        found -= self._padded.pads
        values = layout.sums(opened, found[layout.tags :])
        self._tags.check(found[: layout.tags], self._tags.of(values) - self._start_tags)
        layout.check_beside(values)
        return self.session.shape.table(values)

    def work(self, rows: Rows | None = None) -> int:
        """Return the number of blocks: always all of them."""
        del rows
        return self._layout.blocks

    def payload_bytes(self, rows: Rows | None = None) -> int:
        """Return the size of all words and what is behind them."""
        del rows
        return self._layout.payload_bytes

    def _seed(self, round_number: int, participant: int, nonce: bytes) -> bytes:
        """Return what the key and the pads of an upload, and of no other, are drawn from."""
        named = u32(round_number), u32(participant), nonce
        return self._secret.derive("upload key", self.session.digest, *named)


class RlweServer(ServerProtection):
    """Adds words and the numbers behind them; it knows no secret at all."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._layout = table_layout(session)

    def start(self, table: IntegerTable) -> None:
        """Take the public start table without mask, noise, pads or tags."""
        self.session.shape.check_table(table)
        size = self._layout.size
        values, beside = self._layout.split(self.session.shape.flat(table))
        messages = values.view(np.uint64) << np.uint64(size.noise_bits)
        self._words = zero_words(self._layout.blocks, size)
        self._words.reshape(-1)[: len(values)] = messages & np.uint64((1 << size.kept_bits) - 1)
        self._numbers = np.concatenate([np.zeros(self._layout.tags, dtype=np.uint64), beside])

    def add(self, payload: bytes, rows: Rows | None) -> None:
        """Add the words of an upload and what is behind them."""
        del rows
        layout = self._layout
        words, numbers = split_numbers(payload, layout.words_bytes, layout.numbers)
        add_words(
            self._words, unpack_words(words, layout.blocks, layout.size, to_read=True), layout.size
        )
        self._numbers += numbers

    def payload(self) -> bytes:
        """Return the words of the table, and behind them its tags and its values beside."""
        return pack_words(self._words, self._layout.size) + pack_numbers(self._numbers)

    def restore(self, payload: bytes) -> None:
        """Take words and numbers that `payload` returned."""
        layout = self._layout
        words, self._numbers = split_numbers(payload, layout.words_bytes, layout.numbers)
        self._words = unpack_words(words, layout.blocks, layout.size)
