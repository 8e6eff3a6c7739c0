"""The messages of every round, as frozen values: the table, uploads, and the closing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Self

from fedmf.errors import MessageError
from fedmf.protocol.framing import BodyReader, frame, u32, unframe
from fedmf.protocol.protection import protection_named
from fedmf.protocol.session import Session
from fedmf.protocol.table import Int64Array
from fedmf.protocol.wire import (
    Declared,
    FieldForm,
    Given,
    Known,
    Rest,
    ascending_to_bytes,
    fixed,
    times,
)

Nonce = Annotated[bytes, fixed(lambda known: known.session.nonce_bytes)]


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
    if not protection_named(known.session.protection).has_committee:
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
        has_committee = protection_named(session.protection).has_committee
        return len(self.included) > 0 or not has_committee
