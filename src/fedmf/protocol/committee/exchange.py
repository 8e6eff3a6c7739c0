"""What the server and the members of the committee say to each other in a round.

============ ================== ==========================================================
direction    message            answer
============ ================== ==========================================================
to a member  `KeyRequest`       `KeyReply`: the member's key, only for this round
to a member  `ReviewRequest`    `ReviewReply`: whom the member complains about
to a member  `PromiseRequest`   `PromiseReply`: that it answers for no other set, and no other sum
to a member  `AnswerRequest`    `AnswerReply`: its share of the sum over one set of uploads
to a member  `VoteRequest`      `VoteReply`: its signature under an outcome
to a member  `CheckRequest`     `CheckReply`: which sum it finds if it adds up itself
to a member  `EarlyKeyRequest`  `KeyReply`: the key that it is going to make for a round
============ ================== ==========================================================

Instead of any answer a member may send a `Refusal` that says why.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Self

from fedmf.crypto.share_sum import subset_bytes
from fedmf.crypto.signatures import SigningKey, check_signature
from fedmf.errors import MessageError
from fedmf.protocol.committee.certificate import (
    NOTHING,
    Certificate,
    CertifiedRound,
    Outcome,
    SetEntry,
)
from fedmf.protocol.committee.opening import OpeningMessage, RoundKey
from fedmf.protocol.committee.upload import (
    MOST_ENVELOPE_BYTES,
    Envelope,
    SignedHeader,
    UploadHeader,
)
from fedmf.protocol.enrolment.charter import Charter, members, participants
from fedmf.protocol.enrolment.votes import Votes
from fedmf.protocol.lattice_layout import committee_pads, most_payload_bytes
from fedmf.protocol.messages import CommitteeMessage
from fedmf.protocol.wire import (
    U32,
    Digest,
    Known,
    Record,
    Signature,
    ascending,
    many,
    sized_bytes,
    text,
    u32,
    when,
)

MOST_REASON_BYTES = 1000
ANSWER_LABEL = "answer"
SHARE = "share of a sum"
COMPLAINT_LABEL = "complaints"


def _most_share_bytes(known: Known) -> int:
    """Return the size of the largest share, sealed or not."""
    sharing = known.charter.terms.sharing
    subsets = max(len(sharing.held_by(member)) for member in range(members(known)))
    return subset_bytes(committee_pads(known.charter.session)) * subsets + MOST_ENVELOPE_BYTES


@dataclass(frozen=True, slots=True)
class KeyRequest(CommitteeMessage):
    """A round is to begin; here is how those ended that the member may not have heard of."""

    KIND: ClassVar[int] = 5
    endings: Annotated[tuple[CertifiedRound, ...], many(lambda known: known.round - 1)]
    """How rounds before ended: one after the other, up to the last."""


@dataclass(frozen=True, slots=True)
class KeyReply(CommitteeMessage):
    """A member's key for the round."""

    KIND: ClassVar[int] = 6
    key: RoundKey

    @property
    def member(self) -> int:
        """Who made it."""
        return self.key.member


@dataclass(frozen=True, slots=True)
class ReviewEntry(Record):
    """One upload as a member gets to see it."""

    participant: U32
    """Whose it is."""
    signed: SignedHeader
    """The header and what goes with it."""
    envelope: Envelope
    """The one for this member."""


@dataclass(frozen=True, slots=True)
class ReviewRequest(CommitteeMessage):
    """The uploads of a round, for one member to check."""

    KIND: ClassVar[int] = 7
    opening: OpeningMessage
    """How the round began."""
    table: Digest
    """Digest of the table that participants say they worked on."""
    entries: Annotated[tuple[ReviewEntry, ...], many(participants)]
    """The uploads, by ascending participant."""


@dataclass(frozen=True, slots=True)
class ReviewReply(CommitteeMessage):
    """Whom a member complains about: uploads that it cannot answer for."""

    KIND: ClassVar[int] = 8
    member: U32
    """Who complains."""
    complaints: Annotated[tuple[int, ...], ascending(participants)]
    """Participants, ascending."""
    signature: Signature
    """The member's, 64 bytes: nobody else can complain in its name."""

    @classmethod
    def signed(
        cls,
        round_number: int,
        member: int,
        complaints: tuple[int, ...],
        key: SigningKey,
        charter: Charter,
    ) -> Self:
        """Return the reply with the member's signature."""
        statement = _complaint(round_number, member, complaints, charter)
        return cls(round_number, member, complaints, key.sign(COMPLAINT_LABEL, *statement))

    def check(self, charter: Charter) -> None:
        """Raise MessageError unless the member itself says so."""
        statement = _complaint(self.round, self.member, self.complaints, charter)
        _check_member(self.member, self.signature, charter, COMPLAINT_LABEL, *statement)


@dataclass(frozen=True, slots=True)
class PromiseRequest(CommitteeMessage):
    """The set of uploads whose sum is to be opened, after all complaints, and the sum itself."""

    KIND: ClassVar[int] = 15
    included: Annotated[tuple[int, ...], ascending(participants)]
    """Participants, ascending."""
    outcome: Outcome
    """The round, closed with this set and this sum, as the server computes it: a member that would
    sign another set refuses. Members cannot know the sum yet."""


@dataclass(frozen=True, slots=True)
class PromiseReply(CommitteeMessage):
    """A member answers for this set and this sum, or not at all; it may still sign the round void.

    Without promises a server could tell members different sums of one set, and collect answers that
    open it without a certificate of any.
    """

    KIND: ClassVar[int] = 16
    member: U32
    """Who promises."""
    outcome: Outcome
    """The round, closed with this set and this sum."""
    promise: Signature
    """The member's signature under the outcome, as a promise and no vote."""


@dataclass(frozen=True, slots=True)
class AnswerRequest(CommitteeMessage):
    """Enough members have promised to answer for one set and one sum: the answers are due."""

    KIND: ClassVar[int] = 9
    outcome: Outcome
    """The round, closed with this set and this sum."""
    promises: Votes
    """Of at least t members."""


@dataclass(frozen=True, slots=True)
class AnswerReply(CommitteeMessage):
    """A member's share of the sum of a set of uploads, keys and pads, and its vote for it."""

    KIND: ClassVar[int] = 10
    member: U32
    """Who answers."""
    outcome: Outcome
    """The round, closed with this set."""
    share: Annotated[bytes, sized_bytes(_most_share_bytes)] = field(repr=False)
    """The share as bytes; sealed to the participants' reader key under a blind committee."""
    signature: Signature
    """The member's, under outcome and share."""
    vote: Signature
    """The member's signature under the outcome."""

    def check(self, charter: Charter) -> None:
        """Raise MessageError unless the member itself says so."""
        statement = answer_statement(self.member, self.outcome, self.share, charter)
        _check_member(self.member, self.signature, charter, ANSWER_LABEL, *statement)


@dataclass(frozen=True, slots=True)
class VoteRequest(CommitteeMessage):
    """A round has to end: as closed with a set that others have answered for, or as void."""

    KIND: ClassVar[int] = 11
    outcome: Outcome
    """How."""
    previous: Annotated[Certificate | None, when(lambda known: known.round > 1)]
    """Certificate of the round before, for members that did not begin this one; None before the
    first."""
    votes: Votes = ()
    """Of members that have signed this outcome already: f + 1 of them are due where the round
    closed, for members that did not answer."""


@dataclass(frozen=True, slots=True)
class VoteReply(CommitteeMessage):
    """A member's vote: its signature under the outcome."""

    KIND: ClassVar[int] = 12
    member: U32
    outcome: Outcome
    vote: Signature


@dataclass(frozen=True, slots=True)
class UploadedWords(Record):
    """An upload of a closed set, without what only members could open."""

    participant: U32
    """Whose it is."""
    header: UploadHeader
    """What members have reviewed and certified by its digest."""
    words: Annotated[
        bytes, sized_bytes(lambda known: most_payload_bytes(known.charter.session))
    ] = field(repr=False)
    """The words, and all behind them."""


@dataclass(frozen=True, slots=True)
class CheckRequest(CommitteeMessage):
    """A round has closed under a blind committee: add up its uploads and compare.

    Participants know the secret of the tags. One of them and the server could shift a sum before
    everybody else opens it; members see to it that there is no other sum than that of the uploads.
    """

    KIND: ClassVar[int] = 17
    outcome: Outcome
    """How the round closed."""
    votes: Votes
    """Of at least t members: nobody can ask for the words of another set."""
    uploads: Annotated[tuple[SetEntry, ...], many(participants)]
    """The set by ascending participant."""
    first: U32
    """How many of these came with earlier messages."""
    words: Annotated[tuple[UploadedWords, ...], many(participants)]
    """The next of them."""


@dataclass(frozen=True, slots=True)
class CheckReply(CommitteeMessage):
    """A member has added up so far; once it has added all, it says to which sum."""

    KIND: ClassVar[int] = 18
    member: U32
    """Who has."""
    sum: Digest
    """Merkle root of the sum; zeros while uploads are missing."""
    signature: Annotated[Signature | None, when(lambda known: known.sum != NOTHING)] = None
    """The member's, under outcome and sum."""


@dataclass(frozen=True, slots=True)
class Refusal(CommitteeMessage):
    """A member does not answer, and says why."""

    KIND: ClassVar[int] = 13
    member: U32
    reason: Annotated[str, text(MOST_REASON_BYTES)]


@dataclass(frozen=True, slots=True)
class EarlyKeyRequest(CommitteeMessage):
    """A round is to begin before long: show the key that you are going to make for it.

    It saves a journey where messages are slow. The key counts for nothing until the `KeyRequest`
    of the round, with the certificate of the round before, has reached the member.
    """

    KIND: ClassVar[int] = 14


def answer_statement(
    member: int, outcome: Outcome, share: bytes, charter: Charter
) -> tuple[bytes, ...]:
    """Return what a member signs with its answer."""
    return (*outcome.statement(charter), u32(member), share)


def _complaint(
    round_number: int, member: int, complaints: tuple[int, ...], charter: Charter
) -> tuple[bytes, ...]:
    listed = b"".join(map(u32, complaints))
    return (charter.digest, u32(round_number), u32(member), listed)


def _check_member(
    member: int, signature: bytes, charter: Charter, label: str, *statement: bytes
) -> None:
    if member >= charter.terms.members:
        raise MessageError(f"member {member} is unknown")
    check_signature(charter.member_keys[member], signature, label, *statement)
