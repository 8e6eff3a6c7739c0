"""What the server knows of the round under way, and what of it survives a crash."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

from fedmf.errors import MessageError
from fedmf.protocol.committee.opening import OpeningMessage, RoundKey
from fedmf.protocol.committee.upload import Nonce, SignedHead
from fedmf.protocol.enrolment.charter import participants
from fedmf.protocol.wire import U32, Digest, Record, Rest, many

if TYPE_CHECKING:
    from fedmf.protocol.committee.exchange import AnswerReply
    from fedmf.protocol.enrolment.votes import MemberSignature


class Stage(enum.Enum):
    """How far the round is; each stage that ends in ASKED waits for members."""

    BETWEEN = enum.auto()
    KEYS = enum.auto()
    KEYS_ASKED = enum.auto()
    READY = enum.auto()
    UPLOADS = enum.auto()
    REVIEW = enum.auto()
    REVIEW_ASKED = enum.auto()
    FROZEN = enum.auto()
    ANSWERS = enum.auto()
    ANSWERS_ASKED = enum.auto()
    CLOSING_VOTES_ASKED = enum.auto()
    CLOSED = enum.auto()
    VOIDING = enum.auto()
    VOIDING_ASKED = enum.auto()
    VOID = enum.auto()


ANSWERS_WELCOME = (Stage.ANSWERS_ASKED, Stage.CLOSING_VOTES_ASKED)
VOTES_ASKED = (Stage.CLOSING_VOTES_ASKED, Stage.VOIDING_ASKED)


@dataclass(frozen=True, slots=True)
class ReceivedUpload:
    """What the server keeps of an upload besides adding its words."""

    table: bytes
    signed: SignedHead
    envelopes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Included(Record):
    """An upload of the frozen set."""

    participant: U32
    digest: Digest
    nonce: Nonce


@dataclass(frozen=True, slots=True)
class FrozenRound(Record):
    """A frozen round, for whoever goes on after a crash."""

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

    keys: dict[int, RoundKey] = field(default_factory=dict)
    """The members' keys of the round."""
    opening: OpeningMessage | None = None
    """How it was opened; None before."""
    uploads: dict[int, ReceivedUpload] = field(default_factory=dict)
    """What was received, by participant."""
    contexts: dict[bytes, bytes] = field(default_factory=dict)
    """The round's context, by digest of the table that it would be of."""
    table: bytes = b""
    """Digest of the table that most uploads worked on."""
    reviewers: set[int] = field(default_factory=set)
    complaints: dict[int, tuple[int, ...]] = field(default_factory=dict)
    """Members that have reviewed the uploads, and about whose they complained."""
    included: dict[int, Included] = field(default_factory=dict)
    """The frozen set, by participant."""
    asked_twice: bool = False
    """Whether members were asked for answers a second time."""
    answers: dict[int, AnswerReply] = field(default_factory=dict)
    votes: dict[int, MemberSignature] = field(default_factory=dict)
    refusals: dict[int, str] = field(default_factory=dict)
    """What members have answered, signed and refused."""

    @property
    def opened(self) -> OpeningMessage:
        """How the round was opened, once it was."""
        assert self.opening is not None  # noqa: S101 - stages come in order
        return self.opening

    def frozen(self, words: bytes) -> FrozenRound:
        """Return what goes on after a crash, with the sum of the round's words."""
        included = tuple(self.included[participant] for participant in sorted(self.included))
        return FrozenRound(self.opened, self.table, included, words)

    @classmethod
    def of(cls, frozen: FrozenRound) -> ServerRound:
        """Return the round that was frozen."""
        keys = {key.member: key for key in frozen.opening.keys}
        included = {upload.participant: upload for upload in frozen.included}
        return cls(
            opening=frozen.opening,
            keys=keys,
            reviewers=set(keys),
            table=frozen.table,
            included=included,
        )
