"""The three messages of a round, as frozen values and as bytes.

A message is a frame around a body; all integers are unsigned and little-endian::

    offset  bytes  field
    0       4      "FDMF"
    4       1      version of the wire format, 1
    5       1      kind: 1 table, 2 upload, 3 closing
    6       32     digest of the session
    38      4      round, from 1
    42      8      length of the body
    50      …      body
    50 + …  32     SHA-256 of all bytes before it

The SHA-256 finds accidents, not adversaries. ``docs/reference/wire-format.md`` describes the
bodies and the payloads of every protection.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from fedmf.errors import MessageError
from fedmf.protocol.session import Session
from fedmf.protocol.table import Int64Array

MAGIC, VERSION = b"FDMF", 1
HEADER = struct.Struct("<4sBB32sIQ")
CHECKSUM_BYTES = 32
FRAME_BYTES = HEADER.size + CHECKSUM_BYTES
_U32 = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class TableMessage:
    """Server to everybody: the protected table at the start of a round, or after the last one."""

    KIND: ClassVar[int] = 1
    round: int
    payload: bytes = field(repr=False)

    def to_bytes(self, session: Session) -> bytes:
        """Return the message as bytes of this session."""
        return _framed(session, self.KIND, self.round, self.payload)

    @classmethod
    def from_bytes(cls, data: bytes, session: Session) -> TableMessage:
        """Read a message of this session; raise MessageError if `data` is not one."""
        return cls(*_unframed(data, session, cls.KIND))


@dataclass(frozen=True, slots=True)
class UploadMessage:
    """Participant to server: the protected change of one participant in one round.

    Parameters
    ----------
    rows
        With ``upload="part"`` the row numbers whose changes the payload holds, ascending, an
        int64 array for each group. With ``upload="full"`` None: the payload holds all rows.
    nonce
        As many bytes as the session says; see `fedmf.protocol.protection.Protected`.
    """

    KIND: ClassVar[int] = 2
    round: int
    participant: int
    rows: Sequence[Int64Array] | None
    payload: bytes = field(repr=False)
    nonce: bytes = b""

    def to_bytes(self, session: Session) -> bytes:
        """Return the message as bytes of this session."""
        parts = [_U32.pack(self.participant), self.nonce]
        if self.rows is not None:
            for rows in self.rows:
                parts += [_U32.pack(len(rows)), rows.astype("<u4").tobytes()]
        return _framed(session, self.KIND, self.round, b"".join([*parts, self.payload]))

    @classmethod
    def from_bytes(cls, data: bytes, session: Session) -> UploadMessage:
        """Read a message of this session; raise MessageError if `data` is not one."""
        round_number, body = _unframed(data, session, cls.KIND)
        participant, rest = _number(body)
        if participant >= session.participants:
            raise MessageError(
                f"participant {participant} is unknown: there are {session.participants}"
            )
        nonce, rest = _bytes(rest, session.nonce_bytes)
        rows: list[Int64Array] | None = None
        if session.upload == "part":
            rows = []
            for group in session.shape.groups:
                listed, rest = _numbers(rest, at_most=group.rows)
                if len(listed) and listed[-1] >= group.rows:
                    raise MessageError(f"row {listed[-1]} of group {group.name!r} does not exist")
                rows.append(listed)
        return cls(round_number, participant, rows, rest, nonce)


@dataclass(frozen=True, slots=True)
class ClosingMessage:
    """Server to everybody: whose uploads the round includes.

    Parameters
    ----------
    included
        Participant ids, ascending.
    nonces
        The nonces of their uploads, in the same order; empty in sessions without nonces.
    """

    KIND: ClassVar[int] = 3
    round: int
    included: tuple[int, ...]
    nonces: tuple[bytes, ...] = ()

    def to_bytes(self, session: Session) -> bytes:
        """Return the message as bytes of this session."""
        listed = np.array(self.included, dtype="<u4")
        parts = [_U32.pack(len(listed)), listed.tobytes(), *self.nonces]
        return _framed(session, self.KIND, self.round, b"".join(parts))

    @classmethod
    def from_bytes(cls, data: bytes, session: Session) -> ClosingMessage:
        """Read a message of this session; raise MessageError if `data` is not one."""
        round_number, body = _unframed(data, session, cls.KIND)
        listed, rest = _numbers(body, at_most=session.participants)
        nonces = []
        for _ in range(len(listed) if session.nonce_bytes else 0):
            nonce, rest = _bytes(rest, session.nonce_bytes)
            nonces.append(nonce)
        if rest:
            raise MessageError(f"{len(rest)} bytes too many in the closing of a round")
        if len(listed) and listed[-1] >= session.participants:
            raise MessageError(
                f"participant {listed[-1]} is unknown: there are {session.participants}"
            )
        return cls(round_number, tuple(listed.tolist()), tuple(nonces))


def _framed(session: Session, kind: int, round_number: int, body: bytes) -> bytes:
    frame = HEADER.pack(MAGIC, VERSION, kind, session.digest, round_number, len(body)) + body
    return frame + hashlib.sha256(frame).digest()


def _unframed(data: bytes, session: Session, kind: int) -> tuple[int, bytes]:
    if len(data) < FRAME_BYTES:
        raise MessageError(f"a message has at least {FRAME_BYTES} bytes, this has {len(data)}")
    magic, version, found_kind, digest, round_number, length = HEADER.unpack_from(data)
    if magic != MAGIC or version != VERSION:
        raise MessageError(f"not a message of wire format {VERSION}")
    if len(data) != FRAME_BYTES + length:
        raise MessageError(
            f"the header says {length} bytes of body, {len(data) - FRAME_BYTES} are here"
        )
    if hashlib.sha256(memoryview(data)[:-CHECKSUM_BYTES]).digest() != data[-CHECKSUM_BYTES:]:
        raise MessageError("the message was damaged on its way: its SHA-256 does not match")
    if digest != session.digest:
        raise MessageError("the message belongs to another session or to other parameters")
    if found_kind != kind:
        raise MessageError(f"a message of kind {found_kind} where kind {kind} is due")
    # Round r + 1 exists for the table that closes the last round r.
    if not 1 <= round_number <= session.rounds + 1:
        raise MessageError(f"round {round_number} in a session of {session.rounds}")
    return round_number, data[HEADER.size : -CHECKSUM_BYTES]


def _number(body: bytes) -> tuple[int, bytes]:
    if len(body) < _U32.size:
        raise MessageError("the body of the message ends too early")
    return int(_U32.unpack_from(body)[0]), body[_U32.size :]


def _bytes(body: bytes, length: int) -> tuple[bytes, bytes]:
    if len(body) < length:
        raise MessageError("the body of the message ends too early")
    return body[:length], body[length:]


def _numbers(body: bytes, *, at_most: int) -> tuple[Int64Array, bytes]:
    count, rest = _number(body)
    if count > at_most:
        raise MessageError(f"a list of {count} numbers where at most {at_most} are possible")
    size = count * _U32.size
    if len(rest) < size:
        raise MessageError("the body of the message ends too early")
    listed = np.frombuffer(rest, dtype="<u4", count=count).astype(np.int64)
    if np.any(np.diff(listed) <= 0):
        raise MessageError("the numbers of a list must ascend")
    return listed, rest[size:]
