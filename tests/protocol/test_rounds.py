"""The two roles together: orders of messages that must work, and orders that must not."""

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from fedmf.errors import MessageError, ProtocolError
from fedmf.protocol import (
    ClosingMessage,
    Int64Array,
    ParticipantRole,
    RowChange,
    Server,
    Session,
    TableMessage,
    UploadMessage,
    participant_protection,
    server_protection,
)
from tests.protocol.sessions import SHAPE, small_session


def change(value: int) -> list[RowChange]:
    return [RowChange(np.array([1]), np.full((1, 3), value, dtype=np.int64))]


def make_server(session: Session) -> Server:
    protection = server_protection(session)
    protection.start(SHAPE.zeros())
    return Server(session, protection)


def make_roles(session: Session) -> list[ParticipantRole]:
    return [
        ParticipantRole(session, number, participant_protection(session, None))
        for number in range(session.participants)
    ]


@pytest.fixture
def session() -> Session:
    return small_session()


@pytest.fixture
def server(session: Session) -> Server:
    return make_server(session)


@pytest.fixture
def roles(session: Session) -> list[ParticipantRole]:
    return make_roles(session)


def test_two_rounds_add_what_was_included(
    session: Session, server: Server, roles: list[ParticipantRole]
) -> None:
    for round_number in (1, 2):
        table = server.table_message()
        server.begin_round([0, 1])
        for role in roles:
            role.receive_table(table)
        for role in roles[:2]:
            server.receive(role.upload(change(round_number)).to_bytes(session))
        closing = server.close_round()
        assert [role.receive_closing(closing) for role in roles] == [True, True, False]
    opened = roles[0].receive_table(server.table_message())[0]
    np.testing.assert_array_equal(opened[1], [6, 6, 6])
    np.testing.assert_array_equal(opened[[0, 2, 3]], 0)


def test_a_participant_that_drops_out_counts_for_nothing(
    session: Session, server: Server, roles: list[ParticipantRole]
) -> None:
    table = server.table_message()
    server.begin_round([0, 1, 2])
    for role in roles:
        role.receive_table(table)
    roles[1].upload(change(5))  # and the message is lost
    server.receive(roles[0].upload(change(1)).to_bytes(session))
    closing = server.close_round()
    assert closing.included == (0,)
    assert not roles[1].receive_closing(closing)
    assert roles[0].receive_closing(closing)


def test_server_refuses_what_is_out_of_order(
    session: Session, server: Server, roles: list[ParticipantRole]
) -> None:
    table = server.table_message()
    for role in roles:
        role.receive_table(table)
    uploads = [role.upload(change(1)).to_bytes(session) for role in roles]
    with pytest.raises(ProtocolError, match="no round is under way"):
        server.receive(uploads[0])
    with pytest.raises(ProtocolError, match="no round under way"):
        server.close_round()
    server.begin_round([0, 1])
    with pytest.raises(ProtocolError, match="still under way"):
        server.begin_round([0])
    with pytest.raises(ProtocolError, match="changes while"):
        server.table_message()
    with pytest.raises(ProtocolError, match="not in the cohort"):
        server.receive(uploads[2])
    server.receive(uploads[0])
    with pytest.raises(ProtocolError, match="second upload"):
        server.receive(uploads[0])
    server.freeze()
    with pytest.raises(ProtocolError, match="after the deadline of round 1"):
        server.receive(uploads[0])
    with pytest.raises(ProtocolError, match="no round under way to freeze"):
        server.freeze()
    server.close_round()
    server.begin_round([1])
    with pytest.raises(ProtocolError, match="round 1 in round 2"):
        server.receive(uploads[1])
    server.close_round()
    with pytest.raises(ProtocolError, match="are over"):
        server.begin_round([0])


@pytest.mark.parametrize("cohort", [[], [3], [-1], [0, 7]])
def test_server_refuses_impossible_cohorts(server: Server, cohort: list[int]) -> None:
    with pytest.raises(ProtocolError, match="cohort"):
        server.begin_round(cohort)


def test_an_upload_that_is_refused_leaves_the_table_as_it_was(
    session: Session, server: Server
) -> None:
    before = server.table_message()
    server.begin_round([0])
    short = UploadMessage(1, 0, b"", None, b"too short").to_bytes(session)
    with pytest.raises(MessageError):
        server.receive(short)
    assert server.close_round().included == ()
    assert server.table_message().payload == before.payload


def test_participant_refuses_what_is_out_of_order(
    server: Server, roles: list[ParticipantRole]
) -> None:
    role = roles[0]
    with pytest.raises(ProtocolError, match="before the table"):
        role.upload(change(1))
    with pytest.raises(ProtocolError, match="round 2 in round 1"):
        role.receive_table(TableMessage(2, server.table_message().payload))
    with pytest.raises(ProtocolError, match="uploaded nothing"):
        role.receive_closing(ClosingMessage(1, (0,)))
    role.receive_table(server.table_message())
    role.upload(change(1))
    with pytest.raises(ProtocolError, match="has uploaded"):
        role.upload(change(2))
    with pytest.raises(ProtocolError, match="closing of round 2"):
        role.receive_closing(ClosingMessage(2, (0,)))
    role.receive_closing(ClosingMessage(1, (0,)))
    with pytest.raises(ProtocolError, match="before the table"):
        role.upload(change(1))


def test_participant_uploads_nothing_after_the_last_round(session: Session, server: Server) -> None:
    heard = [ClosingMessage(number, (0,)) for number in (1, 2)]
    role = ParticipantRole(session, 0, participant_protection(session, None), closings=heard)
    role.receive_table(TableMessage(3, server.table_message().payload))
    with pytest.raises(ProtocolError, match="are over"):
        role.upload(change(1))


class RoundsMachine(RuleBasedStateMachine):
    """Uploads in any order, lost, repeated, late or damaged: the table sums the included."""

    uploads = Bundle("uploads")

    @initialize()
    def begin(self) -> None:
        self.session = small_session(participants=4, rounds=5)
        self.server = make_server(self.session)
        self.roles = make_roles(self.session)
        self.total: Int64Array = np.zeros((4, 3), dtype=np.int64)
        self.sent: dict[int, int] = {}
        self.open = False

    @rule(cohort=st.sets(st.integers(0, 3), min_size=1))
    def begin_round(self, cohort: set[int]) -> None:
        if self.open or self.server.counted_rounds == self.session.rounds:
            with pytest.raises(ProtocolError):
                self.server.begin_round(cohort)
            return
        message = self.server.table_message()
        for role in self.roles:
            role.receive_table(message)
        self.server.begin_round(cohort)
        self.cohort, self.open, self.sent, self.included = cohort, True, {}, set[int]()

    @rule(target=uploads, number=st.integers(0, 3), value=st.integers(-50, 50))
    def upload(self, number: int, value: int):  # type: ignore[no-untyped-def]
        if not self.open or number in self.sent:
            with pytest.raises(ProtocolError):
                self.roles[number].upload(change(value))
            return multiple()
        self.sent[number] = value
        return (self.server.next_round, number, self.roles[number].upload(change(value)))

    @rule(sent=uploads, flip=st.none() | st.integers(0, 10_000))
    def deliver(self, sent: tuple[int, int, UploadMessage], flip: int | None) -> None:
        round_number, number, upload = sent
        data = bytearray(upload.to_bytes(self.session))
        if flip is not None:
            data[flip % len(data)] ^= 1
        due = (
            self.open
            and flip is None
            and round_number == self.server.next_round
            and number in self.cohort
            and number not in self.included
        )
        if not due:
            with pytest.raises((ProtocolError, MessageError)):
                self.server.receive(bytes(data))
            return
        assert self.server.receive(bytes(data)) == number
        self.included.add(number)
        self.total[1] += self.sent[number]

    @rule()
    def close_round(self) -> None:
        if not self.open:
            with pytest.raises(ProtocolError):
                self.server.close_round()
            return
        closing = self.server.close_round()
        assert set(closing.included) == self.included
        for number, role in enumerate(self.roles):
            assert role.receive_closing(closing) == (number in self.included)
        self.open = False

    @invariant()
    def table_is_the_sum_of_the_included(self) -> None:
        if not self.open:
            payload = self.server.table_message().payload
            table = participant_protection(self.session, None).open(payload)[0]
            np.testing.assert_array_equal(table, self.total)


TestRounds = RoundsMachine.TestCase
