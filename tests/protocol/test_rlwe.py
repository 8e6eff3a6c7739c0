from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest

from fedmf.crypto.master_secret import MasterSecret
from fedmf.crypto.randomness import KeyRandomness
from fedmf.crypto.rlwe_words import add_words, pack_words, unpack_words
from fedmf.errors import KeyMaterialError, OpenError, ProtocolError, SettingsError, WordSizeError
from fedmf.protocol import (
    ClosingMessage,
    GroupShape,
    IntegerTable,
    ParticipantProtection,
    ParticipantRole,
    Server,
    ServerProtection,
    Session,
    TableShape,
    participant_protection,
    server_protection,
)
from fedmf.protocol.rlwe import RlweParticipant, RlweServer, word_size
from fedmf.protocol.session import Upload
from tests.contracts.protection_contract import (
    SHAPE,
    Exchange,
    KeyedProtectionContract,
    random_change,
)

SECRET = MasterSecret(bytes(range(32)))


class TestRlwe(KeyedProtectionContract):
    protection: ClassVar[str] = "rlwe"

    @pytest.fixture
    def upload(self) -> Upload:
        return "full"

    def participant(
        self, session: Session, start: IntegerTable | None = None
    ) -> ParticipantProtection:
        return participant_protection(session, SECRET, start)

    def outsider(self, session: Session) -> ParticipantProtection:
        return participant_protection(session, MasterSecret.fresh())

    def test_part_uploads_are_refused(self, session: Session) -> None:
        with pytest.raises(SettingsError, match="upload full"):
            replace(session, upload="part")

    def test_a_session_without_the_secret_is_refused(self, session: Session) -> None:
        with pytest.raises(KeyMaterialError, match="master secret"):
            participant_protection(session, None)

    def test_words_that_were_shifted_do_not_open(
        self, exchange: Exchange, rng: np.random.Generator
    ) -> None:
        """A server adds a message of its own, which needs no key."""
        assert isinstance(exchange.server, RlweServer)
        exchange.send(random_change(rng))
        exchange.close_round()
        size = exchange.server._size
        shift = np.zeros_like(exchange.server._words)
        shift[0, 5] = np.uint64(1) << np.uint64(size.noise_bits)
        add_words(exchange.server._words, shift, size)
        with pytest.raises(OpenError, match="does not open"):
            exchange.participant.open(exchange.server.payload())

    def test_the_shift_opens_where_nobody_looks_at_the_tags(
        self, exchange: Exchange, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("hmac.compare_digest", lambda *_: True)
        self.send_and_shift(exchange, rng)

    @staticmethod
    def send_and_shift(exchange: Exchange, rng: np.random.Generator) -> None:
        assert isinstance(exchange.server, RlweServer)
        exchange.send(random_change(rng))
        honest = exchange.opened()
        size = exchange.server._size
        exchange.server._words[0, 5] += np.uint64(1) << np.uint64(size.noise_bits)
        exchange.server._words[0, 5] &= np.uint64((1 << size.kept_bits) - 1)
        shifted = exchange.participant.open(exchange.server.payload())
        assert shifted[0][0, 5] == honest[0][0, 5] + 1

    @pytest.mark.parametrize("lie", ["dropped", "repeated", "other round", "other participant"])
    def test_sums_of_other_uploads_do_not_open(
        self, session: Session, server: ServerProtection, rng: np.random.Generator, lie: str
    ) -> None:
        participant = self.participant(session)
        sent = [
            participant.protect(random_change(rng), round_number=1, participant=k) for k in (0, 1)
        ]
        for protected in sent[: 1 if lie == "dropped" else 2]:
            server.add(protected.payload, None)
        if lie == "repeated":
            server.add(sent[1].payload, None)
        numbers = (0, 2) if lie == "other participant" else (0, 1)
        if lie == "other round":
            participant.hear(ClosingMessage(1, ()))
        closing = ClosingMessage(
            2 if lie == "other round" else 1, numbers, tuple(s.nonce for s in sent)
        )
        participant.hear(closing)
        with pytest.raises(OpenError, match="does not open"):
            participant.open(server.payload())

    def test_closings_are_heard_once_and_in_order(
        self, exchange: Exchange, rng: np.random.Generator
    ) -> None:
        protected = exchange.participant.protect(random_change(rng), round_number=1, participant=3)
        exchange.server.add(protected.payload, None)
        closing = ClosingMessage(1, (3,), (protected.nonce,))
        exchange.participant.hear(closing)
        exchange.participant.hear(closing)
        exchange.participant.open(exchange.server.payload())
        with pytest.raises(ProtocolError, match="round 3 after that of round 1"):
            exchange.participant.hear(ClosingMessage(3, ()))

    def test_a_stuck_source_repeats_no_key_for_another_message(
        self, session: Session, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("os.urandom", bytes)
        nonces = set()
        for _ in range(5):
            participant = RlweParticipant(
                session, SECRET, SHAPE.zeros(), KeyRandomness(b"device" * 8)
            )
            change = random_change(rng)
            nonces.add(participant.protect(change, round_number=1, participant=0).nonce)
        assert len(nonces) == 5

    def test_what_two_uploads_under_one_key_would_show(
        self, session: Session, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without fresh nonces the difference of two messages is there for everyone to read."""
        participant = self.participant(session)
        monkeypatch.setattr(KeyRandomness, "bytes", lambda _, n, __=b"": bytes(n))
        changes = [random_change(rng) for _ in range(2)]
        size = word_size(session)
        blocks = len(participant.protect(changes[0], round_number=1, participant=0).payload)
        blocks //= 2048 * size.bytes_per_word
        first, second = (
            unpack_words(
                participant.protect(change, round_number=1, participant=0).payload, blocks, size
            ).reshape(-1)
            for change in changes
        )
        step = 1 << size.noise_bits
        read = ((first - second).astype(np.int64) + step // 2) // step
        dense = [SHAPE.dense(change)[0].reshape(-1) for change in changes]
        count = len(dense[0])
        modulus = 1 << size.word_bits
        difference = (read[:count] - (dense[0] - dense[1])) % modulus
        # Exact but for the rounding of the two words, which is less than a step.
        assert np.isin(difference, [0]).mean() > 0.99


def small(participants: int, rounds: int, word_bits: int) -> Session:
    shape = TableShape((GroupShape("items", 2, 3, word_bits),))
    return Session(bytes(16), "rlwe", "full", shape, participants, rounds, None, bytes(32))


def test_words_take_4_bytes_where_the_noise_fits_and_5_where_not() -> None:
    assert word_size(small(3, 4, 20)).kept_bits == 32
    assert word_size(small(671, 12, 30)).kept_bits == 40
    assert word_size(small(671, 12, 30)).word_bits == 30


def test_words_hold_the_sums_of_tag_limbs() -> None:
    assert word_size(small(1000, 10, 2)).word_bits >= 8 + 14


@pytest.mark.parametrize(
    ("session", "complaint"),
    [(small(3, 3, 40), "at most 32"), (small(610, 175, 30), "fewer rounds")],
)
def test_sessions_whose_noise_does_not_fit_are_refused(session: Session, complaint: str) -> None:
    with pytest.raises(WordSizeError, match=complaint):
        word_size(session)


def test_a_server_refuses_a_nonce_that_was_used_before() -> None:
    session = small(3, 3, 20)
    protection = server_protection(session)
    protection.start(session.shape.zeros())
    server = Server(session, protection)
    roles = [
        ParticipantRole(session, number, participant_protection(session, SECRET))
        for number in range(2)
    ]
    table = server.table_message()
    nothing = [random_change(np.random.default_rng(0), session.shape)[0]]
    uploads = []
    for role in roles:
        role.receive_table(table)
        uploads.append(role.upload(nothing))
    server.open_round([0, 1])
    server.receive(uploads[0].to_bytes(session))
    stolen = replace(uploads[1], nonce=uploads[0].nonce)
    with pytest.raises(ProtocolError, match="nonce of another upload"):
        server.receive(stolen.to_bytes(session))
    closing = server.close_round()
    assert closing.nonces == (uploads[0].nonce,)
    resumed = Server(session, protection, [closing])
    resumed.open_round([1])
    again = replace(uploads[1], round=2, nonce=uploads[0].nonce)
    with pytest.raises(ProtocolError, match="nonce of another upload"):
        resumed.receive(again.to_bytes(session))


def test_payloads_are_as_large_as_said() -> None:
    session = small(3, 4, 20)
    server = server_protection(session)
    server.start(session.shape.zeros())
    assert len(server.payload()) == 2048 * 4
    assert server.payload() == pack_words(
        unpack_words(server.payload(), 1, word_size(session)), word_size(session)
    )
