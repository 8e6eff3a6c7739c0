"""The messages of every round, as frozen values: the table, uploads, and the closing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from fedmf.errors import MessageError
from fedmf.protocol.framing import BodyReader, frame, u32, unframe
from fedmf.protocol.session import Session
from fedmf.protocol.table import Int64Array


@dataclass(frozen=True, slots=True)
class TableMessage:
    """Server to everybody: the protected table at the start of a round, or after the last one."""

    KIND: ClassVar[int] = 1
    round: int
    payload: bytes = field(repr=False)

    def to_bytes(self, session: Session) -> bytes:
        """Return the message as bytes of this session."""
        return frame(session, self.KIND, self.round, self.payload)

    @classmethod
    def from_bytes(cls, data: bytes, session: Session) -> TableMessage:
        """Read a message of this session; raise MessageError if `data` is not one."""
        round_number, body = unframe(data, session, cls.KIND)
        return cls(round_number, bytes(body))


@dataclass(frozen=True, slots=True)
class UploadMessage:
    """Participant to server: the protected change of one participant in one round."""

    KIND: ClassVar[int] = 2
    round: int
    participant: int
    rows: Sequence[Int64Array] | None
    """With ``upload="part"`` the row numbers whose changes the payload holds, ascending, an int64
    array for each group. With ``upload="full"`` None: the payload holds all rows."""
    payload: bytes = field(repr=False)
    nonce: bytes = b""
    """As many bytes as the session says; see `fedmf.protocol.protection.Protected`."""

    def to_bytes(self, session: Session) -> bytes:
        """Return the message as bytes of this session."""
        parts = [u32(self.participant), self.nonce]
        if self.rows is not None:
            for rows in self.rows:
                parts += [u32(len(rows)), rows.astype("<u4").tobytes()]
        return frame(session, self.KIND, self.round, b"".join(parts), self.payload)

    @classmethod
    def from_bytes(cls, data: bytes, session: Session) -> UploadMessage:
        """Read a message of this session; raise MessageError if `data` is not one."""
        round_number, body = unframe(data, session, cls.KIND)
        reader = BodyReader(body)
        participant = reader.number()
        if participant >= session.participants:
            raise MessageError(
                f"participant {participant} is unknown: there are {session.participants}"
            )
        nonce = reader.take(session.nonce_bytes)
        rows: list[Int64Array] | None = None
        if session.upload == "part":
            rows = []
            for group in session.shape.groups:
                listed = reader.ascending(at_most=group.rows)
                if len(listed) and listed[-1] >= group.rows:
                    raise MessageError(f"row {listed[-1]} of group {group.name!r} does not exist")
                rows.append(listed)
        return cls(round_number, participant, rows, reader.rest(), nonce)


@dataclass(frozen=True, slots=True)
class ClosingMessage:
    """Server to everybody: whose uploads the round includes."""

    KIND: ClassVar[int] = 3
    round: int
    included: tuple[int, ...]
    """Participant ids, ascending."""
    nonces: tuple[bytes, ...] = ()
    """The nonces of their uploads, in the same order; empty in sessions without nonces."""
    proof: bytes = field(default=b"", repr=False)
    """What a committee adds: see `fedmf.protocol.committee.closing`."""

    def counts(self, session: Session) -> bool:
        """Return whether the round counts as one of the session's: it was not void."""
        return session.committee is None or len(self.included) > 0

    def to_bytes(self, session: Session) -> bytes:
        """Return the message as bytes of this session."""
        listed = np.array(self.included, dtype="<u4")
        parts = [u32(len(listed)), listed.tobytes(), *self.nonces, self.proof]
        return frame(session, self.KIND, self.round, b"".join(parts))

    @classmethod
    def from_bytes(cls, data: bytes, session: Session) -> ClosingMessage:
        """Read a message of this session; raise MessageError if `data` is not one."""
        round_number, body = unframe(data, session, cls.KIND)
        reader = BodyReader(body)
        listed = reader.ascending(at_most=session.participants)
        nonces = [
            reader.take(session.nonce_bytes)
            for _ in range(len(listed) if session.nonce_bytes else 0)
        ]
        proof = reader.rest()
        if proof and session.committee is None:
            raise MessageError(f"{len(proof)} bytes too many in the closing of a round")
        if len(listed) and listed[-1] >= session.participants:
            raise MessageError(
                f"participant {listed[-1]} is unknown: there are {session.participants}"
            )
        return cls(round_number, tuple(listed.tolist()), tuple(nonces), proof)
