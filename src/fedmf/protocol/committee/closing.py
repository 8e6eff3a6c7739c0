"""What a committee adds to the closing of a round: proof that it ended as the server says.

Participants check all of it: the round's context is recomputed from its opening, the table's digest
and the round before; the certificate is signed by t members; and the set of uploads is the one that
they signed. Only then does a participant take its upload as included.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fedmf.errors import MessageError
from fedmf.protocol.committee.certificate import DIGEST_BYTES, Certificate, set_digest
from fedmf.protocol.committee.exchange import AnswerReply
from fedmf.protocol.committee.opening import OpeningMessage
from fedmf.protocol.framing import BodyReader, u32

if TYPE_CHECKING:
    from fedmf.protocol.committee.certificate import Outcome
    from fedmf.protocol.committee.charter import Charter
    from fedmf.protocol.committee.roster import RosterChain
    from fedmf.protocol.messages import ClosingMessage


@dataclass(frozen=True, slots=True)
class ClosingProof:
    """The proof that goes with a closing."""

    certificate: Certificate
    """How the round ended."""
    opening: OpeningMessage | None = None
    """How it began; None where it is void."""
    table: bytes = b""
    """Digest of the table that its participants worked on; empty where it is void."""
    heads: tuple[bytes, ...] = ()
    """Digests of the included uploads, in the order of the closing's participants."""
    answers: tuple[AnswerReply, ...] = ()
    """The members' answers under a blind committee, for participants to open the sum with."""

    def to_bytes(self) -> bytes:
        """Return the proof as bytes."""
        parts = [self.certificate.to_bytes()]
        if self.opening is not None:
            parts += [self.opening.body(), self.table, *self.heads, u32(len(self.answers))]
            parts += [answer.body() for answer in self.answers]
        return b"".join(parts)

    @classmethod
    def of(cls, closing: ClosingMessage, charter: Charter) -> ClosingProof:
        """Read the proof of a closing; raise MessageError if it has none."""
        reader = BodyReader(closing.proof)
        certificate = Certificate.read(reader, charter)
        if not certificate.outcome.closed:
            reader.end("the proof of a void round")
            return cls(certificate)
        opening = OpeningMessage.read(closing.round, reader, charter)
        table = reader.take(DIGEST_BYTES)
        heads = tuple(reader.take(DIGEST_BYTES) for _ in closing.included)
        answers = tuple(
            AnswerReply.read(closing.round, reader, charter)
            for _ in range(reader.count(at_most=charter.terms.members))
        )
        reader.end("the proof of a closing")
        return cls(certificate, opening, table, heads, answers)

    def check(
        self,
        closing: ClosingMessage,
        charter: Charter,
        rosters: RosterChain,
        previous: Outcome | None,
    ) -> None:
        """Check that the round ended as the closing says.

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
        if not outcome.closed:
            if closing.included:
                raise MessageError("a void round includes nobody")
            return
        assert self.opening is not None  # noqa: S101 - a closed round is read with its opening
        roster = rosters.version(self.opening.roster_version)
        if outcome.context != self.opening.context(charter, roster, self.table, previous):
            raise MessageError("the certificate is of another round than the closing describes")
        listed = zip(closing.included, self.heads, strict=True)
        if outcome.uploads != set_digest(charter, outcome.context, listed):
            raise MessageError("the closing lists other uploads than t members have signed")
        for answer in self.answers:
            if answer.outcome != outcome:
                raise MessageError("an answer for another set of uploads")
            answer.check(charter)
