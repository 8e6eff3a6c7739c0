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
from fedmf.protocol.rlwe import RlweParticipant, RlweServer, table_layout
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
        size = exchange.server._layout.size
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
        size = exchange.server._layout.size
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
            server.add(protected.payload, None, counted_round=1)
        if lie == "repeated":
            server.add(sent[1].payload, None, counted_round=1)
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
        exchange.server.add(protected.payload, None, counted_round=1)
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
        layout = table_layout(session)
        size = layout.size
        first, second = (
            unpack_words(
                participant.protect(change, round_number=1, participant=0).payload[:-16],
                layout.blocks,
                size,
            ).reshape(-1)
            for change in changes
        )
        step = 1 << size.noise_bits
        read = ((first - second).astype(np.int64) + step // 2) // step
        limbs = [layout.limbs(SHAPE.flat(SHAPE.dense(change))) for change in changes]
        expected = limbs[0] - limbs[1]
        difference = (read[: len(expected)] - expected) % (1 << size.word_bits)
        # Exact but for the rounding of the two words, which is less than a step.
        assert (difference == 0).mean() > 0.99

    @pytest.mark.parametrize("wrong", ["exchanged", "shifted", "of another upload", "none"])
    def test_words_do_not_open_with_other_tags(
        self, exchange: Exchange, rng: np.random.Generator, wrong: str
    ) -> None:
        sent = exchange.send(random_change(rng))
        exchange.send(random_change(rng))
        exchange.close_round()
        payload = exchange.server.payload()
        words, tags = payload[:-16], payload[-16:]
        exchange.participant.open(words + tags)
        told = {
            "exchanged": tags[8:] + tags[:8],
            "shifted": tags[:15] + bytes([tags[15] ^ 128]),
            "of another upload": sent[-16:],
            "none": bytes(16),
        }[wrong]
        with pytest.raises(OpenError, match="does not open"):
            exchange.participant.open(words + told)

    def test_tags_of_equal_changes_share_nothing(
        self, session: Session, rng: np.random.Generator
    ) -> None:
        """Each is under masks of its own, so that the server may see it as it is."""
        participant, change = self.participant(session), random_change(rng)
        tags = [
            participant.protect(change, round_number=1, participant=k).payload[-16:]
            for k in (0, 0, 1)
        ]
        assert len({half for tag in tags for half in (tag[:8], tag[8:])}) == 6


def small(participants: int, rounds: int, word_bits: int) -> Session:
    shape = TableShape((GroupShape("items", 2, 3, word_bits),))
    return Session(bytes(16), "rlwe", "full", shape, participants, rounds, None, bytes(32))


@pytest.mark.parametrize(
    ("participants", "word_bits", "bytes_per_value"), [(3, 20, 4), (671, 30, 5), (10_000, 30, 10)]
)
def test_values_take_4_bytes_or_5_or_several_words_as_they_have_to(
    participants: int, word_bits: int, bytes_per_value: int
) -> None:
    shape = TableShape((GroupShape("items", 2048, 100, word_bits),))
    layout = table_layout(replace(small(participants, 12, word_bits), shape=shape))
    assert layout.payload_bytes == bytes_per_value * 2048 * 100


@pytest.mark.parametrize("session", [small(10**6, 10, 30), small(2**20, 8, 27)])
def test_sessions_whose_noise_leaves_no_room_are_refused(session: Session) -> None:
    with pytest.raises(WordSizeError, match="rounds: fewer rounds, or silos, need less"):
        table_layout(session)


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
    assert len(server.payload()) == 2048 * 4 + 16
    words, size = server.payload()[:-16], table_layout(session).size
    assert words == pack_words(unpack_words(words, 1, size), size)
    assert server.payload()[-16:] == bytes(16)
