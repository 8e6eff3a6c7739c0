"""What every protection must do. A protection gets these tests by naming how it is made."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from fedmf.errors import (
    FixedPointRangeError,
    MessageError,
    OpenError,
    ProtocolError,
    SettingsError,
)
from fedmf.protocol import (
    Change,
    ClosingMessage,
    GroupShape,
    Int64Array,
    IntegerTable,
    ParticipantProtection,
    RowChange,
    ServerProtection,
    Session,
    TableShape,
    server_protection,
)
from fedmf.protocol.session import Upload
from tests.protocol.sessions import no_rows, small_session

# Two groups of different widths; a row of 70 values takes more than one 1024-bit ciphertext.
SHAPE = TableShape(
    (
        GroupShape("items", rows=9, columns=70, word_bits=30),
        GroupShape("counts", 5, 1, word_bits=17),
    )
)


def random_change(
    rng: np.random.Generator, shape: TableShape = SHAPE, *, parts: int = 8
) -> list[RowChange]:
    """Return changes of some rows, so small that `parts` of them still fit the words."""
    change = []
    for group in shape.groups:
        rows = np.flatnonzero(rng.random(group.rows) < 0.6)
        bound = 2 ** (group.word_bits - 1) // parts
        values = rng.integers(-bound, bound, size=(len(rows), group.columns), dtype=np.int64)
        change.append(RowChange(rows, values))
    return change


def summed(changes: list[list[RowChange]], shape: TableShape = SHAPE) -> list[Int64Array]:
    """Return the plain sum, the oracle."""
    total = shape.zeros()
    for change in changes:
        for part, target in zip(change, total, strict=True):
            target[part.rows] += part.values
    return total


class Exchange:
    """A participant's half and a server, and the uploads of one round between them."""

    def __init__(self, participant: ParticipantProtection, server: ServerProtection) -> None:
        self.participant, self.server = participant, server
        self._round = 1
        self._nonces: list[bytes] = []

    def send(self, change: Change) -> bytes:
        """Protect a change and add it; return the payload."""
        protected = self.participant.protect(
            change, round_number=self._round, participant=len(self._nonces)
        )
        self.server.add(
            protected.payload,
            self.server.session.rows_named(change),
            counted_round=self._round,
        )
        self._nonces.append(protected.nonce)
        return protected.payload

    def close_round(self, *others: ParticipantProtection) -> None:
        """Tell the participant, and others, whose uploads the table includes."""
        included = tuple(range(len(self._nonces)))
        closing = ClosingMessage(self._round, included, tuple(filter(None, self._nonces)))
        for one in (self.participant, *others):
            one.hear(closing)
        self._round, self._nonces = self._round + 1, []

    def opened(self) -> IntegerTable:
        """Close the round and open the table."""
        self.close_round()
        return self.participant.open(self.server.payload())

    def reopened(self, payload: bytes) -> IntegerTable:
        """Open a table of the last closed round as somebody who has not opened it yet."""
        return self.participant.open(payload)


class ProtectionContract:
    """Inherit, set `protection`, and override the makers where there is a key."""

    protection: ClassVar[str]

    @pytest.fixture(params=["full", "part"])
    def upload(self, request: pytest.FixtureRequest) -> Upload:
        mode: Upload = request.param
        return mode

    @pytest.fixture
    def public_key(self) -> int | None:
        """Return the session's public key; override where there is one."""
        return None

    @pytest.fixture
    def session(self, upload: Upload, public_key: int | None) -> Session:
        return small_session(
            upload, self.protection, SHAPE, participants=8, rounds=3, public_key=public_key
        )

    def participant(
        self, session: Session, start: IntegerTable | None = None
    ) -> ParticipantProtection:
        """Return a participant's half that holds the right key."""
        raise NotImplementedError

    @pytest.fixture
    def rng(self) -> np.random.Generator:
        return np.random.default_rng(7)

    @pytest.fixture
    def server(self, session: Session) -> ServerProtection:
        server = server_protection(session)
        server.start(SHAPE.zeros())
        return server

    def begun(self, session: Session, start: IntegerTable) -> Exchange:
        """Return both sides at the start of a session with this table."""
        server = server_protection(session)
        server.start(start)
        return Exchange(self.participant(session, start), server)

    @pytest.fixture
    def exchange(self, session: Session) -> Exchange:
        return self.begun(session, SHAPE.zeros())

    def test_sum_equals_plain_sum_bit_for_bit(
        self, session: Session, rng: np.random.Generator
    ) -> None:
        start = summed([random_change(rng)])
        exchange = self.begun(session, start)
        changes = [random_change(rng) for _ in range(6)]
        for change in changes[:4]:
            exchange.send(change)
        exchange.close_round()
        for change in changes[4:]:
            exchange.send(change)
        expected = [s + t for s, t in zip(start, summed(changes), strict=True)]
        for found, wanted in zip(exchange.opened(), expected, strict=True):
            np.testing.assert_array_equal(found, wanted)

    def test_start_table_opens_before_any_upload(
        self, session: Session, rng: np.random.Generator
    ) -> None:
        start = summed([random_change(rng)])
        exchange = self.begun(session, start)
        opened = exchange.participant.open(exchange.server.payload())
        for found, wanted in zip(opened, start, strict=True):
            np.testing.assert_array_equal(found, wanted)

    @pytest.mark.parametrize("sign", [-1, 1])
    def test_words_hold_their_extremes(self, exchange: Exchange, sign: int) -> None:
        extreme = []
        for group in SHAPE.groups:
            value = 2 ** (group.word_bits - 1) - (sign == 1)
            values = np.full((group.rows, group.columns), sign * value, dtype=np.int64)
            extreme.append(RowChange(np.arange(group.rows), values))
        exchange.send(extreme)
        for found, part in zip(exchange.opened(), extreme, strict=True):
            np.testing.assert_array_equal(found, part.values)

    def test_an_upload_and_its_negative_leave_the_table_as_it_was(
        self, exchange: Exchange, rng: np.random.Generator
    ) -> None:
        kept, left = random_change(rng), random_change(rng)
        for change in (kept, left, [RowChange(part.rows, -part.values) for part in left]):
            exchange.send(change)
        for found, wanted in zip(exchange.opened(), summed([kept]), strict=True):
            np.testing.assert_array_equal(found, wanted)

    def test_opening_some_rows_equals_opening_all(
        self, exchange: Exchange, rng: np.random.Generator
    ) -> None:
        exchange.send(random_change(rng))
        rows = [np.array([0, 4, 8]), np.array([], dtype=np.int64)]
        everything = exchange.opened()
        some = exchange.participant.open(exchange.server.payload(), rows)
        np.testing.assert_array_equal(some[0][rows[0]], everything[0][rows[0]])
        assert exchange.participant.work(rows) <= exchange.participant.work()

    def test_sizes_are_as_announced(self, exchange: Exchange, rng: np.random.Generator) -> None:
        change = random_change(rng)
        payload = exchange.send(change)
        rows = exchange.server.session.rows_named(change)
        assert len(payload) == exchange.participant.payload_bytes(rows)
        assert len(exchange.server.payload()) == exchange.participant.payload_bytes(None)

    def test_overflow_raises_before_anything_is_protected(self, exchange: Exchange) -> None:
        values = np.zeros((1, 70), dtype=np.int64)
        values[0, 3] = 2**29
        change = [
            RowChange(np.array([4]), values),
            no_rows(),
        ]
        with pytest.raises(FixedPointRangeError, match=r"536870912 in row 4 of group 'items'"):
            exchange.send(change)

    @pytest.mark.parametrize("rows", [[3, 3], [4, 1], [-1, 2], [2, 9]])
    def test_rows_that_are_no_rows_are_refused(self, exchange: Exchange, rows: list[int]) -> None:
        change = [
            RowChange(np.array(rows), np.zeros((2, 70), dtype=np.int64)),
            no_rows(),
        ]
        with pytest.raises(SettingsError, match="ascend"):
            exchange.send(change)

    def test_a_payload_of_another_size_changes_nothing(
        self, session: Session, exchange: Exchange, rng: np.random.Generator
    ) -> None:
        change = random_change(rng)
        payload = exchange.send(change)
        before = exchange.server.payload()
        rows = session.rows_named(change)
        for wrong in (payload[:-1], payload + b"\0", b""):
            with pytest.raises(MessageError, match="bytes"):
                exchange.server.add(wrong, rows, counted_round=1)
        assert exchange.server.payload() == before
        for wrong in (before[:-1], before + b"\0", b""):
            with pytest.raises(MessageError, match="bytes"):
                exchange.participant.open(wrong)

    def test_a_restored_server_goes_on_where_the_other_stopped(
        self, session: Session, exchange: Exchange, rng: np.random.Generator
    ) -> None:
        changes = [random_change(rng) for _ in range(2)]
        exchange.send(changes[0])
        restored = server_protection(session)
        restored.restore(exchange.server.payload())
        exchange.server = restored
        exchange.send(changes[1])
        for found, wanted in zip(exchange.opened(), summed(changes), strict=True):
            np.testing.assert_array_equal(found, wanted)


class KeyedProtectionContract(ProtectionContract):
    """For protections that hide uploads from those who lack a key."""

    def outsider(self, session: Session) -> ParticipantProtection:
        """Return a participant's half that holds another key."""
        raise NotImplementedError

    def test_equal_changes_do_not_look_alike(
        self, exchange: Exchange, rng: np.random.Generator
    ) -> None:
        change = random_change(rng)
        assert exchange.send(change) != exchange.send(change)

    def test_wrong_key_raises(
        self, session: Session, exchange: Exchange, rng: np.random.Generator
    ) -> None:
        exchange.send(random_change(rng))
        outsider = self.outsider(session)
        exchange.close_round(outsider)
        with pytest.raises((OpenError, MessageError)):
            outsider.open(exchange.server.payload())

    def test_damage_never_opens_to_another_table(
        self, exchange: Exchange, rng: np.random.Generator
    ) -> None:
        exchange.send(random_change(rng))
        honest = exchange.opened()
        payload = exchange.server.payload()
        found_out = 0
        for k in range(40):
            damaged = bytearray(payload)
            # For Paillier in the lower half of the first ciphertext, which stays below n^2.
            damaged[200 + k] ^= 1 << (k % 8)
            try:
                opened = exchange.reopened(bytes(damaged))
            except (OpenError, MessageError):
                found_out += 1
            else:
                for found, wanted in zip(opened, honest, strict=True):
                    np.testing.assert_array_equal(found, wanted)
        assert found_out > 20


class NoncedProtectionContract(KeyedProtectionContract):
    """For those whose table collects the uploads of all rounds, each named by its nonce."""

    def test_closings_are_heard_once_and_in_order(
        self, session: Session, exchange: Exchange, rng: np.random.Generator
    ) -> None:
        change = random_change(rng)
        protected = exchange.participant.protect(change, round_number=1, participant=3)
        exchange.server.add(protected.payload, session.rows_named(change), counted_round=1)
        closing = ClosingMessage(1, (3,), (protected.nonce,))
        exchange.participant.hear(closing)
        exchange.participant.hear(closing)
        exchange.participant.open(exchange.server.payload())
        with pytest.raises(ProtocolError, match="round 3 after that of round 1"):
            exchange.participant.hear(ClosingMessage(3, ()))
