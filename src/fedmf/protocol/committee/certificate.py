"""Certificates: how a round ended, signed by t members.

A round ends closed, with one set of uploads, or void, with none. Members sign at most one of the
two in a round, so that with more than half of them needed no server can show both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fedmf.crypto.labels import labelled_hash
from fedmf.errors import MessageError
from fedmf.protocol.committee.votes import MemberSignature, check_votes, read_votes, votes_to_bytes
from fedmf.protocol.framing import BodyReader, u32

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fedmf.protocol.committee.charter import Charter

LABEL = "outcome"
DIGEST_BYTES = 32
NOTHING = bytes(DIGEST_BYTES)
CLOSED, VOID = b"closed", b"void"


def set_digest(charter: Charter, context: bytes, included: Iterable[tuple[int, bytes]]) -> bytes:
    """Return H(S) of a set of uploads: participants with the digests of their heads, ascending."""
    listed = b"".join(u32(participant) + head for participant, head in included)
    return labelled_hash("set of uploads", charter.digest, context, listed)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a certificate states."""

    round: int
    """The round that ended."""
    context: bytes = NOTHING
    """The round's context where it closed; zeros where it is void, whatever its context was."""
    uploads: bytes = NOTHING
    """H(S) of the uploads where it closed; zeros where it is void."""

    @property
    def closed(self) -> bool:
        """Whether the round closed."""
        return self.context != NOTHING

    def statement(self, charter: Charter) -> tuple[bytes, ...]:
        """Return what members sign."""
        kind = CLOSED if self.closed else VOID
        return (charter.digest, u32(self.round), kind, self.context, self.uploads)

    def to_bytes(self) -> bytes:
        """Return the outcome as bytes."""
        return u32(self.round) + self.context + self.uploads

    @classmethod
    def read(cls, reader: BodyReader) -> Outcome:
        """Read an outcome out of a body; raise MessageError if there is none."""
        outcome = cls(reader.number(), reader.take(DIGEST_BYTES), reader.take(DIGEST_BYTES))
        if not outcome.closed and outcome.uploads != NOTHING:
            raise MessageError("a void round that includes uploads")
        return outcome


@dataclass(frozen=True, slots=True)
class Certificate:
    """An outcome with the signatures of at least t members."""

    outcome: Outcome
    """How the round ended."""
    votes: tuple[MemberSignature, ...]
    """One each of different members."""

    def check(self, charter: Charter) -> None:
        """Raise MessageError unless t members signed the outcome."""
        check_votes(self.votes, charter, LABEL, *self.outcome.statement(charter))

    def to_bytes(self) -> bytes:
        """Return the certificate as bytes."""
        return self.outcome.to_bytes() + votes_to_bytes(self.votes)

    @classmethod
    def read(cls, reader: BodyReader, charter: Charter) -> Certificate:
        """Read a certificate out of a body; raise MessageError if there is none."""
        return cls(Outcome.read(reader), read_votes(reader, charter.terms.members))
