from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from fedmf.crypto.derivation import MasterSecret
from fedmf.crypto.rlwe_key import PaddedKey
from fedmf.crypto.rlwe_words import add_words, pack_words, unpack_words
from fedmf.crypto.secret_material import KeyRandomness
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
from fedmf.protocol.lattice_layout import LatticeLayout
from fedmf.protocol.rlwe import RlweParticipant, RlweServer, part_layouts
from fedmf.protocol.session import Upload
from tests.contracts.protection_contract import (
    SHAPE,
    Exchange,
    NoncedProtectionContract,
    random_change,
)
from tests.contracts.sliced_contract import SlicedContract
from tests.protocol.sessions import small_session

SECRET = MasterSecret(bytes(range(32)))


class TestRlwe(NoncedProtectionContract):
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
        with pytest.raises(SettingsError, match="no upload part"):
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
        size = exchange.server._layouts[0].size
        shift = np.zeros_like(exchange.server._sums[0][0])
        shift[0, 5] = np.uint64(1) << np.uint64(size.noise_bits)
        add_words(exchange.server._sums[0][0], shift, size)
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
        size = exchange.server._layouts[0].size
        exchange.server._sums[0][0][0, 5] += np.uint64(1) << np.uint64(size.noise_bits)
        exchange.server._sums[0][0][0, 5] &= np.uint64((1 << size.kept_bits) - 1)
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
        layout = part_layouts(session)[0]
        size = layout.size
        uploads = [participant.protect(change, round_number=1, participant=0) for change in changes]
        first, second = (
            unpack_words(sent.payload[: layout.words_bytes], layout.blocks, size).reshape(-1)
            for sent in uploads
        )
        step = 1 << size.noise_bits
        read = ((first - second).astype(np.int64) + step // 2) // step
        parts = [layout.split(SHAPE.flat(SHAPE.dense(change))) for change in changes]
        expected = parts[0][0] - parts[1][0]
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
    return small_session("full", "rlwe", shape, participants=participants, rounds=rounds)


@pytest.mark.parametrize(
    ("participants", "word_bits", "bytes_per_value"), [(3, 20, 4), (671, 30, 5), (10_000, 30, 8)]
)
def test_values_take_4_bytes_or_5_or_lie_beside_as_they_have_to(
    participants: int, word_bits: int, bytes_per_value: int
) -> None:
    shape = TableShape((GroupShape("items", 2048, 100, word_bits),))
    layout = part_layouts(replace(small(participants, 12, word_bits), shape=shape))[0]
    zeros = 4 * 2048 if layout.beside else 0
    assert layout.payload_bytes == bytes_per_value * 2048 * 100 + zeros + 16


def test_sessions_of_more_uploads_than_a_sum_may_have_are_refused() -> None:
    session = small(2**20, 2**16, 30)
    with pytest.raises(WordSizeError, match="rounds: fewer rounds, or silos, need less"):
        part_layouts(session)[0]


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
    server.begin_round([0, 1])
    server.receive(uploads[0].to_bytes(session))
    stolen = replace(uploads[1], nonce=uploads[0].nonce)
    with pytest.raises(ProtocolError, match="nonce of another upload"):
        server.receive(stolen.to_bytes(session))
    closing = server.close_round()
    assert closing.nonces == (uploads[0].nonce,)
    resumed = Server(session, protection, [closing])
    resumed.begin_round([1])
    again = replace(uploads[1], round=2, nonce=uploads[0].nonce)
    with pytest.raises(ProtocolError, match="nonce of another upload"):
        resumed.receive(again.to_bytes(session))


def test_payloads_are_as_large_as_said() -> None:
    session = small(3, 4, 20)
    server = server_protection(session)
    server.start(session.shape.zeros())
    assert len(server.payload()) == 2048 * 4 + 16
    words, size = server.payload()[:-16], part_layouts(session)[0].size
    assert words == pack_words(unpack_words(words, 1, size), size)
    assert server.payload()[-16:] == bytes(16)


WIDE = TableShape((GroupShape("items", 3, 2, 20), GroupShape("sums", 2, 3, 62)))
BESIDE = 6


class Beside:
    """A round of three uploads, of which six values each lie beside the words."""

    def __init__(self) -> None:
        rng = np.random.default_rng(4)
        self.session = replace(small(3, 4, 20), shape=WIDE)
        self.start = [np.full((group.rows, group.columns), -3) for group in WIDE.groups]
        self.participant = participant_protection(self.session, SECRET, self.start)
        self.server = server_protection(self.session)
        self.server.start(self.start)
        self.expected = [part.copy() for part in self.start]
        self.changes = [random_change(rng, WIDE) for _ in range(3)]
        self.sent = [
            self.participant.protect(change, round_number=1, participant=number)
            for number, change in enumerate(self.changes)
        ]
        for protected, change in zip(self.sent, self.changes, strict=True):
            self.server.add(protected.payload, None, counted_round=1)
            for part, all_rows in zip(change, self.expected, strict=True):
                all_rows[part.rows] += part.values
        nonces = tuple(protected.nonce for protected in self.sent)
        self.participant.hear(ClosingMessage(1, (0, 1, 2), nonces))

    def opened(self, numbers: NDArray[np.uint64] | None = None) -> list[list[list[int]]]:
        payload = self.server.payload()
        if numbers is not None:
            payload = payload[: -8 * BESIDE] + numbers.astype("<u8").tobytes()
        return [part.tolist() for part in self.participant.open(payload)]

    @staticmethod
    def beside(payload: bytes) -> NDArray[np.uint64]:
        """Return the last numbers of a payload, which are the values beside."""
        return np.frombuffer(payload[-8 * BESIDE :], dtype="<u8").astype(np.uint64)


def test_values_beside_the_words_open_to_their_exact_sum() -> None:
    world = Beside()
    assert part_layouts(world.session)[0].beside == BESIDE
    assert world.opened() == [part.tolist() for part in world.expected]


def test_a_table_with_all_its_values_beside_has_a_block_of_zeros() -> None:
    session = replace(small(3, 4, 20), shape=TableShape(WIDE.groups[1:]))
    participant, server = participant_protection(session, SECRET), server_protection(session)
    server.start(session.shape.zeros())
    change = random_change(np.random.default_rng(4), session.shape)
    sent = participant.protect(change, round_number=1, participant=0)
    assert len(sent.payload) == len(server.payload()) == participant.payload_bytes()
    server.add(sent.payload, None, counted_round=1)
    participant.hear(ClosingMessage(1, (0,), (sent.nonce,)))
    opened = participant.open(server.payload())
    assert session.shape.flat(opened).tolist() == session.shape.flat_change(change).tolist()


@pytest.mark.parametrize("by", [1, 2**32, 2**61, 2**62, 2**63])
@pytest.mark.parametrize("place", [0, BESIDE - 1])
def test_values_beside_do_not_open_shifted_but_would_where_nobody_looks(
    by: int, place: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = Beside()
    numbers = world.beside(world.server.payload())
    numbers[place : place + 1] += np.uint64(by)
    with pytest.raises(OpenError, match="does not open"):
        world.opened(numbers)
    monkeypatch.setattr("hmac.compare_digest", lambda *_: True)
    monkeypatch.setattr(LatticeLayout, "check_beside", lambda *_: None)
    assert world.opened(numbers)[1] != world.expected[1].tolist()


@pytest.mark.parametrize("lie", ["dropped", "repeated", "exchanged", "scaled", "none"])
def test_values_beside_do_not_open_as_another_sum(lie: str) -> None:
    world = Beside()
    total = world.beside(world.server.payload())
    own = [world.beside(protected.payload) for protected in world.sent]
    wrong = {
        "dropped": total - own[0],
        "repeated": total + own[0],
        "exchanged": total - own[0] + own[1],
        "scaled": total + total,
        "none": np.zeros(BESIDE, dtype=np.uint64),
    }[lie]
    with pytest.raises(OpenError, match="does not open"):
        world.opened(wrong)


def test_values_beside_are_under_pads_of_each_upload_alone() -> None:
    """Without the secret, equal values are as different as any."""
    session = replace(small(3, 4, 20), shape=WIDE)
    protection = participant_protection(session, SECRET)
    change = random_change(np.random.default_rng(4), WIDE)
    found = [
        Beside.beside(protection.protect(change, round_number=1, participant=k).payload)
        for k in (0, 0, 1)
    ]
    assert len({int(number) for numbers in found for number in numbers}) == 3 * BESIDE
    plain = part_layouts(session)[0].split(WIDE.flat_change(change))[1]
    assert not any((numbers == plain).any() for numbers in found)


def test_whoever_knows_the_pads_of_an_upload_reads_its_values(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Pads of zero are what the server would need, and has not."""
    session = replace(small(3, 4, 20), shape=WIDE)
    made = PaddedKey.__init__
    monkeypatch.setattr(
        PaddedKey, "__init__", lambda self, key, pads: made(self, key, np.zeros_like(pads))
    )
    change = random_change(np.random.default_rng(4), WIDE)
    sent = participant_protection(session, SECRET).protect(change, round_number=1, participant=0)
    plain = part_layouts(session)[0].split(WIDE.flat_change(change))[1]
    assert Beside.beside(sent.payload).tolist() == plain.tolist()


class TestRlweInSlices(SlicedContract):
    protection: ClassVar[str] = "rlwe"

    def participant(self, session: Session, start: IntegerTable) -> ParticipantProtection:
        return participant_protection(session, SECRET, start)
