"""What coordinator and silos say to each other: bundles of named parts, in the order to act on.

::

    offset  bytes  field
    0       4      "FDMS"
    4       1      version of this format, 1
    5       32     digest of the federation file
    37      4      number of the silo, unsigned, little-endian
    41      16     number of the exchange: random, and the same in the reply
    57      …      parts: length (u32), name in ASCII; length (u64), content

Inside the parts stand the messages of the protocol, which are checked by themselves: this envelope
adds nothing to their protection, and takes nothing away.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from fedmf.errors import FedmfError, MessageError
from fedmf.protocol.wire import (
    U32,
    BodyReader,
    Declared,
    Digest,
    FieldForm,
    Known,
    Record,
    fixed,
    sized,
)

MAGIC, VERSION = b"FDMS", 1
EXCHANGE_BYTES = 16
_LENGTH_BYTES = 8
_LEAST_BYTES = 5 + 32 + 4 + EXCHANGE_BYTES
MOST_NAME, MOST_REASON = 32, 2000


class Part(StrEnum):
    """What a part is; each is acted upon as it comes."""

    CLOSING = "closing"
    """To a silo: how a round ended, a `ClosingMessage`."""
    TABLE = "table"
    """To a silo: the table of a round, a `TableMessage`."""
    OPENING = "opening"
    """To a silo: how a round begins."""
    UPLOAD = "upload"
    """To a silo: take part, empty. To the coordinator: an `UploadMessage`."""
    MEMBER = "member"
    """To a silo: a message to the member of the committee. To the coordinator: its reply."""
    FINISH = "finish"
    """To a silo: the training is over, write the model. To the coordinator: it is written."""
    STANDING = "standing"
    """To the coordinator: how far the silo is, see `Standing`."""
    ERROR = "error"
    """To the coordinator: what was not done, and why."""


def _parts_to_bytes(parts: Sequence[tuple[str, bytes]]) -> bytes:
    pieces = []
    for name, content in parts:
        pieces += [sized(name.encode()), len(content).to_bytes(_LENGTH_BYTES, "little"), content]
    return b"".join(pieces)


def _read_parts(body: BodyReader, _: Known) -> tuple[tuple[str, bytes], ...]:
    parts = []
    while body.left:
        name = body.sized(at_most=MOST_NAME).decode("ascii", errors="replace")
        length = int.from_bytes(body.take(_LENGTH_BYTES), "little")
        parts.append((name, body.take(length)))
    return tuple(parts)


@dataclass(frozen=True, slots=True)
class Bundle(Declared):
    """A message, either way."""

    federation: Digest
    """Digest of the federation file, 32 bytes."""
    silo: U32
    """The silo that it is for, or from."""
    exchange: Annotated[bytes, fixed(EXCHANGE_BYTES)]
    """16 bytes that name the exchange."""
    parts: Annotated[Sequence[tuple[str, bytes]], FieldForm(_parts_to_bytes, _read_parts)]
    """Names and contents."""

    def all(self, name: Part) -> Iterator[bytes]:
        """Yield the contents of all parts of one name."""
        return (content for found, content in self.parts if found == name)

    def one(self, name: Part) -> bytes | None:
        """Return the content of the first part of a name; None if there is none."""
        return next(self.all(name), None)

    def to_bytes(self) -> bytes:
        """Return the message as bytes."""
        return b"".join([MAGIC, bytes([VERSION]), *self.pieces()])

    @classmethod
    def from_bytes(cls, data: bytes) -> Bundle:
        """Read a message.

        Raises
        ------
        MessageError
            It is none, or one of another version of fedmf.
        """
        if data[:4] != MAGIC or len(data) < _LEAST_BYTES:
            raise MessageError("not a message between a coordinator and a silo")
        if data[4] != VERSION:
            raise MessageError(
                f"the other side speaks version {data[4]} of the messages between coordinator and "
                f"silos, this side version {VERSION}: install the same version of fedmf on both"
            )
        return cls.read_all(memoryview(data)[5:])


@dataclass(frozen=True, slots=True)
class Standing(Record):
    """How far a silo is."""

    heard: U32 = 0
    """Rounds whose closings it has heard."""
    table: U32 = 0
    """The round whose table it has opened last; 0 before the first."""


def error_to_bytes(error: FedmfError) -> bytes:
    """Return what an error says as a part."""
    return json.dumps({"number": error.number, "reason": str(error)[:MOST_REASON]}).encode()


def error_from_bytes(data: bytes) -> str:
    """Return the reason in an error; bytes of any other form are shown as they are."""
    try:
        reason = json.loads(data)["reason"]
    except (ValueError, KeyError, TypeError, RecursionError):
        reason = data.decode(errors="replace")
    text = "".join(one if one.isprintable() else " " for one in str(reason))
    return text[:MOST_REASON]
