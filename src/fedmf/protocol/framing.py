"""How messages become bytes: a frame around a body, and a reader of bodies.

All integers are unsigned and little-endian::

    offset  bytes  field
    0       4      "FDMF"
    4       1      version of the wire format, 1
    5       1      kind of the message
    6       32     digest of the session
    38      4      round, from 1
    42      8      length of the body
    50      …      body
    50 + …  32     SHA-256 of header and body; under a committee, of the body's first 65,536 bytes

The SHA-256 finds accidents, not adversaries. ``docs/reference/wire-format.md`` describes the
bodies and the payloads of every protection.
"""

from __future__ import annotations

import hashlib
import struct

import numpy as np

from fedmf.errors import MessageError
from fedmf.protocol.protection import protection_named
from fedmf.protocol.session import Session
from fedmf.protocol.table import Int64Array

MAGIC, VERSION = b"FDMF", 1
HEADER = struct.Struct("<4sBB32sIQ")
CHECKSUM_BYTES = 32
COVERED_UNDER_A_COMMITTEE = 2**16
FRAME_BYTES = HEADER.size + CHECKSUM_BYTES
_U32 = struct.Struct("<I")


def frame(session: Session, kind: int, round_number: int, *body: bytes) -> bytes:
    """Return a message as bytes of this session; its body in parts, which are copied once."""
    length = sum(map(len, body))
    header = HEADER.pack(MAGIC, VERSION, kind, session.digest, round_number, length)
    checksum, left = hashlib.sha256(header), _covered_bytes(session)
    for part in body:
        checksum.update(memoryview(part)[:left])
        left = max(0, left - len(part))
    return b"".join([header, *body, checksum.digest()])


def _covered_bytes(session: Session) -> int:
    """Return how much of a body the checksum covers at most.

    Under a committee what is larger than this are words, under digests that participants sign and
    tags that they check: hashing them once more would be half of the server's work.
    """
    has_committee = protection_named(session.protection).has_committee
    return COVERED_UNDER_A_COMMITTEE if has_committee else 2**62


def kind_of(data: bytes) -> int:
    """Return the kind that a message says it is of; `unframe` checks the rest.

    Raises
    ------
    MessageError
        Too short for a message.
    """
    if len(data) < FRAME_BYTES:
        raise MessageError(f"a message has at least {FRAME_BYTES} bytes, this has {len(data)}")
    return data[5]


def unframe(data: bytes, session: Session, kind: int) -> tuple[int, memoryview]:
    """Return round and body of a message of this session and kind; the body is not copied.

    Raises
    ------
    MessageError
        Damaged, of another session, of another kind, or of a round that cannot be.
    """
    found_kind = kind_of(data)
    magic, version, _, digest, round_number, length = HEADER.unpack_from(data)
    if magic != MAGIC or version != VERSION:
        raise MessageError(f"not a message of wire format {VERSION}")
    if len(data) != FRAME_BYTES + length:
        raise MessageError(
            f"the header says {length} bytes of body, {len(data) - FRAME_BYTES} are here"
        )
    covered = min(length, _covered_bytes(session))
    found = hashlib.sha256(memoryview(data)[: HEADER.size + covered]).digest()
    if found != data[-CHECKSUM_BYTES:]:
        raise MessageError("the message was damaged on its way: its SHA-256 does not match")
    if digest != session.digest:
        raise MessageError("the message belongs to another session or to other parameters")
    if found_kind != kind:
        raise MessageError(f"a message of kind {found_kind} where kind {kind} is due")
    if not 1 <= round_number <= session.last_round + 1:
        raise MessageError(f"round {round_number} in a session of {session.rounds}")
    return round_number, memoryview(data)[HEADER.size : -CHECKSUM_BYTES]


def u32(value: int) -> bytes:
    """Return a number as four bytes."""
    return _U32.pack(value)


def sized(data: bytes) -> bytes:
    """Return bytes behind their length."""
    return _U32.pack(len(data)) + data


class BodyReader:
    """Reads a body from front to back; complains where it is not what is due.

    Parameters
    ----------
    body
        The bytes.
    """

    def __init__(self, body: bytes | memoryview) -> None:
        self._body = memoryview(body)

    def number(self) -> int:
        """Return the next number of four bytes."""
        return int(_U32.unpack(self.take(_U32.size))[0])

    def take(self, length: int) -> bytes:
        """Return the next bytes, this many."""
        if self.left < length:
            raise MessageError("the body of the message ends too early")
        taken, self._body = bytes(self._body[:length]), self._body[length:]
        return taken

    def sized(self, *, at_most: int) -> bytes:
        """Return bytes that stand behind their length."""
        length = self.number()
        if length > at_most:
            raise MessageError(f"a part of {length} bytes where at most {at_most} are possible")
        return self.take(length)

    def count(self, *, at_most: int) -> int:
        """Return the length of a list."""
        count = self.number()
        if count > at_most:
            raise MessageError(f"a list of {count} numbers where at most {at_most} are possible")
        return count

    def ascending(self, *, at_most: int) -> Int64Array:
        """Return a list of ascending numbers."""
        count = self.count(at_most=at_most)
        listed = np.frombuffer(self.take(count * _U32.size), dtype="<u4").astype(np.int64)
        if np.any(np.diff(listed) <= 0):
            raise MessageError("the numbers of a list must ascend")
        return listed

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return len(self._body)

    def rest(self) -> bytes:
        """Return what is left."""
        return self.take(self.left)

    def end(self) -> None:
        """Complain if anything is left."""
        if self.left:
            raise MessageError(f"{self.left} bytes too many at the end of the message")
