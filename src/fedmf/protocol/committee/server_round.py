"""What the server knows of the round under way, and what of it survives a crash."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fedmf.errors import MessageError
from fedmf.protocol.committee.certificate import DIGEST_BYTES
from fedmf.protocol.committee.opening import OpeningMessage, RoundKey
from fedmf.protocol.committee.upload import NONCE_BYTES, SignedHead
from fedmf.protocol.framing import BodyReader, sized, u32

if TYPE_CHECKING:
    from fedmf.protocol.committee.charter import Charter
    from fedmf.protocol.committee.exchange import AnswerReply
    from fedmf.protocol.committee.votes import MemberSignature


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
class Included:
    """An upload of the frozen set."""

    digest: bytes
    nonce: bytes


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

    def frozen(self) -> bytes:
        """Return opening, table and frozen set as bytes, for whoever goes on after a crash."""
        parts = [sized(self.opened.body()), self.table, u32(len(self.included))]
        for participant in sorted(self.included):
            included = self.included[participant]
            parts += [u32(participant), included.digest, included.nonce]
        return b"".join(parts)

    @classmethod
    def read_frozen(cls, number: int, data: bytes, charter: Charter) -> tuple[ServerRound, bytes]:
        """Return the round that `frozen` returned, and the bytes behind it.

        The signatures under its opening are not checked here.

        Raises
        ------
        MessageError
            The bytes are damaged, or of another round.
        """
        reader = BodyReader(data)
        body = BodyReader(reader.sized(at_most=len(data)))
        opening = OpeningMessage.read(number, body, charter)
        body.end("the opening of a frozen round")
        keys = {key.member: key for key in opening.keys}
        restored = cls(opening=opening, keys=keys, reviewers=set(keys))
        restored.table = reader.take(DIGEST_BYTES)
        listed = [
            (reader.number(), Included(reader.take(DIGEST_BYTES), reader.take(NONCE_BYTES)))
            for _ in range(reader.count(at_most=charter.session.participants))
        ]
        restored.included = dict(listed)
        if [participant for participant, _ in listed] != sorted(restored.included):
            raise MessageError("the participants of a frozen round must ascend")
        return restored, reader.rest()
