"""What the server hands out between rounds under a committee: the table in one of four forms.

======== ======================= ==============================================================
form     who makes it            what it holds
======== ======================= ==============================================================
START    everybody               nothing: the public start table
SUM      the blind server        the sum of a round's words, for those who hold the table before
COPY     a participant           the table, sealed to the reader key, for those who come late
PLAIN    the server that opens   the table, in plain words
======== ======================= ==============================================================
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from fedmf.errors import MessageError
from fedmf.protocol.framing import BodyReader, u32


class Form(enum.IntEnum):
    """The form of a table payload."""

    START = 0
    SUM = 1
    COPY = 2
    PLAIN = 3


@dataclass(frozen=True, slots=True)
class TablePayload:
    """A table on its way to participants.

    Parameters
    ----------
    form
        What the content is.
    round
        The last round that the table includes; 0 for the start.
    content
        As the form says.
    """

    form: Form
    round: int
    content: bytes = field(default=b"", repr=False)

    def to_bytes(self) -> bytes:
        """Return the payload as bytes."""
        return bytes([self.form]) + u32(self.round) + self.content

    @classmethod
    def from_bytes(cls, data: bytes) -> TablePayload:
        """Read a payload; raise MessageError if `data` is not one."""
        reader = BodyReader(data)
        form = reader.take(1)[0]
        if form not in list(Form):
            raise MessageError(f"a table in form {form}, which does not exist")
        payload = cls(Form(form), reader.number(), reader.rest())
        if form == Form.START and (payload.round or payload.content):
            raise MessageError("a start table that includes rounds")
        return payload
