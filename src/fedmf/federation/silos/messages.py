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
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from fedmf.errors import FedmfError, MessageError

MAGIC, VERSION = b"FDMS", 1
EXCHANGE_BYTES = 16
_HEADER = struct.Struct(f"<4sB32sI{EXCHANGE_BYTES}s")
_NAME, _LENGTH = struct.Struct("<I"), struct.Struct("<Q")
_STANDING = struct.Struct("<II")
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


@dataclass(frozen=True, slots=True)
class Bundle:
    """A message, either way."""

    federation: bytes
    """Digest of the federation file, 32 bytes."""
    silo: int
    """The silo that it is for, or from."""
    exchange: bytes
    """16 bytes that name the exchange."""
    parts: Sequence[tuple[str, bytes]]
    """Names and contents."""

    def all(self, name: Part) -> Iterator[bytes]:
        """Yield the contents of all parts of one name."""
        return (content for found, content in self.parts if found == name)

    def one(self, name: Part) -> bytes | None:
        """Return the content of the first part of a name; None if there is none."""
        return next(self.all(name), None)

    def to_bytes(self) -> bytes:
        """Return the message as bytes."""
        pieces = [_HEADER.pack(MAGIC, VERSION, self.federation, self.silo, self.exchange)]
        for name, content in self.parts:
            pieces += [_NAME.pack(len(name)), name.encode(), _LENGTH.pack(len(content)), content]
        return b"".join(pieces)

    @classmethod
    def from_bytes(cls, data: bytes) -> Bundle:
        """Read a message.

        Raises
        ------
        MessageError
            It is none, or one of another version of fedmf.
        """
        if data[:4] != MAGIC or len(data) < _HEADER.size:
            raise MessageError("not a message between a coordinator and a silo")
        _, version, federation, silo, exchange = _HEADER.unpack_from(data)
        if version != VERSION:
            raise MessageError(
                f"the other side speaks version {version} of the messages between coordinator and "
                f"silos, this side version {VERSION}: install the same version of fedmf on both"
            )
        parts = []
        at = _HEADER.size
        while at < len(data):
            name, at = _sized(data, at, _NAME, MOST_NAME)
            content, at = _sized(data, at, _LENGTH, len(data))
            parts.append((name.decode("ascii", errors="replace"), content))
        return cls(federation, silo, exchange, tuple(parts))


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a silo is."""

    settled: int = 0
    """Rounds whose closings it has heard."""
    table: int = 0
    """The round whose table it has opened last; 0 before the first."""

    def to_bytes(self) -> bytes:
        """Return it as bytes."""
        return _STANDING.pack(self.settled, self.table)

    @classmethod
    def from_bytes(cls, data: bytes) -> Standing:
        """Read it; raise MessageError if `data` is none."""
        if len(data) != _STANDING.size:
            raise MessageError("a silo's standing is two numbers")
        return cls(*_STANDING.unpack(data))


def error_to_bytes(error: FedmfError) -> bytes:
    """Return what an error says as a part."""
    return json.dumps({"number": error.number, "reason": str(error)[:MOST_REASON]}).encode()


def error_from_bytes(data: bytes) -> str:
    """Return the reason in an error; whatever stands there is shown as it is."""
    try:
        reason = json.loads(data)["reason"]
    except (ValueError, KeyError, TypeError, RecursionError):
        reason = data.decode(errors="replace")
    text = "".join(one if one.isprintable() else " " for one in str(reason))
    return text[:MOST_REASON]


def _sized(data: bytes, at: int, length: struct.Struct, most: int) -> tuple[bytes, int]:
    start = at + length.size
    if start <= len(data):
        size = int(length.unpack_from(data, at)[0])
        if size <= most and start + size <= len(data):
            return data[start : start + size], start + size
    raise MessageError("a message between a coordinator and a silo that was cut short or damaged")
