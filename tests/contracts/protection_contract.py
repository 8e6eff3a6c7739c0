"""What every protection must do. A protection gets these tests by naming how it is made."""

from __future__ import annotations

import hashlib
from typing import ClassVar

import numpy as np
import pytest

from fedmf.errors import FixedPointRangeError, MessageError, OpenError, SettingsError
from fedmf.protocol import (
    Change,
    GroupShape,
    Int64Array,
    ParticipantProtection,
    RowChange,
    ServerProtection,
    Session,
    TableShape,
    server_protection,
)
from fedmf.protocol.protection import listed_rows
from fedmf.protocol.session import Upload

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
        return Session(
            session_id=bytes(16),
            protection=self.protection,
            upload=upload,
            shape=SHAPE,
            participants=8,
            rounds=3,
            public_key=public_key,
            learning_sha256=bytes(32),
        )

    def participant(self, session: Session) -> ParticipantProtection:
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

    @staticmethod
    def send(participant: ParticipantProtection, server: ServerProtection, change: Change) -> bytes:
        payload = participant.protect(change)
        server.add(payload, listed_rows(server.session, change))
        return payload

    def test_sum_equals_plain_sum_bit_for_bit(
        self, session: Session, server: ServerProtection, rng: np.random.Generator
    ) -> None:
        participant = self.participant(session)
        start = summed([random_change(rng)])
        server.start(start)
        changes = [random_change(rng) for _ in range(6)]
        for change in changes:
            self.send(participant, server, change)
        opened = participant.open(server.payload())
        expected = [s + t for s, t in zip(start, summed(changes), strict=True)]
        for found, wanted in zip(opened, expected, strict=True):
            np.testing.assert_array_equal(found, wanted)

    def test_words_hold_their_extremes(self, session: Session, server: ServerProtection) -> None:
        participant = self.participant(session)
        for sign in (-1, 1):
            extreme = []
            for group in SHAPE.groups:
                value = 2 ** (group.word_bits - 1) - (sign == 1)
                rows = np.arange(group.rows)
                values = np.full((group.rows, group.columns), sign * value, dtype=np.int64)
                extreme.append(RowChange(rows, values))
            server.start(SHAPE.zeros())
            self.send(participant, server, extreme)
            opened = participant.open(server.payload())
            for found, part in zip(opened, extreme, strict=True):
                np.testing.assert_array_equal(found, part.values)

    def test_an_upload_and_its_negative_leave_the_table_as_it_was(
        self, session: Session, server: ServerProtection, rng: np.random.Generator
    ) -> None:
        participant = self.participant(session)
        kept, left = random_change(rng), random_change(rng)
        for change in (kept, left, [RowChange(part.rows, -part.values) for part in left]):
            self.send(participant, server, change)
        for found, wanted in zip(participant.open(server.payload()), summed([kept]), strict=True):
            np.testing.assert_array_equal(found, wanted)

    def test_opening_some_rows_equals_opening_all(
        self, session: Session, server: ServerProtection, rng: np.random.Generator
    ) -> None:
        participant = self.participant(session)
        self.send(participant, server, random_change(rng))
        rows = [np.array([0, 4, 8]), np.array([], dtype=np.int64)]
        everything = participant.open(server.payload())
        some = participant.open(server.payload(), rows)
        np.testing.assert_array_equal(some[0][rows[0]], everything[0][rows[0]])
        assert participant.work(rows) < participant.work()

    def test_sizes_are_as_announced(
        self, session: Session, server: ServerProtection, rng: np.random.Generator
    ) -> None:
        participant = self.participant(session)
        change = random_change(rng)
        payload = self.send(participant, server, change)
        assert len(payload) == participant.payload_bytes(listed_rows(session, change))
        assert len(server.payload()) == participant.payload_bytes(None)

    def test_overflow_raises_before_anything_is_protected(self, session: Session) -> None:
        participant = self.participant(session)
        values = np.zeros((1, 70), dtype=np.int64)
        values[0, 3] = 2**29
        change = [
            RowChange(np.array([4]), values),
            RowChange(np.zeros(0, dtype=np.int64), np.zeros((0, 1), dtype=np.int64)),
        ]
        with pytest.raises(FixedPointRangeError, match=r"536870912 in row 4 of group 'items'"):
            participant.protect(change)

    @pytest.mark.parametrize("rows", [[3, 3], [4, 1], [-1, 2], [2, 9]])
    def test_rows_that_are_no_rows_are_refused(self, session: Session, rows: list[int]) -> None:
        change = [
            RowChange(np.array(rows), np.zeros((2, 70), dtype=np.int64)),
            RowChange(np.zeros(0, dtype=np.int64), np.zeros((0, 1), dtype=np.int64)),
        ]
        with pytest.raises(SettingsError, match="ascend"):
            self.participant(session).protect(change)

    def test_a_payload_of_another_size_changes_nothing(
        self, session: Session, server: ServerProtection, rng: np.random.Generator
    ) -> None:
        participant = self.participant(session)
        change = random_change(rng)
        payload = self.send(participant, server, change)
        before = server.payload()
        rows = listed_rows(session, change)
        for wrong in (payload[:-1], payload + b"\0", b""):
            with pytest.raises(MessageError, match="bytes"):
                server.add(wrong, rows)
        assert server.payload() == before
        for wrong in (before[:-1], before + b"\0", b""):
            with pytest.raises(MessageError, match="bytes"):
                participant.open(wrong)

    def test_a_restored_server_goes_on_where_the_other_stopped(
        self, session: Session, server: ServerProtection, rng: np.random.Generator
    ) -> None:
        participant = self.participant(session)
        changes = [random_change(rng) for _ in range(2)]
        self.send(participant, server, changes[0])
        restored = server_protection(session)
        restored.restore(server.payload())
        self.send(participant, restored, changes[1])
        opened = participant.open(restored.payload())
        for found, wanted in zip(opened, summed(changes), strict=True):
            np.testing.assert_array_equal(found, wanted)


class KeyedProtectionContract(ProtectionContract):
    """For protections that hide uploads from whoever lacks a key."""

    def outsider(self, session: Session) -> ParticipantProtection:
        """Return a participant's half that holds another key."""
        raise NotImplementedError

    def test_equal_changes_do_not_look_alike(
        self, session: Session, rng: np.random.Generator
    ) -> None:
        participant, change = self.participant(session), random_change(rng)
        assert participant.protect(change) != participant.protect(change)

    def test_wrong_key_raises(
        self, session: Session, server: ServerProtection, rng: np.random.Generator
    ) -> None:
        self.send(self.participant(session), server, random_change(rng))
        with pytest.raises((OpenError, MessageError)):
            self.outsider(session).open(server.payload())

    def test_damage_that_passes_for_a_payload_raises_on_opening(
        self, session: Session, server: ServerProtection, rng: np.random.Generator
    ) -> None:
        participant = self.participant(session)
        self.send(participant, server, random_change(rng))
        payload = bytearray(server.payload())
        digest = hashlib.sha256(payload).digest()
        for k in range(8):
            damaged = bytearray(payload)
            # Bits in the lower half of the first ciphertext: it stays below n^2.
            damaged[200 + digest[k] % 50] ^= 1 << (k % 8)
            with pytest.raises((OpenError, MessageError)):
                participant.open(bytes(damaged))
