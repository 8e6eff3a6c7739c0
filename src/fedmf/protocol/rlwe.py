"""Protection `rlwe`: the paper's loop with lattice words, at a fraction of Paillier's cost.

Participants share a master secret. Every upload is protected under a key of its own, derived from
the secret, the session, who uploads, when, and a fresh public nonce; the closing of each round
lists whose uploads, under which nonces, the table includes from then on. Anyone who holds the
secret adds up their keys and opens the table. The server adds words and never opens anything.

Wide values, which do not fit into words, travel beside them, and so do tags over all values,
under pads that add modulo 2^64 and follow from the upload's key. A server that drops, repeats,
shifts or makes up words or what is beside them is found out when the table is opened, before
anything of it is used.

With ``upload="slices"`` every part of the table is a sum on its own, with polynomials, tags and
pads of its own; an upload holds those that travel in its round, one after the other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from fedmf.crypto.derivation import MasterSecret
from fedmf.crypto.rlwe import encrypt, open_sum
from fedmf.crypto.rlwe_key import PaddedKey
from fedmf.crypto.rlwe_ring import PublicPolynomials
from fedmf.crypto.rlwe_words import add_words, pack_words, unpack_words, zero_words
from fedmf.crypto.secret_material import KeyRandomness, SecretMaterial
from fedmf.errors import KeyMaterialError, MessageError, ProtocolError, WordSizeError
from fedmf.protocol.enrolment.keyring import HeldKeys
from fedmf.protocol.halves import ParticipantProtection, Protected, ServerProtection
from fedmf.protocol.integrity_tags import IntegrityTags, pack_numbers, split_numbers
from fedmf.protocol.lattice_layout import LatticeLayout
from fedmf.protocol.messages import ClosingMessage
from fedmf.protocol.protection import Protection
from fedmf.protocol.session import Session
from fedmf.protocol.slices import Load
from fedmf.protocol.table import Change, Int64Array, IntegerTable, Rows
from fedmf.protocol.threat_model import Threat, shared_key_threats
from fedmf.protocol.wire import u32

if TYPE_CHECKING:
    from fedmf.protocol.enrolment.charter import Charter


def part_layouts(session: Session) -> list[LatticeLayout]:
    """Return how each part of a session's table lies in words.

    The server never opens the table, so it collects the noise of every upload of the session.

    Raises
    ------
    WordSizeError
        There are more uploads than any sum may have; the message says which figure to change.
    """
    layouts = []
    for number, part in enumerate(session.schedule.parts):
        rounds = session.schedule.times(number, session.rounds)
        uploads = session.participants * max(rounds, 1)
        try:
            layouts.append(LatticeLayout.plan(part.shape, uploads=uploads))
        except WordSizeError as error:
            raise WordSizeError(
                f"{error}; {uploads:,} uploads are {session.participants:,} participants in "
                f"{rounds:,} rounds: fewer rounds, or silos, need less"
            ) from error
    return layouts


class _Part(SecretMaterial):
    """What a participant knows of one part of the table: a sum on its own, under its own keys.

    Parameters
    ----------
    secret
        The participants' master secret.
    context
        The session's digest, and the number of the part.
    layout
        How the part lies in words.
    start
        The part's values in the public start table, flat.
    """

    __slots__ = ("_padded", "_public", "_start_tags", "_tags", "_uploads", "layout")

    def __init__(
        self, secret: MasterSecret, context: bytes, layout: LatticeLayout, start: Int64Array
    ) -> None:
        self.layout = layout
        # A hash of all that was agreed upon: nobody may choose the polynomials freely.
        seed = hashlib.sha256(b"fedmf rlwe public polynomials\n" + context).digest()
        self._public = PublicPolynomials(seed)
        self._tags = IntegrityTags(secret, context, layout.shape.values, layout.tags)
        self._start_tags = self._tags.of(start)
        self._padded = PaddedKey.sum_of_seeds([], layout.numbers)
        self._uploads = 0

    def protect(self, values: Int64Array, padded: PaddedKey, noise_seed: bytes) -> bytes:
        """Return the words of values and what is behind them."""
        messages, beside = self.layout.split(values)
        words = encrypt(
            messages,
            public=self._public,
            key=padded.key,
            noise_seed=noise_seed,
            size=self.layout.size,
        )
        numbers = np.concatenate([self._tags.of(values), beside]) + padded.pads
        return pack_words(words, self.layout.size) + pack_numbers(numbers)

    def hear(self, padded: PaddedKey, uploads: int) -> None:
        """Add the keys and pads of these uploads."""
        self._padded += padded
        self._uploads += uploads

    def open(self, payload: bytes) -> Int64Array:
        """Return the sum of values that a payload holds; raise OpenError if it is another."""
        layout = self.layout
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
        return values


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
        self._randomness = randomness or KeyRandomness()
        self._parts = [
            _Part(secret, session.digest + u32(number), layout, part.shape.flat(part.take(start)))
            for number, (layout, part) in enumerate(
                zip(part_layouts(session), session.schedule.parts, strict=True)
            )
        ]
        self._heard_rounds = 0

    def protect(
        self,
        change: Change,
        *,
        round_number: int,
        participant: int,
        leaving: bool = False,
        renewing: bool = False,
    ) -> Protected:
        """Return the words of the change and what is behind them, under a key used this once."""
        del leaving, renewing
        self.session.shape.check_change(change)
        load = self.session.schedule.load(round_number)
        values = load.part.shape.flat_change(load.part.take_change(change))
        # Hedged with the values: even a stuck source repeats no key for another message.
        fresh = self._randomness.bytes(32 + 32 * len(load.numbers), values.tobytes())
        nonce = fresh[:32]
        padded = self._padded([self._seed(round_number, participant, nonce)], load)
        payload, at = [], 0
        for place, (number, own) in enumerate(zip(load.numbers, padded, strict=True)):
            part = self._parts[number]
            end = at + part.layout.shape.values
            noise_seed = fresh[32 * place + 32 : 32 * place + 64]
            payload.append(part.protect(values[at:end], own, noise_seed))
            at = end
        return Protected(b"".join(payload), nonce)

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
        load = self.session.schedule.load(closing.round)
        for number, padded in zip(load.numbers, self._padded(seeds, load), strict=True):
            self._parts[number].hear(padded, len(seeds))
        self._heard_rounds = closing.round

    def open(self, payload: bytes, rows: Rows | None = None) -> IntegerTable:
        """Return the whole table: its tags are over all of it."""
        del rows
        table = self.session.shape.zeros()
        pieces = split_parts(payload, [part.layout for part in self._parts])
        for own, part, piece in zip(self._parts, self.session.schedule.parts, pieces, strict=True):
            part.put(table, part.shape.table(own.open(piece)))
        return table

    def _padded(self, seeds: Sequence[bytes], load: Load) -> list[PaddedKey]:
        """Return the sums of keys and pads of some uploads, for each part that travels."""
        counts = [self._parts[number].layout.numbers for number in load.numbers]
        padded = PaddedKey.sum_of_seeds(seeds, sum(counts))
        pads = np.split(padded.pads, np.cumsum(counts)[:-1])
        # The polynomials of every part are others, so that one key may serve them all.
        return [PaddedKey(padded.key, own) for own in pads]

    def work(self, rows: Rows | None = None) -> int:
        """Return the number of blocks of the parts that hold any of these rows."""
        return sum(part.layout.blocks for part in self._holding(rows))

    def payload_bytes(self, rows: Rows | None = None) -> int:
        """Return the size of all words of these parts, and what is behind them."""
        return sum(part.layout.payload_bytes for part in self._holding(rows))

    def _holding(self, rows: Rows | None) -> list[_Part]:
        if rows is None:
            return self._parts
        return [
            own
            for own, part in zip(self._parts, self.session.schedule.parts, strict=True)
            if part.holds_any(rows)
        ]

    def _seed(self, round_number: int, participant: int, nonce: bytes) -> bytes:
        """Return what the key and the pads of an upload, and of no other, are drawn from."""
        named = u32(round_number), u32(participant), nonce
        return self._secret.derive("upload key", self.session.digest, *named)


class RlweServer(ServerProtection):
    """Adds words and the numbers behind them, part by part; it knows no secret at all."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._layouts = part_layouts(session)

    def start(self, table: IntegerTable) -> None:
        """Take the public start table without mask, noise, pads or tags."""
        self.session.shape.check_table(table)
        self._sums = []
        for layout, part in zip(self._layouts, self.session.schedule.parts, strict=True):
            size = layout.size
            values, beside = layout.split(part.shape.flat(part.take(table)))
            messages = values.view(np.uint64) << np.uint64(size.noise_bits)
            words = zero_words(layout.blocks, size)
            words.reshape(-1)[: len(values)] = messages & np.uint64((1 << size.kept_bits) - 1)
            numbers = np.concatenate([np.zeros(layout.tags, dtype=np.uint64), beside])
            self._sums.append((words, numbers))

    def add(self, payload: bytes, rows: Rows | None, *, counted_round: int) -> None:
        """Add the words of an upload and what is behind them."""
        del rows
        travelling = self.session.schedule.load(counted_round).numbers
        pieces = split_parts(payload, [self._layouts[number] for number in travelling])
        for number, piece in zip(travelling, pieces, strict=True):
            layout, (words, numbers) = self._layouts[number], self._sums[number]
            added, more = split_numbers(piece, layout.words_bytes, layout.numbers)
            add_words(
                words, unpack_words(added, layout.blocks, layout.size, to_read=True), layout.size
            )
            numbers += more

    def payload(self) -> bytes:
        """Return, part by part, the words of the table, and behind them tags and wide values."""
        return b"".join(
            pack_words(words, layout.size) + pack_numbers(numbers)
            for layout, (words, numbers) in zip(self._layouts, self._sums, strict=True)
        )

    def restore(self, payload: bytes) -> None:
        """Take words and numbers that `payload` returned."""
        sums = []
        for layout, piece in zip(self._layouts, split_parts(payload, self._layouts), strict=True):
            words, numbers = split_numbers(piece, layout.words_bytes, layout.numbers)
            sums.append((unpack_words(words, layout.blocks, layout.size), numbers))
        self._sums = sums


def split_parts(payload: bytes, layouts: Sequence[LatticeLayout]) -> list[bytes]:
    """Return the pieces of a payload that hold each of several parts.

    Raises
    ------
    MessageError
        There are too few bytes or too many.
    """
    sizes = [layout.payload_bytes for layout in layouts]
    if len(payload) != sum(sizes):
        raise MessageError(f"a payload of {len(payload):,} bytes where {sum(sizes):,} are due")
    if len(sizes) == 1:
        return [payload]
    ends = np.cumsum(sizes).tolist()
    return [payload[end - size : end] for end, size in zip(ends, sizes, strict=True)]


class RlweProtection(Protection):
    """Lattice words, with one master secret for all participants."""

    name: ClassVar[str] = "rlwe"
    nonce_bytes: ClassVar[int] = 32
    has_key_check: ClassVar[bool] = True

    def participants_half(
        self, session: Session, keys: HeldKeys, start: IntegerTable
    ) -> ParticipantProtection:
        """Return the half of participants, who hold the master secret."""
        if not isinstance(keys.shared, MasterSecret):
            raise KeyMaterialError("protection rlwe needs the participants' master secret")
        return RlweParticipant(session, keys.shared, start)

    def server_half(self, session: Session, charter: Charter | None) -> ServerProtection:
        """Return the half that adds words."""
        del charter
        return RlweServer(session)

    def threats(self, session: Session, key_bits: int, participants: int) -> tuple[Threat, ...]:
        """Return the threats of a shared key."""
        del key_bits
        return shared_key_threats(session, participants)
