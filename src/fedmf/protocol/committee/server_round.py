"""What the server knows of the round under way, and what of it survives a crash."""

from __future__ import annotations

import enum
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

from fedmf.errors import MessageError
from fedmf.protocol.committee.certificate import (
    NOTHING,
    Certificate,
    CertifiedRound,
    Outcome,
    SetEntry,
    SumCheck,
    set_digest,
)
from fedmf.protocol.committee.opening import OpeningMessage, RoundKey
from fedmf.protocol.committee.upload import SignedHeader, UploadHeader
from fedmf.protocol.enrolment.charter import Charter, Roster, participants
from fedmf.protocol.enrolment.votes import MemberSignature
from fedmf.protocol.wire import U32, Digest, Record, Rest, many

if TYPE_CHECKING:
    from collections.abc import Mapping, Set

    from fedmf.protocol.committee.exchange import AnswerReply
    from fedmf.protocol.committee.server_table import CommitteeTable
    from fedmf.protocol.committee.standing import Standings
    from fedmf.protocol.enrolment.roster_chain import RosterChain
    from fedmf.protocol.members import Spool


class Stage(enum.Enum):
    """How far the round is."""

    BETWEEN = enum.auto()
    KEYS = enum.auto()
    READY = enum.auto()
    UPLOADS = enum.auto()
    REVIEW = enum.auto()
    FROZEN = enum.auto()
    PROMISES = enum.auto()
    ANSWERS = enum.auto()
    CLOSING_VOTES = enum.auto()
    CHECKS = enum.auto()
    CLOSED = enum.auto()
    VOIDING = enum.auto()
    VOID = enum.auto()


@dataclass(frozen=True, slots=True)
class ReceivedUpload:
    """What the server keeps of an upload besides adding its words."""

    table: bytes
    signed: SignedHeader
    envelopes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Included(Record):
    """An upload of the frozen set."""

    participant: U32
    """Whose it is."""
    header: UploadHeader
    """What members have reviewed."""


@dataclass(frozen=True, slots=True)
class FrozenUploads(Record):
    """The uploads of a frozen round and their sum, for the server that goes on after a crash."""

    opening: OpeningMessage
    """Signatures under it are not checked when it is read."""
    table: Digest
    """Digest of the table that participants worked on."""
    included: Annotated[tuple[Included, ...], many(participants)]
    """The frozen set, by ascending participant."""
    words: Rest = field(repr=False)
    """The sum of its words."""

    def check_read(self) -> None:
        """Check that participants ascend."""
        listed = [upload.participant for upload in self.included]
        if listed != sorted(set(listed)):
            raise MessageError("the participants of a frozen round must ascend")


@dataclass(slots=True)
class ServerRound:
    """The round under way: what members, by number, and participants have said so far."""

    charter: Charter
    rosters: RosterChain
    table: CommitteeTable
    spool: Spool
    number: int
    previous: Certificate | None
    """How the round before ended."""
    standings: Standings
    """What the rounds before say of everybody's contributions."""
    endings: Mapping[int, tuple[CertifiedRound, ...]]
    """By member, how the rounds ended that it may not have heard of."""
    stage: Stage = Stage.BETWEEN
    asked: bool = False
    """Whether members have been asked what there is to ask at this stage."""
    keys: dict[int, RoundKey] = field(default_factory=dict)
    """The members' keys of the round."""
    opening: OpeningMessage | None = None
    """How it was opened; None before."""
    uploads: dict[int, ReceivedUpload] = field(default_factory=dict)
    """What was received, by participant."""
    contexts: dict[bytes, bytes] = field(default_factory=dict)
    """The round's context, by digest of the table that it would be of."""
    worked_on: bytes = b""
    """Digest of the table that most uploads worked on."""
    waiting: set[int] = field(default_factory=set)
    """Whose uploads were left out because too few of their lot came, or would be left."""
    reviewers: set[int] = field(default_factory=set)
    complaints: dict[int, tuple[int, ...]] = field(default_factory=dict)
    """Members that have reviewed the uploads, and about whose they complained."""
    included: dict[int, UploadHeader] = field(default_factory=dict)
    """The frozen set, by ascending participant."""
    listed: tuple[SetEntry, ...] = ()
    """The same, as certificates list it."""
    promises: dict[int, MemberSignature] = field(default_factory=dict)
    """Members that have promised to answer for this set and its sum."""
    sum: bytes = b""
    """Merkle root of its sum."""
    added_again: int = 0
    """How many uploads of the closed set members have been sent to add up again."""
    checks: dict[int, tuple[bytes, bytes]] = field(default_factory=dict)
    """By member, the Merkle root of the sum that it has found, and its signature under that."""
    asked_twice: set[Stage] = field(default_factory=set)
    """Stages at which members were asked a second time."""
    answers: dict[int, AnswerReply] = field(default_factory=dict)
    votes: dict[int, MemberSignature] = field(default_factory=dict)
    refusals: dict[int, str] = field(default_factory=dict)
    """What members have answered, signed and refused."""

    @property
    def opened(self) -> OpeningMessage:
        """How the round began, once it did."""
        assert self.opening is not None  # noqa: S101 - stages come in order
        return self.opening

    @property
    def roster(self) -> Roster:
        """The version that the round began under, even if there is a newer one by now."""
        return self.rosters.version(self.opened.roster_version)

    def context(self, table: bytes) -> bytes:
        """Return the round's context for those who work on a table."""
        if table not in self.contexts:
            previous = None if self.previous is None else self.previous.outcome
            self.contexts[table] = self.opened.context(self.charter, self.roster, table, previous)
        return self.contexts[table]

    def outcome(self) -> Outcome:
        """Return what is stated when the round ends at this stage: void, or with the frozen set."""
        if self.stage in (Stage.VOIDING, Stage.VOID):
            return Outcome(self.number)
        context = self.context(self.worked_on)
        digest = set_digest(self.charter, context, self.listed)
        return Outcome(self.number, context, digest, self.sum)

    def checked(self) -> SumCheck | None:
        """Return what most members have found to be the sum; None where nobody has said so."""
        votes: dict[bytes, list[MemberSignature]] = {}
        for member, (found, signature) in sorted(self.checks.items()):
            votes.setdefault(found, []).append(MemberSignature(member, signature))
        found = max(votes, key=lambda one: len(votes[one]), default=NOTHING)
        return SumCheck(found, tuple(votes[found])) if votes else None

    def leave_out(self, uploads: Set[int]) -> None:
        """Take the words of some uploads out again."""
        for participant in uploads & self.uploads.keys():
            self.table.sum.remove(self.spool.take(participant))
            del self.uploads[participant]

    def leave_out_other_tables(self) -> None:
        """Leave out uploads that did not work on the table that most uploads worked on."""
        tables = Counter(upload.table for upload in self.uploads.values())
        if tables:
            self.worked_on = tables.most_common(1)[0][0]
        self.leave_out({one for one, up in self.uploads.items() if up.table != self.worked_on})

    def leave_out_small_lots(self) -> bool:
        """Leave out lots that members would refuse; return whether any upload is left."""
        kinds = {one: upload.signed.header.kind for one, upload in self.uploads.items()}
        waiting = self.standings.waiting(kinds)
        self.waiting |= waiting
        self.leave_out(waiting)
        return bool(self.uploads)

    def freeze_set(self) -> None:
        """Fix which uploads the sum is of."""
        self._set({one: self.uploads[one].signed.header for one in sorted(self.uploads)})

    def _set(self, included: dict[int, UploadHeader]) -> None:
        self.included = included
        self.listed = tuple(
            SetEntry(one, header.kind, header.digest(self.charter))
            for one, header in included.items()
        )
        self.sum = self.table.sum.root()

    def frozen(self) -> FrozenUploads:
        """Return what is needed to go on after a crash."""
        included = tuple(Included(one, header) for one, header in self.included.items())
        return FrozenUploads(self.opened, self.worked_on, included, self.table.sum.to_bytes())

    def restore(self, frozen: FrozenUploads) -> None:
        """Be the round that was frozen."""
        self.opening, self.worked_on = frozen.opening, frozen.table
        self.keys = {key.member: key for key in frozen.opening.keys}
        self.reviewers = set(self.keys)
        self._set({upload.participant: upload.header for upload in frozen.included})
        self.stage = Stage.FROZEN
