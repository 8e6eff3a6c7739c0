"""What a member must never forget: keys that it made, promises, answers, votes, and who is in.

A member that forgot would make a second key for a round, or answer for a second set of uploads, and
the difference of two sets is somebody's upload. One that did not know which uploads the rounds so
far have summed would let a participant pass alone that has been away. So every record is durable
before the message that it is about leaves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fedmf.errors import KeyMaterialError, MessageError, ProtocolError
from fedmf.protocol.committee.certificate import LABEL as OUTCOME_LABEL
from fedmf.protocol.committee.certificate import Certificate, CertifiedRound, Outcome
from fedmf.protocol.committee.standing import Standings
from fedmf.protocol.enrolment.votes import check_votes
from fedmf.protocol.wire import BodyReader, Known, sized, u32

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fedmf.protocol.committee.exchange import VoteRequest
    from fedmf.protocol.enrolment.charter import Charter
    from fedmf.protocol.members import MemberLog

_OWNER, _KEY, _PROMISE, _ANSWER, _VOTE, _ENDING = b"O", b"K", b"P", b"A", b"V", b"E"


class ForgetfulLog:
    """A log in memory, for members that are never restarted: simulations and tests."""

    def __init__(self) -> None:
        self._records: list[bytes] = []

    def records(self) -> Sequence[bytes]:
        """Return all records, oldest first."""
        return self._records

    def append(self, record: bytes) -> None:
        """Append a record."""
        self._records.append(record)


@dataclass(slots=True)
class _Round:
    """What a member did in a round."""

    has_key: bool = False
    promise: Outcome | None = None
    outcome: Outcome | None = None


class Memory:
    """What a member did so far, as read from its log and kept in it.

    Parameters
    ----------
    log
        The durable log of this member and of no other.
    charter
        The charter that the member pinned.
    member
        The member's number.

    Raises
    ------
    KeyMaterialError
        The log is another member's, or another charter's, or it is damaged.
    """

    def __init__(self, log: MemberLog, charter: Charter, member: int) -> None:
        self._log = log
        self._rounds: dict[int, _Round] = {}
        # Answers are large, and of an older one than the last nobody asks any more.
        self._last_answer = (0, b"")
        self._charter, self._member = charter, member
        self.ended = 0
        """Up to which round the member was told how they ended."""
        self.last_ending: Outcome | None = None
        """How that one did."""
        self.standings = Standings(charter.session)
        """What these rounds say of everybody's contributions."""
        owner = _OWNER + charter.digest + u32(member)
        records = log.records()
        if not records:
            log.append(owner)
        elif records[0] != owner:
            raise KeyMaterialError("this log is of another member, or of another charter")
        try:
            for record in records[1:]:
                self._replay(record)
        except (MessageError, ProtocolError) as error:
            raise KeyMaterialError(
                f"the log of member {member} is damaged ({error}). A member must know all that it "
                "ever said: take this one out of service, and begin a new session with another"
            ) from error

    @property
    def newest_round(self) -> int:
        """The last round that the member did anything in; 0 before the first."""
        return max(self._rounds, default=0)

    def has_key(self, round_number: int) -> bool:
        """Return whether the member made a key for a round."""
        return self._of(round_number).has_key

    def promise(self, round_number: int) -> Outcome | None:
        """Return the only outcome that the member may answer for in a round."""
        return self._of(round_number).promise

    def outcome(self, round_number: int) -> Outcome | None:
        """Return the outcome that the member signed for a round."""
        return self._of(round_number).outcome

    def answer(self, round_number: int) -> bytes:
        """Return the answer given in a round; empty if there was none, or one in another since."""
        answered, answer = self._last_answer
        return answer if answered == round_number else b""

    def note_key(self, round_number: int) -> None:
        """Keep that there is a key for a round now.

        Raises
        ------
        ProtocolError
            There was one already.
        """
        if self.has_key(round_number):
            raise ProtocolError(f"the key for round {round_number} was made already, and is gone")
        self._keep(_KEY + u32(round_number))

    def note_promise(self, outcome: Outcome) -> None:
        """Keep that the member answers for no other outcome of the round than this.

        Raises
        ------
        ProtocolError
            It has promised another one, or signed one.
        """
        self.check_promise(outcome)
        self._check_outcome(outcome)
        if self.promise(outcome.round) is None:
            self._keep(_PROMISE + outcome.to_bytes())

    def note_outcome(self, outcome: Outcome, answer: bytes = b"") -> None:
        """Keep that the member signs this outcome, and gives this answer.

        Raises
        ------
        ProtocolError
            It has signed another outcome of the round.
        """
        self._check_outcome(outcome)
        if answer:
            self._keep(_ANSWER + outcome.to_bytes() + sized(answer))
        elif self.outcome(outcome.round) is None:
            self._keep(_VOTE + outcome.to_bytes())

    def note_ending(self, ending: CertifiedRound) -> None:
        """Keep how a round ended, once its certificate is checked; what is known stays.

        Raises
        ------
        ProtocolError
            The member was not told how the round before it ended, or its log is an older copy.
        """
        outcome = ending.certificate.outcome
        if outcome.round > self.ended:
            self._check_next(outcome.round)
            self.check_remembered(ending.certificate)
            self._keep(_ENDING + ending.to_bytes())

    def check_remembered(self, certificate: Certificate) -> None:
        """Check that the log holds this member's own vote, if a checked certificate does.

        Raises
        ------
        ProtocolError
            It does not: somebody put an older copy of the log in its place.
        """
        outcome = certificate.outcome
        voted = any(vote.member == self._member for vote in certificate.votes)
        if voted and self.outcome(outcome.round) != outcome:
            raise ProtocolError(
                f"the certificate of round {outcome.round} has a vote of this member that its log "
                "lacks: the log is an older copy. Take this member out of service, and begin a new "
                "session with another"
            )

    def check_begun(self, request: VoteRequest) -> None:
        """Raise unless the round has begun here, or the round before has ended."""
        if self.has_key(request.round) or request.round == 1:
            return
        if request.previous is None:
            raise ProtocolError(f"round {request.round} has not begun")
        request.previous.check(self._charter)
        self.check_remembered(request.previous)
        if request.previous.outcome.round != request.round - 1:
            raise ProtocolError(
                f"round {request.round} follows on {request.round - 1}, not on "
                f"{request.previous.outcome.round}"
            )

    def check_answered(self, request: VoteRequest) -> None:
        """Raise unless more members than may lie have signed that the round closed."""
        statement = request.outcome.statement(self._charter)
        check_votes(request.votes, self._charter, OUTCOME_LABEL, *statement, enough=False)
        due = self._charter.terms.sharing.most_liars + 1
        if len(request.votes) < due:
            raise ProtocolError(
                f"this member has not answered for the set that round {request.round} is said to "
                f"have closed with, and signs it only after {due} others, not {len(request.votes)}"
            )

    def _check_next(self, round_number: int) -> None:
        if round_number != self.ended + 1:
            raise ProtocolError(f"the ending of round {round_number} after that of {self.ended}")

    def check_promise(self, outcome: Outcome) -> None:
        """Raise ProtocolError if the member has promised another outcome of the round."""
        if self.promise(outcome.round) not in (None, outcome):
            raise ProtocolError(f"another set or sum of round {outcome.round} was promised already")

    def _check_outcome(self, outcome: Outcome) -> None:
        if self.outcome(outcome.round) not in (None, outcome):
            raise ProtocolError(f"another outcome of round {outcome.round} was signed already")

    def _of(self, round_number: int) -> _Round:
        return self._rounds.get(round_number, _Round())

    def _keep(self, record: bytes) -> None:
        self._log.append(record)
        self._replay(record)

    def _replay(self, record: bytes) -> None:
        kind, reader = record[:1], BodyReader(record[1:])
        if kind == _KEY:
            self._rounds.setdefault(reader.number(), _Round()).has_key = True
        elif kind == _PROMISE:
            outcome = Outcome.read(reader, Known())
            self.check_promise(outcome)
            self._rounds.setdefault(outcome.round, _Round()).promise = outcome
        elif kind in (_ANSWER, _VOTE):
            outcome = Outcome.read(reader, Known())
            self._check_outcome(outcome)
            self._rounds.setdefault(outcome.round, _Round()).outcome = outcome
            if kind == _ANSWER:
                self._last_answer = (outcome.round, reader.sized(at_most=len(record)))
        elif kind == _ENDING:
            ending = CertifiedRound.read(reader, Known(charter=self._charter))
            self._replay_ending(ending)
        else:
            raise MessageError("a record of a kind that does not exist")
        reader.end()

    def _replay_ending(self, ending: CertifiedRound) -> None:
        outcome = ending.certificate.outcome
        self._check_next(outcome.round)
        self.ended, self.last_ending = outcome.round, outcome
        if outcome.closed:
            self.standings.note(outcome.round, ending.uploads)
