"""Certificates: how a round ended, signed by t members.

A round ends closed, with one set of uploads, or void, with none. Members sign at most one of the
two in a round, so that with more than half of them needed no server can show both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fedmf.crypto.derivation import HASH_BYTES, labelled_hash
from fedmf.errors import MessageError
from fedmf.protocol.committee.upload import Kind
from fedmf.protocol.enrolment.charter import Charter, participants
from fedmf.protocol.enrolment.votes import Votes, check_votes
from fedmf.protocol.wire import U32, Digest, Known, Record, many, one_of, u32, when

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


LABEL, PROMISE, CHECKED = "outcome", "promise", "checked"
NOTHING = bytes(HASH_BYTES)
CLOSED, VOID = b"closed", b"void"
SET_ENTRY_BYTES = 4 + 1 + HASH_BYTES


@dataclass(frozen=True, slots=True)
class SetEntry(Record):
    """An upload as a set lists it."""

    participant: U32
    """Whose it is."""
    kind: Annotated[Kind, one_of(Kind, "an upload of kind {}")]
    """What it means, for those who do not see its header."""
    header: Digest
    """Digest of its header."""


def set_digest(charter: Charter, context: bytes, included: Iterable[SetEntry]) -> bytes:
    """Return H(S) of a set of uploads, by ascending participant."""
    listed = b"".join(entry.to_bytes() for entry in included)
    return labelled_hash("set of uploads", charter.digest, context, listed)


@dataclass(frozen=True, slots=True)
class Outcome(Record):
    """What a certificate states."""

    round: U32
    """The round that ended."""
    context: Digest = NOTHING
    """The round's context where it closed; zeros where it is void."""
    uploads: Digest = NOTHING
    """H(S) of the uploads where it closed; zeros where it is void."""
    sum: Digest = NOTHING
    """Merkle root of the sum of their words where it closed; zeros where it is void."""

    @property
    def closed(self) -> bool:
        """Whether the round closed."""
        return self.context != NOTHING

    def statement(self, charter: Charter) -> tuple[bytes, ...]:
        """Return what members sign."""
        kind = CLOSED if self.closed else VOID
        return (charter.digest, u32(self.round), kind, self.context, self.uploads, self.sum)

    def check_read(self) -> None:
        """Check that a void round includes nothing."""
        if not self.closed and (self.uploads, self.sum) != (NOTHING, NOTHING):
            raise MessageError("a void round that includes uploads")


@dataclass(frozen=True, slots=True)
class SumCheck(Record):
    """What members found when they had added up the uploads of a closed round themselves."""

    sum: Digest
    """Merkle root of the true sum: the outcome's, unless the server has added up wrongly."""
    votes: Votes
    """Of at least t members, under the outcome and this root."""


def _is_checked(known: Known) -> bool:
    return bool(known.outcome.closed and known.charter.terms.blind)


@dataclass(frozen=True, slots=True)
class Certificate(Record):
    """An outcome with the signatures of at least t members."""

    outcome: Outcome
    """How the round ended."""
    votes: Votes
    """One each of different members."""
    checked: Annotated[SumCheck | None, when(_is_checked)] = None
    """Which sum it is, where the round closed under a blind committee; otherwise None."""

    def check(self, charter: Charter) -> None:
        """Raise MessageError unless t members signed the outcome, and have checked its sum."""
        statement = self.outcome.statement(charter)
        check_votes(self.votes, charter, LABEL, *statement)
        if _is_checked(Known(outcome=self.outcome, charter=charter)):
            if self.checked is None:
                raise MessageError(
                    f"round {self.outcome.round} closed, and no members have checked its sum"
                )
            check_votes(self.checked.votes, charter, CHECKED, *statement, self.checked.sum)


@dataclass(frozen=True, slots=True)
class CertifiedRound(Record):
    """How a round ended, and of which uploads its sum is."""

    certificate: Certificate
    """How it ended."""
    uploads: Annotated[tuple[SetEntry, ...], many(participants)] = ()
    """Its set by ascending participant; empty where it is void."""

    def check(self, charter: Charter) -> None:
        """Raise MessageError unless t members signed that the round ended with this set."""
        self.certificate.check(charter)
        check_set(self.certificate.outcome, self.uploads, charter)


def check_set(outcome: Outcome, uploads: Sequence[SetEntry], charter: Charter) -> None:
    """Raise MessageError unless an outcome is that of a set of uploads."""
    if not outcome.closed:
        if uploads:
            raise MessageError("a void round includes nobody")
    elif outcome.uploads != set_digest(charter, outcome.context, uploads):
        raise MessageError("the closing lists other uploads than t members have signed")
