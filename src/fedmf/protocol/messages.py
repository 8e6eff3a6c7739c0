"""The messages of every round, as frozen values, and the frame that all messages travel in.

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
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from fedmf.errors import MessageError
from fedmf.protocol.session import Session
from fedmf.protocol.table import Int64Array
from fedmf.protocol.wire import (
    BodyReader,
    Declared,
    FieldForm,
    Given,
    Known,
    Rest,
    ascending_to_bytes,
    fixed,
    times,
    u32,
)

if TYPE_CHECKING:
    from fedmf.protocol.enrolment.charter import Charter

MAGIC, VERSION = b"FDMF", 1
HEADER = struct.Struct("<4sBB32sIQ")
CHECKSUM_BYTES = 32
COVERED_UNDER_A_COMMITTEE = 2**16
FRAME_BYTES = HEADER.size + CHECKSUM_BYTES
Nonce = Annotated[bytes, fixed(lambda known: known.session.nonce_bytes)]


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
    return COVERED_UNDER_A_COMMITTEE if session.traits.has_committee else 2**62


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


@dataclass(frozen=True, slots=True)
class SessionMessage(Declared):
    """Base of the messages: a frame around the declared fields."""

    KIND: ClassVar[int]
    round: Given[int]

    def to_bytes(self, session: Session) -> bytes:
        """Return the message as bytes of this session."""
        return frame(session, self.KIND, self.round, *self.pieces())

    @classmethod
    def from_bytes(cls, data: bytes, session: Session) -> Self:
        """Read a message of this session; raise MessageError if `data` is not one."""
        round_number, body = unframe(data, session, cls.KIND)
        return cls.read_all(body, session=session, round=round_number)


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


@dataclass(frozen=True, slots=True)
class TableMessage(SessionMessage):
    """Server to everybody: the protected table at the start of a round, or after the last one."""

    KIND: ClassVar[int] = 1
    payload: Rest = field(repr=False)


def _check_participant(number: int, known: Known) -> None:
    if number >= known.session.participants:
        raise MessageError(
            f"participant {number} is unknown: there are {known.session.participants}"
        )


def _read_participant(body: BodyReader, known: Known) -> int:
    number = body.number()
    _check_participant(number, known)
    return number


def _write_rows(rows: Sequence[Int64Array] | None) -> bytes:
    parts = [u32(len(listed)) + listed.astype("<u4").tobytes() for listed in rows or ()]
    return b"".join(parts)


def _read_rows(body: BodyReader, known: Known) -> list[Int64Array] | None:
    if known.session.upload != "part":
        return None
    rows = []
    for group in known.session.shape.groups:
        listed = body.ascending(at_most=group.rows)
        if len(listed) and listed[-1] >= group.rows:
            raise MessageError(f"row {listed[-1]} of group {group.name!r} does not exist")
        rows.append(listed)
    return rows


@dataclass(frozen=True, slots=True)
class UploadMessage(SessionMessage):
    """Participant to server: the protected change of one participant in one round."""

    KIND: ClassVar[int] = 2
    participant: Annotated[int, FieldForm(u32, _read_participant)]
    nonce: Nonce
    """As many bytes as the session says; see `fedmf.protocol.halves.Protected`."""
    rows: Annotated[Sequence[Int64Array] | None, FieldForm(_write_rows, _read_rows)]
    """With ``upload="part"`` the row numbers whose changes the payload holds, ascending, an int64
    array for each group. With ``upload="full"`` None: the payload holds all rows."""
    payload: Rest = field(repr=False)


def _read_included(body: BodyReader, known: Known) -> tuple[int, ...]:
    listed = body.ascending(at_most=known.session.participants).tolist()
    for participant in listed[-1:]:
        _check_participant(participant, known)
    return tuple(listed)


def _read_proof(body: BodyReader, known: Known) -> bytes:
    if not known.session.traits.has_committee:
        body.end()
    return body.rest()


def _nonces(known: Known) -> int:
    return len(known.included) if known.session.nonce_bytes else 0


@dataclass(frozen=True, slots=True)
class ClosingMessage(SessionMessage):
    """Server to everybody: whose uploads the round includes."""

    KIND: ClassVar[int] = 3
    included: Annotated[tuple[int, ...], FieldForm(ascending_to_bytes, _read_included)]
    """Participant ids, ascending."""
    nonces: Annotated[tuple[Nonce, ...], times(_nonces)] = ()
    """The nonces of their uploads, in the same order; empty in sessions without nonces."""
    proof: Annotated[bytes, FieldForm(bytes, _read_proof)] = field(default=b"", repr=False)
    """What a committee adds: see `fedmf.protocol.committee.closing`."""

    def counts(self, session: Session) -> bool:
        """Return whether the round counts as one of the session's: it was not void."""
        return len(self.included) > 0 or not session.traits.has_committee
