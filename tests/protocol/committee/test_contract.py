"""What every protection must do, done by a committee."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from fedmf.errors import KeyMaterialError, MessageError, OpenError
from fedmf.protocol import (
    Change,
    ClosingMessage,
    IntegerTable,
    ParticipantProtection,
    Session,
    UploadMessage,
)
from fedmf.protocol.committee.participant import CommitteeParticipant
from fedmf.protocol.committee.server_table import CommitteeTable
from fedmf.protocol.committee.upload import BASE_BYTES, Kind
from fedmf.protocol.session import OpenedBy, Upload
from tests.contracts.protection_contract import (
    SHAPE,
    Exchange,
    KeyedProtectionContract,
    ProtectionContract,
    random_change,
    summed,
)
from tests.contracts.sliced_contract import ROUNDS, TERMS, SlicedContract, sliced_change
from tests.contracts.sliced_contract import SHAPE as SLICED_SHAPE
from tests.protocol.committee.adversary import Adversary
from tests.protocol.committee.world import World, make_session, no_change

EVERYBODY = range(8)
# Table and context, kind, number of bases, words, nonce; six commitments; signature; for each of
# the four members the digest and length of its envelope, and the envelope of three seeds.
ON_TOP = 4 * 32 + 1 + 4 + 6 * 32 + 64 + 4 * (32 + 4 + 48 + 3 * 32)


class CommitteeExchange(Exchange):
    """A participant that plays all of them, a server with its committee, and the rounds between."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.protection = world.fresh_protection(EVERYBODY)
        super().__init__(self.protection, world.committee._table)
        self._sent: dict[int, UploadMessage] = {}
        self._open = False

    def send(self, change: Change) -> bytes:
        """Protect a change and upload it; return the payload."""
        server = self.world.server
        if not self._open:
            self.protection.open(self.server.payload())
            server.prepare_round()
            self.world.consult()
            self.protection.begin(server.begin_round(EVERYBODY))
            self._sent, self._open = {}, True
        number, round_number = len(self._sent), server.next_round
        sent = self.protection.protect(change, round_number=round_number, participant=number)
        upload = UploadMessage(round_number, number, sent.nonce, None, sent.payload)
        server.receive(upload.to_bytes(self.world.session))
        self._sent[number] = upload
        return sent.payload

    def close_round(self, *others: ParticipantProtection) -> None:
        """End the round, with as many that change nothing as a cohort needs."""
        while len(self._sent) < self.world.terms.smallest_cohort:
            self.send(no_change(self.world.session.shape))
        self._open = False
        closing, session = self.world.end(), self.world.session
        assert closing.included == tuple(range(len(self._sent)))
        for one in (self.protection, *others):
            one.hear(ClosingMessage.from_bytes(closing.to_bytes(session), session))

    def restore_server(self) -> None:
        """Go on with a new server that knows what the old one keeps in a checkpoint."""
        payload, closings = self.server.payload(), self.world.server.closings
        self.world.server = self.world.fresh_server(closings)
        self.world.committee._table.restore(payload)
        self.server = self.world.committee._table

    def reopened(self, payload: bytes) -> IntegerTable:
        """Open a table as a participant that has the one before it."""
        fresh = self.world.fresh_protection([0])
        fresh.replay(self.world.server.closings)
        return fresh.open(payload)


class CommitteeContract(ProtectionContract):
    protection: ClassVar[str] = "committee"
    opened_by: ClassVar[OpenedBy]

    @pytest.fixture
    def upload(self) -> Upload:
        return "full"

    @pytest.fixture
    def session(self, upload: Upload) -> Session:
        assert upload == "full"
        return make_session(8, rounds=3, shape=SHAPE, opened_by=self.opened_by)

    def begun(self, session: Session, start: IntegerTable) -> Exchange:
        return CommitteeExchange(World(session=session, start=start))

    def test_sizes_are_as_announced(self, exchange: Exchange, rng: np.random.Generator) -> None:
        """Header, signature and envelopes come on top, as many bytes for every upload."""
        sizes = {len(exchange.send(change)) for change in (no_change(SHAPE), random_change(rng))}
        assert len(sizes) == 1
        assert sizes == {exchange.participant.payload_bytes() + ON_TOP + BASE_BYTES}

    def test_a_payload_of_another_size_changes_nothing(
        self, session: Session, exchange: Exchange, rng: np.random.Generator
    ) -> None:
        del session
        exchange.send(random_change(rng))
        assert isinstance(exchange.server, CommitteeTable)
        before = exchange.server.sum.to_bytes()
        for wrong in (before[:-1], before + b"\0", b""):
            with pytest.raises(MessageError, match="bytes"):
                exchange.server.add(wrong, None, counted_round=1)
        assert exchange.server.sum.to_bytes() == before
        exchange.close_round()
        payload = exchange.server.payload()
        for wrong in (payload[:-1], payload + b"\0", b""):
            with pytest.raises(MessageError):
                exchange.participant.open(wrong)

    def test_a_restored_server_goes_on_where_the_other_stopped(
        self, session: Session, exchange: Exchange, rng: np.random.Generator
    ) -> None:
        del session
        changes = [random_change(rng) for _ in range(2)]
        assert isinstance(exchange, CommitteeExchange)
        exchange.send(changes[0])
        first = exchange.opened()
        payload = exchange.server.payload()
        exchange.restore_server()
        for found, wanted in zip(exchange.reopened(payload), first, strict=True):
            np.testing.assert_array_equal(found, wanted)
        exchange.send(changes[1])
        for found, wanted in zip(exchange.opened(), summed(changes), strict=True):
            np.testing.assert_array_equal(found, wanted)

    @pytest.mark.parametrize("answers", [0, 1, 2])
    def test_below_the_threshold_nothing_opens(
        self, exchange: Exchange, rng: np.random.Generator, answers: int
    ) -> None:
        assert isinstance(exchange, CommitteeExchange)
        world = exchange.world
        for _ in range(3):
            exchange.send(random_change(rng))
        world.opening = world.committee.now.opening
        world.freeze()
        server = Adversary(world, exchange._sent)
        said = server.answers(world.members[:answers], (0, 1, 2))
        assert len(said) == answers
        with pytest.raises(OpenError):
            server.open(said, (0, 1, 2))


class TestBlindCommittee(CommitteeContract, KeyedProtectionContract):
    opened_by: ClassVar[OpenedBy] = "participants"

    def test_wrong_key_raises(
        self, session: Session, exchange: Exchange, rng: np.random.Generator
    ) -> None:
        assert isinstance(exchange, CommitteeExchange)
        world, other = exchange.world, World(session=session)
        with pytest.raises(KeyMaterialError, match="another reader key"):
            CommitteeParticipant(world.charter, {}, other.reader, world.start)
        outsider = world.fresh_protection([0])
        outsider.held.reader = other.protections[0].held.reader
        exchange.send(random_change(rng))
        exchange.close_round(outsider)
        with pytest.raises(OpenError):
            outsider.open(exchange.server.payload())
        stranger = other.protections[0]
        with pytest.raises(MessageError, match="signature"):
            stranger.hear(world.server.closings[0])


class TestCommitteeWhoseServerOpens(CommitteeContract):
    opened_by: ClassVar[OpenedBy] = "server"


class SlicedCommitteeContract(SlicedContract):
    protection: ClassVar[str] = "committee"
    opened_by: ClassVar[OpenedBy]
    on_top: ClassVar[int] = ON_TOP
    on_top_of_a_part: ClassVar[int] = BASE_BYTES

    @pytest.fixture
    def session(self) -> Session:
        return make_session(
            8, rounds=ROUNDS, shape=SLICED_SHAPE, opened_by=self.opened_by, slices=TERMS
        )

    @pytest.fixture
    def exchange(self, session: Session) -> Exchange:
        return CommitteeExchange(World(session=session, start=SLICED_SHAPE.zeros()))

    def restore_server(self, exchange: Exchange) -> None:
        assert isinstance(exchange, CommitteeExchange)
        # The table is read once, by a participant that holds the one before.
        exchange.participant.open(exchange.server.payload())
        exchange.restore_server()

    def test_an_upload_of_another_round_changes_nothing(
        self, session: Session, exchange: Exchange, rng: np.random.Generator
    ) -> None:
        assert isinstance(exchange.server, CommitteeTable)
        exchange.send(sliced_change(rng, session, 1))
        words = exchange.server.sum.to_bytes()
        exchange.opened()
        exchange.send(sliced_change(rng, session, 2))
        before = exchange.server.sum.to_bytes()
        with pytest.raises(MessageError, match="bytes"):
            exchange.server.add(words, None, counted_round=2)
        assert exchange.server.sum.to_bytes() == before

    def test_who_is_new_to_a_slice_says_so(
        self, session: Session, exchange: Exchange, rng: np.random.Generator
    ) -> None:
        """Its whole contribution to the slice's rows is in the change then."""
        assert isinstance(exchange, CommitteeExchange)
        kinds = []
        for number in range(1, ROUNDS + 1):
            kinds.append(exchange.protection.standings.kind(0))
            exchange.send(sliced_change(rng, session, number))
            exchange.opened()
        assert kinds == [Kind.JOIN, *[Kind.FIRST] * 3, *[Kind.UPDATE] * 2]


class TestBlindCommitteeInSlices(SlicedCommitteeContract):
    opened_by: ClassVar[OpenedBy] = "participants"


class TestSlicedCommitteeWhoseServerOpens(SlicedCommitteeContract):
    opened_by: ClassVar[OpenedBy] = "server"
