"""What the server and the members of the committee say to each other in a round.

============ ================== ==========================================================
direction    message            answer
============ ================== ==========================================================
to a member  `KeyRequest`       `KeyReply`: the member's key for this round alone
to a member  `ReviewRequest`    `ReviewReply`: whom the member complains about
to a member  `AnswerRequest`    `AnswerReply`: its share of the sum over one set of uploads
to a member  `VoteRequest`      `VoteReply`: its signature under an outcome
to a member  `EarlyKeyRequest`  `KeyReply`: the key that it is going to make for a round
============ ================== ==========================================================

Instead of any answer a member may send a `Refusal` that says why.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Self

from fedmf.crypto.share_sum import subset_bytes
from fedmf.crypto.signatures import SIGNATURE_BYTES, SigningKey, check_signature
from fedmf.errors import MessageError
from fedmf.protocol.committee.certificate import DIGEST_BYTES, Certificate, Outcome
from fedmf.protocol.committee.opening import OpeningMessage, RoundKey
from fedmf.protocol.committee.sum_opening import committee_pads
from fedmf.protocol.committee.upload import MOST_ENVELOPE_BYTES, SignedHead
from fedmf.protocol.framing import BodyReader, frame, sized, u32, unframe

if TYPE_CHECKING:
    from fedmf.protocol.committee.charter import Charter

MOST_REASON_BYTES = 1000
ANSWER_LABEL = "answer"
COMPLAINT_LABEL = "complaints"


@dataclass(frozen=True, slots=True)
class MemberMessage(ABC):
    """Base of the messages: a frame around a body that each kind writes and reads itself."""

    KIND: ClassVar[int]
    round: int

    def to_bytes(self, charter: Charter) -> bytes:
        """Return the message as bytes of the charter's session."""
        return frame(charter.session, self.KIND, self.round, self._body())

    @classmethod
    def from_bytes(cls, data: bytes, charter: Charter) -> Self:
        """Read a message of this session; raise MessageError if `data` is not one."""
        round_number, body = unframe(data, charter.session, cls.KIND)
        reader = BodyReader(body)
        message = cls._read(round_number, reader, charter)
        reader.end("a message between server and committee")
        return message

    @abstractmethod
    def _body(self) -> bytes:
        """Return the message without its frame."""

    @classmethod
    @abstractmethod
    def _read(cls, round_number: int, reader: BodyReader, charter: Charter) -> Self:
        """Read the message without its frame."""


@dataclass(frozen=True, slots=True)
class KeyRequest(MemberMessage):
    """A round is to begin; here is how the one before ended."""

    KIND: ClassVar[int] = 5
    previous: Certificate | None
    """Certificate of the round before; None before the first."""

    def _body(self) -> bytes:
        return b"" if self.previous is None else self.previous.to_bytes()

    @classmethod
    def _read(cls, round_number: int, reader: BodyReader, charter: Charter) -> Self:
        if round_number == 1:
            return cls(round_number, None)
        return cls(round_number, Certificate.read(reader, charter))


@dataclass(frozen=True, slots=True)
class KeyReply(MemberMessage):
    """A member's key for the round."""

    KIND: ClassVar[int] = 6
    key: RoundKey

    def _body(self) -> bytes:
        return self.key.to_bytes()

    @classmethod
    def _read(cls, round_number: int, reader: BodyReader, charter: Charter) -> Self:
        del charter
        return cls(round_number, RoundKey.read(reader))


@dataclass(frozen=True, slots=True)
class ReviewEntry:
    """One upload as a member gets to see it."""

    signed: SignedHead
    """The head and what goes with it."""
    envelope: bytes
    """The one for this member."""


@dataclass(frozen=True, slots=True)
class ReviewRequest(MemberMessage):
    """The uploads of a round, for one member to check."""

    KIND: ClassVar[int] = 7
    opening: OpeningMessage
    """How the round began."""
    table: bytes
    """Digest of the table that participants say they worked on."""
    entries: tuple[ReviewEntry, ...]
    """The uploads, by ascending participant."""

    def _body(self) -> bytes:
        parts = [self.opening.body(), self.table, u32(len(self.entries))]
        for entry in self.entries:
            parts += [
                u32(entry.signed.head.participant),
                entry.signed.to_bytes(),
                sized(entry.envelope),
            ]
        return b"".join(parts)

    @classmethod
    def _read(cls, round_number: int, reader: BodyReader, charter: Charter) -> Self:
        opening = OpeningMessage.read(round_number, reader, charter)
        table = reader.take(DIGEST_BYTES)
        entries = []
        for _ in range(reader.count(at_most=charter.session.participants)):
            signed = SignedHead.read(reader, reader.number(), len(opening.keys), charter)
            entries.append(ReviewEntry(signed, reader.sized(at_most=MOST_ENVELOPE_BYTES)))
        return cls(round_number, opening, table, tuple(entries))


@dataclass(frozen=True, slots=True)
class ReviewReply(MemberMessage):
    """Whom a member complains about: uploads that it cannot answer for."""

    KIND: ClassVar[int] = 8
    member: int
    """Who complains."""
    complaints: tuple[int, ...]
    """Participants, ascending."""
    signature: bytes
    """The member's, 64 bytes: whoever complains stands by it."""

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

    def _body(self) -> bytes:
        listed = b"".join(map(u32, self.complaints))
        return u32(self.member) + u32(len(self.complaints)) + listed + self.signature

    @classmethod
    def _read(cls, round_number: int, reader: BodyReader, charter: Charter) -> Self:
        member = reader.number()
        complaints = reader.ascending(at_most=charter.session.participants)
        return cls(round_number, member, tuple(complaints.tolist()), reader.take(SIGNATURE_BYTES))


@dataclass(frozen=True, slots=True)
class AnswerRequest(MemberMessage):
    """The set of uploads whose sum is to be opened, after all complaints."""

    KIND: ClassVar[int] = 9
    included: tuple[int, ...]
    """Participants, ascending."""
    outcome: Outcome
    """The round, closed with this set, as the server computes it: a member that would sign anything
    else refuses, so that nobody answers for two sets."""

    def _body(self) -> bytes:
        listed = b"".join(map(u32, self.included))
        return u32(len(self.included)) + listed + self.outcome.to_bytes()

    @classmethod
    def _read(cls, round_number: int, reader: BodyReader, charter: Charter) -> Self:
        included = reader.ascending(at_most=charter.session.participants)
        return cls(round_number, tuple(included.tolist()), Outcome.read(reader))


@dataclass(frozen=True, slots=True)
class AnswerReply(MemberMessage):
    """A member's share of the sum of a set of uploads, keys and pads, and its vote for it."""

    KIND: ClassVar[int] = 10
    member: int
    """Who answers."""
    outcome: Outcome
    """The round, closed with this set."""
    share: bytes = field(repr=False)
    """The share as bytes; sealed to the participants' reader key under a blind committee."""
    signature: bytes
    """The member's, under outcome and share."""
    vote: bytes
    """The member's signature under the outcome alone."""

    def check(self, charter: Charter) -> None:
        """Raise MessageError unless the member itself says so."""
        statement = answer_statement(self.member, self.outcome, self.share, charter)
        _check_member(self.member, self.signature, charter, ANSWER_LABEL, *statement)

    def body(self) -> bytes:
        """Return the message without its frame."""
        return b"".join(
            [
                u32(self.member),
                self.outcome.to_bytes(),
                sized(self.share),
                self.signature,
                self.vote,
            ]
        )

    def _body(self) -> bytes:
        return self.body()

    @classmethod
    def read(cls, round_number: int, reader: BodyReader, charter: Charter) -> Self:
        """Read the message without its frame."""
        member, outcome = reader.number(), Outcome.read(reader)
        share = reader.sized(at_most=most_share_bytes(charter))
        return cls(
            round_number,
            member,
            outcome,
            share,
            reader.take(SIGNATURE_BYTES),
            reader.take(SIGNATURE_BYTES),
        )

    @classmethod
    def _read(cls, round_number: int, reader: BodyReader, charter: Charter) -> Self:
        return cls.read(round_number, reader, charter)


@dataclass(frozen=True, slots=True)
class VoteRequest(MemberMessage):
    """A round has to end: as closed with a set that others have answered for, or as void."""

    KIND: ClassVar[int] = 11
    outcome: Outcome

    def _body(self) -> bytes:
        return self.outcome.to_bytes()

    @classmethod
    def _read(cls, round_number: int, reader: BodyReader, charter: Charter) -> Self:
        del charter
        return cls(round_number, Outcome.read(reader))


@dataclass(frozen=True, slots=True)
class VoteReply(MemberMessage):
    """A member's vote: its signature under the outcome."""

    KIND: ClassVar[int] = 12
    member: int
    outcome: Outcome
    vote: bytes

    def _body(self) -> bytes:
        return u32(self.member) + self.outcome.to_bytes() + self.vote

    @classmethod
    def _read(cls, round_number: int, reader: BodyReader, charter: Charter) -> Self:
        del charter
        return cls(
            round_number, reader.number(), Outcome.read(reader), reader.take(SIGNATURE_BYTES)
        )


@dataclass(frozen=True, slots=True)
class Refusal(MemberMessage):
    """A member does not answer, and says why."""

    KIND: ClassVar[int] = 13
    member: int
    reason: str

    def _body(self) -> bytes:
        return u32(self.member) + sized(self.reason.encode()[:MOST_REASON_BYTES])

    @classmethod
    def _read(cls, round_number: int, reader: BodyReader, charter: Charter) -> Self:
        del charter
        member = reader.number()
        reason = reader.sized(at_most=MOST_REASON_BYTES).decode(errors="replace")
        return cls(round_number, member, reason)


@dataclass(frozen=True, slots=True)
class EarlyKeyRequest(MemberMessage):
    """A round is to begin before long: show the key that you are going to make for it.

    It saves a journey where messages are slow. The key counts for nothing until the `KeyRequest`
    of the round, with the certificate of the round before, has reached the member.
    """

    KIND: ClassVar[int] = 14

    def _body(self) -> bytes:
        return b""

    @classmethod
    def _read(cls, round_number: int, reader: BodyReader, charter: Charter) -> Self:
        del reader, charter
        return cls(round_number)


def most_share_bytes(charter: Charter) -> int:
    """Return the size of the largest share, sealed or not."""
    sharing = charter.terms.sharing
    subsets = max(len(sharing.held_by(member)) for member in range(charter.terms.members))
    pads = committee_pads(charter.session)
    return subset_bytes(pads) * subsets + MOST_ENVELOPE_BYTES


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
