"""What all messages under a committee are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from fedmf.crypto.labels import HASH_BYTES
from fedmf.crypto.signatures import SIGNATURE_BYTES
from fedmf.protocol.framing import frame, unframe
from fedmf.protocol.wire import Declared, Given, Known, fixed

if TYPE_CHECKING:
    from fedmf.protocol.committee.charter import Charter

Digest = Annotated[bytes, fixed(HASH_BYTES)]
Signature = Annotated[bytes, fixed(SIGNATURE_BYTES)]


def members(known: Known) -> int:
    """Return how many members there are."""
    count: int = known.charter.terms.members
    return count


def participants(known: Known) -> int:
    """Return how many participants the session has room for."""
    count: int = known.charter.session.participants
    return count


@dataclass(frozen=True, slots=True)
class CommitteeMessage(Declared):
    """Base of the messages: a frame around the declared fields."""

    KIND: ClassVar[int]
    round: Given[int]

    def to_bytes(self, charter: Charter) -> bytes:
        """Return the message as bytes of the charter's session."""
        return frame(charter.session, self.KIND, self.round, *self.parts())

    @classmethod
    def from_bytes(cls, data: bytes, charter: Charter) -> Self:
        """Read a message of this session; raise MessageError if `data` is not one."""
        round_number, body = unframe(data, charter.session, cls.KIND)
        return cls.read_all(body, charter=charter, round=round_number)
