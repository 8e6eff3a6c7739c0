"""Signatures of t members under one statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fedmf.crypto.signatures import check_signature
from fedmf.errors import MessageError
from fedmf.protocol.enrolment.charter import Charter, members
from fedmf.protocol.wire import U32, Record, Signature, many


@dataclass(frozen=True, slots=True)
class MemberSignature(Record):
    """A signature of one member."""

    member: U32
    """The member's number."""
    signature: Signature
    """64 bytes."""


Votes = Annotated[tuple[MemberSignature, ...], many(members)]


def check_votes(
    votes: Sequence[MemberSignature],
    charter: Charter,
    label: str,
    *statement: bytes,
    enough: bool = True,
) -> None:
    """Check that different members signed a statement, and enough of them.

    Parameters
    ----------
    label, statement
        What they signed.
    enough
        Whether at least t have to have signed it.

    Raises
    ------
    MessageError
        Too few, one member twice, an unknown member, or a signature that does not fit.
    """
    signed = {vote.member for vote in votes}
    if len(signed) != len(votes) or not signed <= set(range(charter.terms.members)):
        raise MessageError("signatures of unknown members, or two of the same one")
    if enough and len(votes) < charter.terms.threshold:
        raise MessageError(
            f"{len(votes)} signatures where {charter.terms.threshold} members have to sign"
        )
    for vote in votes:
        check_signature(charter.member_keys[vote.member], vote.signature, label, *statement)
