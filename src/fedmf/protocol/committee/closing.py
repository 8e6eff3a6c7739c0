"""What a committee adds to the closing of a round: proof that it ended as the server says.

Participants check all of it: the round's context is recomputed from its opening, the table's digest
and the round before; the certificate is signed by t members; and the set of uploads is the one that
they signed. Only then does a participant take its upload as included.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fedmf.errors import MessageError
from fedmf.protocol.committee.certificate import (
    Certificate,
    CertifiedRound,
    Outcome,
    SetEntry,
    check_set,
)
from fedmf.protocol.committee.exchange import AnswerReply
from fedmf.protocol.committee.opening import OpeningMessage
from fedmf.protocol.enrolment.charter import Charter, members
from fedmf.protocol.wire import Digest, Record, many, times, when

if TYPE_CHECKING:
    from fedmf.protocol.enrolment.roster_chain import RosterChain
    from fedmf.protocol.messages import ClosingMessage


@dataclass(frozen=True, slots=True)
class SumProof(Record):
    """Of which uploads the sum of a closed round is, and how participants open it."""

    opening: OpeningMessage
    """How the round began."""
    table: Digest
    """Digest of the table that its participants worked on."""
    uploads: Annotated[tuple[SetEntry, ...], times(lambda known: len(known.included))]
    """The included uploads, in the order of the closing's participants."""
    answers: Annotated[tuple[AnswerReply, ...], many(members)] = ()
    """The members' answers under a blind committee, for participants to open the sum with."""

    def check_answers(self, outcome: Outcome, charter: Charter) -> None:
        """Check that t different members answered for this outcome, where participants open it.

        Raises
        ------
        MessageError
            Fewer, one of them twice, or an answer that its member did not sign.
        """
        for answer in self.answers:
            if answer.outcome != outcome:
                raise MessageError("an answer for another set of uploads")
            answer.check(charter)
        answered = {answer.member for answer in self.answers}
        if len(answered) != len(self.answers):
            raise MessageError("two answers of one member")
        if charter.terms.blind and len(answered) < charter.terms.threshold:
            raise MessageError(
                f"{len(answered)} answers where {charter.terms.threshold} members have to answer"
            )


@dataclass(frozen=True, slots=True)
class ClosingProof(Record):
    """The proof that goes with a closing."""

    certificate: Certificate
    """How the round ended."""
    sum: Annotated[SumProof | None, when(lambda known: known.certificate.outcome.closed)] = None
    """None where the round is void."""

    @classmethod
    def of(cls, closing: ClosingMessage, charter: Charter) -> ClosingProof:
        """Read the proof of a closing; raise MessageError if it has none."""
        return cls.from_bytes(
            closing.proof, charter=charter, round=closing.round, included=closing.included
        )

    @property
    def certified(self) -> CertifiedRound:
        """How the round ended, without what opens its sum."""
        return CertifiedRound(self.certificate, self.sum.uploads if self.sum else ())

    def check(
        self,
        closing: ClosingMessage,
        charter: Charter,
        rosters: RosterChain,
        previous: Outcome | None,
        *,
        before: bool = False,
    ) -> None:
        """Check that the round ended as the closing says, and that its sum can be opened.

        Parameters
        ----------
        before
            A later round closed as well, so the answers may be missing: nobody needs them any more.

        Raises
        ------
        MessageError
            Anything in it is not what t members signed.
        """
        outcome = self.certificate.outcome
        self.certificate.check(charter)
        if outcome.round != closing.round:
            raise MessageError(
                f"the certificate of round {outcome.round} with the closing of {closing.round}"
            )
        if self.sum is None:
            if closing.included:
                raise MessageError("a void round includes nobody")
            return
        opening = self.sum.opening
        roster = rosters.version(opening.roster_version)
        if outcome.context != opening.context(charter, roster, self.sum.table, previous):
            raise MessageError("the certificate is of another round than the closing describes")
        if tuple(entry.participant for entry in self.sum.uploads) != closing.included:
            raise MessageError("the closing includes others than its proof lists")
        check_set(outcome, self.sum.uploads, charter)
        if self.sum.answers or not before:
            self.sum.check_answers(outcome, charter)


@dataclass(frozen=True, slots=True)
class ClosedRound:
    """A round whose sum is still to be opened, as its checked closing says."""

    closing: ClosingMessage
    certificate: Certificate
    proof: SumProof
    counted_round: int
    """Which of the session's rounds it was."""

    @property
    def context(self) -> bytes:
        """The round's context."""
        return self.certificate.outcome.context
