"""Signatures of t members under one statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fedmf.crypto.signatures import SIGNATURE_BYTES, check_signature
from fedmf.errors import MessageError
from fedmf.protocol.framing import BodyReader, u32

if TYPE_CHECKING:
    from fedmf.protocol.committee.charter import Charter


@dataclass(frozen=True, slots=True)
class MemberSignature:
    """A signature of one member."""

    member: int
    """The member's number."""
    signature: bytes
    """64 bytes."""


def check_votes(
    votes: Sequence[MemberSignature], charter: Charter, label: str, *statement: bytes
) -> None:
    """Check that at least t different members signed a statement.

    Raises
    ------
    MessageError
        Too few, somebody twice, somebody unknown, or a signature that is none.
    """
    members = {vote.member for vote in votes}
    if len(members) != len(votes) or not members <= set(range(charter.terms.members)):
        raise MessageError("signatures of unknown members, or two of the same one")
    if len(votes) < charter.terms.threshold:
        raise MessageError(
            f"{len(votes)} signatures where {charter.terms.threshold} members have to sign"
        )
    for vote in votes:
        check_signature(charter.member_keys[vote.member], vote.signature, label, *statement)


def votes_to_bytes(votes: Sequence[MemberSignature]) -> bytes:
    """Return signatures as bytes."""
    return u32(len(votes)) + b"".join(u32(vote.member) + vote.signature for vote in votes)


def read_votes(reader: BodyReader, members: int) -> tuple[MemberSignature, ...]:
    """Read signatures out of a body; raise MessageError if there are none."""
    return tuple(
        MemberSignature(reader.number(), reader.take(SIGNATURE_BYTES))
        for _ in range(reader.count(at_most=members))
    )
