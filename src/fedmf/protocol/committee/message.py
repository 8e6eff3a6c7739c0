"""What all messages under a committee are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from fedmf.protocol.framing import frame, unframe
from fedmf.protocol.wire import Declared, Given

if TYPE_CHECKING:
    from fedmf.protocol.enrolment.charter import Charter


@dataclass(frozen=True, slots=True)
class CommitteeMessage(Declared):
    """Base of the messages: a frame around the declared fields."""

    KIND: ClassVar[int]
    round: Given[int]

    def to_bytes(self, charter: Charter) -> bytes:
        """Return the message as bytes of the charter's session."""
        return frame(charter.session, self.KIND, self.round, *self.pieces())

    @classmethod
    def from_bytes(cls, data: bytes, charter: Charter) -> Self:
        """Read a message of this session; raise MessageError if `data` is not one."""
        round_number, body = unframe(data, charter.session, cls.KIND)
        return cls.read_all(body, charter=charter, round=round_number)
