"""A whole federation in memory: participants, a committee, a server, and who tampers between."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from fedmf.crypto.derivation import MasterSecret
from fedmf.crypto.signatures import SigningKey
from fedmf.protocol import (
    ClosingMessage,
    GroupShape,
    Int64Array,
    IntegerTable,
    ParticipantRole,
    RowChange,
    Server,
    Session,
    TableMessage,
    TableShape,
    UploadMessage,
)
from fedmf.protocol.committee.exchange import KeyRequest
from fedmf.protocol.committee.member import CommitteeMember
from fedmf.protocol.committee.member_log import ForgetfulLog
from fedmf.protocol.committee.opening import OpeningMessage
from fedmf.protocol.committee.participant import CommitteeParticipant
from fedmf.protocol.committee.server import CommitteeMembers
from fedmf.protocol.committee.server_table import CommitteeTable
from fedmf.protocol.enrolment.charter import Charter
from fedmf.protocol.enrolment.reader_secret import reader_envelope_key
from fedmf.protocol.members import Spool
from fedmf.protocol.session import CommitteeTerms, OpenedBy
from fedmf.protocol.slices import SliceTerms
from tests.contracts import protection_contract
from tests.protocol import sessions

# The second group is too wide for words, so that its values travel beside them.
SHAPE = TableShape((GroupShape("items", 6, 5, 24), GroupShape("sums", 3, 2, 45)))

Tamper = Callable[[int, bytes], bytes | None]
"""Sees member and message; returns what arrives instead, or None where nothing does."""


class MemorySpool:
    """Keeps the words of a round in memory."""

    def __init__(self) -> None:
        self._words: dict[int, bytes] = {}

    def keep(self, participant: int, words: bytes) -> None:
        self._words[participant] = words

    def take(self, participant: int) -> bytes:
        return self._words[participant]

    def clear(self) -> None:
        self._words.clear()

    def sync(self) -> None:
        """It is as durable as the memory."""


def committee_server(
    table: CommitteeTable, spool: Spool, closings: Iterable[ClosingMessage] = ()
) -> Server:
    """Return a server that consults a committee."""
    return Server(table.session, table, closings, CommitteeMembers(table, spool))


def untouched(member: int, data: bytes) -> bytes:
    """Let everything through."""
    del member
    return data


def make_session(
    participants: int,
    *,
    members: int = 4,
    threshold: int = 3,
    opened_by: OpenedBy = "participants",
    smallest_cohort: int = 3,
    rounds: int = 6,
    setup_rounds: int = 0,
    oldest_base: int = 3,
    lone_lots: bool = False,
    shape: TableShape = SHAPE,
    session_id: bytes = bytes(16),
    slices: SliceTerms | None = None,
) -> Session:
    if slices is not None:
        setup_rounds = slices.setup_rounds
    return sessions.small_session(
        "full" if slices is None else "slices",
        "committee",
        shape,
        participants=participants,
        rounds=rounds,
        session_id=session_id,
        committee=CommitteeTerms(
            members, threshold, opened_by, 1, smallest_cohort, setup_rounds, oldest_base, lone_lots
        ),
        slices=slices,
    )


def dense(change: Sequence[RowChange], shape: TableShape = SHAPE) -> Int64Array:
    """Return a change as the flat values of all rows."""
    return shape.flat(shape.dense(change))


def no_change(shape: TableShape = SHAPE) -> list[RowChange]:
    return sessions.no_change(shape)


def random_changes(rng: np.random.Generator, numbers: Iterable[int]) -> dict[int, list[RowChange]]:
    """Return a change for everybody."""
    return {number: random_change(rng) for number in numbers}


def random_change(rng: np.random.Generator, shape: TableShape = SHAPE) -> list[RowChange]:
    return protection_contract.random_change(rng, shape, parts=16)


def changes_of(
    seed: int | Sequence[int], numbers: Iterable[int] = range(5)
) -> dict[int, list[RowChange]]:
    """Return a change for everybody, from a seed."""
    return random_changes(np.random.default_rng(seed), numbers)


class World:
    """One session with all its roles; `round` plays a round with the given changes."""

    start_payload = b""

    def __init__(
        self,
        participants: int = 5,
        *,
        session: Session | None = None,
        listed: int | None = None,
        start: IntegerTable | None = None,
        **terms: object,
    ):
        self.session = session or make_session(participants, **terms)  # type: ignore[arg-type]
        assert self.session.committee is not None
        self.start = self.session.shape.zeros() if start is None else start
        self.reader = MasterSecret.fresh()
        self.signing_keys = {
            number: SigningKey.fresh() for number in range(listed or self.session.participants)
        }
        self.member_keys = [SigningKey.fresh() for _ in range(self.session.committee.members)]
        self.rebuild()

    def rebuild(self) -> None:
        """Begin the session with the keys that are there."""
        assert self.session.committee is not None
        self.charter = Charter(
            self.session,
            tuple(key.public for key in self.member_keys),
            tuple(key.public for key in self.signing_keys.values()),
            reader_envelope_key(self.reader, self.session.committee.suite).public,
        )
        self.logs = [ForgetfulLog() for _ in self.member_keys]
        self.members = [self.restarted_member(number) for number in range(len(self.logs))]
        self.protections = {number: self.fresh_protection([number]) for number in self.signing_keys}
        self.roles = {
            number: ParticipantRole(self.session, number, protection)
            for number, protection in self.protections.items()
        }
        self.start_payload, self.spool = b"", MemorySpool()
        self.server = self.fresh_server()
        self.expected = [part.copy() for part in self.start]
        self.opening: OpeningMessage | None = None
        self.sent: dict[int, UploadMessage] = {}
        self.changes: Mapping[int, Sequence[RowChange]] = {}
        self.to_member: Tamper = untouched
        self.from_member: Tamper = untouched

    @property
    def terms(self) -> CommitteeTerms:
        return self.charter.terms

    def restarted_member(self, number: int) -> CommitteeMember:
        """Return a member that knows nothing but its key and its log."""
        return CommitteeMember(self.charter, number, self.member_keys[number], self.logs[number])

    def fresh_protection(self, numbers: Sequence[int]) -> CommitteeParticipant:
        keys = {number: self.signing_keys[number] for number in numbers}
        reader = self.reader if self.charter.terms.blind else None
        return CommitteeParticipant(self.charter, keys, reader, self.start)

    def fresh_server(self, closings: Sequence[ClosingMessage] = ()) -> Server:
        table = CommitteeTable(self.charter)
        table.start(self.start)
        if self.start_payload:
            table.restore(self.start_payload)
        self.start_payload = table.payload()
        return committee_server(table, self.spool, closings)

    @property
    def committee(self) -> CommitteeMembers:
        """The members as the server sees them."""
        assert isinstance(self.server.members, CommitteeMembers)
        return self.server.members

    def key_request(self, round_number: int) -> KeyRequest:
        """Return the request that begins a round."""
        return KeyRequest(round_number, tuple(self.committee.endings[: round_number - 1]))

    def consult(self) -> None:
        """Carry messages between the server and the members until all is said."""
        while requests := self.server.requests():
            for member, request in requests.items():
                arriving = self.to_member(member, request)
                if arriving is None:
                    continue
                reply = self.from_member(member, self.members[member].respond(arriving))
                if reply is not None:
                    self.server.hear(member, reply)

    def begin_round(self, cohort: Sequence[int]) -> OpeningMessage | None:
        """Begin a round; None where it is void from the start."""
        self.server.prepare_round()
        self.consult()
        if self.server.is_void:
            return None
        opening = self.server.begin_round(cohort)
        for protection in self.protections.values():
            protection.begin(opening)
        return OpeningMessage.from_bytes(opening, self.charter)

    def upload(
        self, number: int, change: Sequence[RowChange], *, leaving: bool = False
    ) -> UploadMessage:
        table = TableMessage.from_bytes(self.server_table_bytes, self.session)
        self.roles[number].receive_table(table)
        return self.roles[number].upload(change, leaving=leaving)

    def hand_out(self) -> None:
        """Give the table to everybody."""
        self.server_table_bytes = self.server.table_message().to_bytes(self.session)
        table = TableMessage.from_bytes(self.server_table_bytes, self.session)
        for role in self.roles.values():
            role.receive_table(table)

    def spoil_envelopes(self, number: int) -> None:
        """Damage a participant's envelopes between the server and its members."""
        upload = self.committee.now.uploads[number]
        spoilt = tuple(bytes(len(envelope)) for envelope in upload.envelopes)
        self.committee.now.uploads[number] = replace(upload, envelopes=spoilt)

    def freeze(self) -> bytes:
        """End the time for uploads; return the frozen round."""
        self.server.freeze()
        self.consult()
        return self.server.frozen()

    def promised(self) -> Mapping[int, bytes]:
        """Have members promise to answer for a frozen round; return the requests for answers."""
        self.server.ask_to_open()
        for member, request in self.server.requests().items():
            self.server.hear(member, self.members[member].respond(request))
        return self.server.requests()

    def answered(self) -> ClosingMessage:
        """Open and close a round that is frozen, or void; nobody has heard of it yet."""
        self.server.ask_to_open()
        self.consult()
        return self.server.close_round()

    def end(self) -> ClosingMessage:
        """Freeze, open and close the round; nobody has heard of it yet."""
        if not self.server.is_void:
            self.freeze()
        return self.answered()

    def tell(self, closing: ClosingMessage) -> dict[int, bool]:
        """Tell everybody how the round ended; return who takes its upload as included."""
        data = closing.to_bytes(self.session)
        return {
            number: role.receive_closing(ClosingMessage.from_bytes(data, self.session))
            for number, role in self.roles.items()
        }

    def close(self) -> ClosingMessage:
        """End the round and tell everybody."""
        return self.heard(self.end())

    def heard(self, closing: ClosingMessage) -> ClosingMessage:
        """Tell everybody how the round ended; add what it includes to what is expected."""
        self.tell(closing)
        self.expect(closing)
        return closing

    def collect(
        self,
        changes: Mapping[int, Sequence[RowChange]],
        *,
        lost: Sequence[int] = (),
        leaving: Sequence[int] = (),
    ) -> dict[int, UploadMessage]:
        """Begin a round and have everybody upload; return what was sent, none where it is void."""
        self.hand_out()
        self.changes = changes
        uploads = self.sent = dict[int, UploadMessage]()
        self.opening = self.begin_round(sorted(changes))
        if self.opening is not None:
            for number, change in changes.items():
                uploads[number] = self.upload(number, change, leaving=number in leaving)
                if number not in lost:
                    self.server.receive(uploads[number].to_bytes(self.session))
        return uploads

    def round(
        self,
        changes: Mapping[int, Sequence[RowChange]],
        *,
        lost: Sequence[int] = (),
        leaving: Sequence[int] = (),
    ) -> ClosingMessage:
        """Play a whole round; add what it includes to what is expected."""
        self.collect(changes, lost=lost, leaving=leaving)
        return self.close()

    def expect(self, closing: ClosingMessage) -> None:
        """Add what a closing includes to what is expected."""
        for number in closing.included:
            for part, target in zip(self.changes[number], self.expected, strict=True):
                target[part.rows] += part.values

    def opened(self, number: int = 0) -> IntegerTable:
        """Return the table as a participant opens it."""
        return self.protections[number].open(self.server.table_message().payload)

    def check_tables(self) -> None:
        """Check that everybody opens exactly what is expected."""
        payload = self.server.table_message().payload
        for protection in self.protections.values():
            for found, wanted in zip(protection.open(payload), self.expected, strict=True):
                np.testing.assert_array_equal(found, wanted)
