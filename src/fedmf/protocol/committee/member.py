"""A member of the committee: makes a key for a round, checks uploads, answers once. No I/O.

It holds the secret seeds of a round only in memory and drops them before its answer leaves;
a member that was restarted in between abstains from the round.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from fedmf.crypto.derivation import labelled_hash
from fedmf.crypto.envelopes import EnvelopeKey
from fedmf.crypto.signatures import SigningKey
from fedmf.errors import FedmfError, MessageError, ProtocolError
from fedmf.protocol.committee.certificate import CHECKED, NOTHING, PROMISE
from fedmf.protocol.committee.certificate import LABEL as OUTCOME_LABEL
from fedmf.protocol.committee.exchange import (
    ANSWER_LABEL,
    AnswerReply,
    AnswerRequest,
    CheckReply,
    CheckRequest,
    EarlyKeyRequest,
    KeyReply,
    KeyRequest,
    PromiseReply,
    PromiseRequest,
    Refusal,
    ReviewReply,
    ReviewRequest,
    VoteReply,
    VoteRequest,
    answer_statement,
)
from fedmf.protocol.committee.member_log import Memory
from fedmf.protocol.committee.member_round import AddedAgain, MemberKey, MemberRound
from fedmf.protocol.enrolment.roster_chain import RosterChain, SignedRoster
from fedmf.protocol.enrolment.votes import check_votes
from fedmf.protocol.messages import HEADER, CommitteeMessage, kind_of

if TYPE_CHECKING:
    from fedmf.crypto.secret_material import KeyRandomness
    from fedmf.protocol.committee.upload import Kind
    from fedmf.protocol.enrolment.charter import Charter
    from fedmf.protocol.members import MemberLog


class CommitteeMember:
    """One member of the committee.

    Parameters
    ----------
    charter
        The charter that the member's operator pinned.
    number
        The member's number in it.
    key
        The member's long-term signature key.
    log
        The member's durable log.
    randomness
        Source of round keys; unless given a new one, hedged with the signature key.
    rosters
        Versions of the roster after the charter's.

    Raises
    ------
    KeyMaterialError
        The key is not the one of the charter, or the log is another's.
    """

    def __init__(
        self,
        charter: Charter,
        number: int,
        key: SigningKey,
        log: MemberLog,
        randomness: KeyRandomness | None = None,
        rosters: Iterable[SignedRoster] = (),
    ) -> None:
        if not 0 <= number < charter.terms.members or charter.member_keys[number] != key.public:
            raise ProtocolError(f"this is not the key that the charter names for member {number}")
        self.charter = charter
        self.number = number
        self.rosters = RosterChain(charter, rosters)
        self._key = key
        self._memory = Memory(log, charter, number)
        self._randomness = randomness or key.randomness()
        self._round: MemberRound | None = None
        self._early: MemberKey | None = None
        self._added: AddedAgain | None = None

    @property
    def newest_round(self) -> int:
        """The last round that it did anything in, a crash before included; 0 before the first."""
        return self._memory.newest_round

    def respond(self, data: bytes) -> bytes:
        """Return the answer to a message of the server: a refusal where there is none."""
        try:
            return self.hear(data).to_bytes(self.charter)
        except FedmfError as error:
            # What is not even a frame names no round.
            claimed = HEADER.unpack_from(data)[4] if len(data) >= HEADER.size else 1
            number = min(max(claimed, 1), self.charter.session.last_round)
            return Refusal(number, self.number, str(error)).to_bytes(self.charter)

    def hear(self, data: bytes) -> CommitteeMessage:
        """Return the answer to a message of the server.

        Raises
        ------
        MessageError
            It is no message that a member answers.
        ProtocolError
            The member must not answer it.
        """
        answers: dict[type[CommitteeMessage], Callable[[Any], CommitteeMessage]] = {
            KeyRequest: self.make_key,
            ReviewRequest: self.review,
            PromiseRequest: self.promise,
            AnswerRequest: self.answer,
            VoteRequest: self.vote,
            CheckRequest: self.check,
            EarlyKeyRequest: self.make_early_key,
        }
        kind = kind_of(data)
        for request, answer in answers.items():
            if kind == request.KIND:
                return answer(request.from_bytes(data, self.charter))
        raise MessageError(f"a message of kind {kind} is not for a member of the committee")

    def make_key(self, request: KeyRequest) -> KeyReply:
        """Return a key for this round and no other.

        Raises
        ------
        ProtocolError
            The round before has no certificate, or there is a key for this round already.
        """
        number = request.round
        if self._round is not None and self._round.number == number:
            return KeyReply(number, self._round.key.published)
        if number < self._memory.newest_round:
            raise ProtocolError(
                f"round {number} is over: round {self._memory.newest_round} has begun"
            )
        if self._memory.outcome(number) is not None:
            raise ProtocolError(f"round {number} is over")
        for ending in request.endings:
            ending.check(self.charter)
            self._memory.note_ending(ending)
        if self._memory.ended != number - 1:
            raise ProtocolError(
                f"round {number} follows on {number - 1}; this member was told how rounds ended up "
                f"to {self._memory.ended}"
            )
        previous = self._memory.last_ending
        if previous is not None and self._memory.outcome(number - 1) not in (None, previous):
            raise ProtocolError(f"round {number - 1} ended otherwise than this member saw")
        self._memory.note_key(number)
        early, self._early = self._early, None
        key = early if early is not None and early.round == number else self._fresh_key(number)
        self._round = MemberRound(
            self.charter,
            key,
            previous,
            self.rosters.newest,
            self._memory.standings,
        )
        return KeyReply(number, key.published)

    def make_early_key(self, request: EarlyKeyRequest) -> KeyReply:
        """Return the key that `make_key` is going to make for a round to come.

        The member commits itself to nothing by it: without `make_key`, and so without the
        certificate of the round before, it reviews and answers nothing under this key.

        Raises
        ------
        ProtocolError
            The round has begun already.
        """
        number = request.round
        if self._round is not None and self._round.number == number:
            return KeyReply(number, self._round.key.published)
        if number <= self._memory.newest_round:
            raise ProtocolError(f"round {number} has begun already")
        if self._early is None or self._early.round != number:
            self._early = self._fresh_key(number)
        return KeyReply(number, self._early.published)

    def _fresh_key(self, number: int) -> MemberKey:
        key = EnvelopeKey.fresh(self.charter.terms.suite, self._randomness)
        return MemberKey.signed(number, key, self.number, self._key, self.charter)

    def review(self, request: ReviewRequest) -> ReviewReply:
        """Check every upload of a round; return complaints about those that cannot be answered.

        Asked again about the same uploads, it repeats its reply.

        Raises
        ------
        MessageError
            The opening is not this round's.
        ProtocolError
            The member has no key for the round, or has reviewed other uploads of it.
        """
        current = self._current(request.round)
        name = labelled_hash("review", request.to_bytes(self.charter))
        if current.reply is not None and current.request == name:
            return current.reply
        if current.context:
            raise ProtocolError(f"round {request.round} was reviewed already")
        current.roster = self.rosters.newest
        complaints = current.review(request)
        reply = ReviewReply.signed(request.round, self.number, complaints, self._key, self.charter)
        current.request, current.reply = name, reply
        return reply

    def promise(self, request: PromiseRequest) -> PromiseReply:
        """Promise to answer for this set of uploads and this sum, and for no other of the round.

        Asked again for the same ones, it repeats what its log holds.

        Raises
        ------
        ProtocolError
            A second set or sum, a round that is void or over, or a set that may not be answered, or
            with uploads that the member could not check or saw otherwise.
        """
        number, outcome = request.round, request.outcome
        self._memory.check_promise(outcome)
        if self._memory.promise(number) is None:
            current = self._current(number)
            if current.outcome(request.included, outcome.sum) != outcome:
                raise ProtocolError("this member was shown other uploads than the server asks for")
            self._check_lots({one: current.uploads[one].entry.kind for one in request.included})
            self._memory.note_promise(outcome)
            current.promised = request.included
        promise = self._key.sign(PROMISE, *outcome.statement(self.charter))
        return PromiseReply(number, self.number, outcome, promise)

    def answer(self, request: AnswerRequest) -> AnswerReply:
        """Return this member's share of the sum that it promised to answer for; once in a round.

        Asked again for the same one, it repeats the answer that its log holds.

        Raises
        ------
        MessageError
            Fewer than t members have promised.
        ProtocolError
            It has not promised this, or the round is void or over.
        """
        number = request.round
        if answered := self._memory.answer(number):
            reply = AnswerReply.from_bytes(answered, self.charter)
            if reply.outcome != request.outcome:
                raise ProtocolError(f"round {number} was answered for another set of uploads")
            return reply
        current, outcome = self._current(number), request.outcome
        if self._memory.promise(number) != outcome:
            raise ProtocolError(f"this member has not promised to answer so in round {number}")
        check_votes(request.promises, self.charter, PROMISE, *outcome.statement(self.charter))
        share = current.told(outcome)
        statement = answer_statement(self.number, outcome, share, self.charter)
        reply = AnswerReply(
            number,
            self.number,
            outcome,
            share,
            self._key.sign(ANSWER_LABEL, *statement),
            self._key.sign(OUTCOME_LABEL, *outcome.statement(self.charter)),
        )
        self._memory.note_outcome(outcome, reply.to_bytes(self.charter))
        self._round = None
        return reply

    def check(self, request: CheckRequest) -> CheckReply:
        """Add up the uploads of a closed round; sign the sum once all were added.

        What it signs depends on nothing but what t members have certified: it may be asked again.

        Raises
        ------
        MessageError
            It is not the set that t members have certified, or not these uploads' words.
        ProtocolError
            The member knows of another outcome, or too little, or missed the first uploads.
        """
        number, outcome = request.round, request.outcome
        if self._memory.outcome(number) not in (None, outcome) or self._memory.ended != number - 1:
            raise ProtocolError(f"this member cannot tell what round {number} has summed")
        if request.first == 0:
            counted_round = self._memory.standings.closed_rounds + 1
            self._added = AddedAgain(self.charter, request, counted_round)
        if self._added is None or not self._added.goes_on_with(request):
            raise ProtocolError("this member adds up uploads from the first one on")
        if self._round is not None and self._round.number == number:
            # No seeds of a round that has closed are here when its words are looked at.
            self._round = None
        root, signature = self._added.add(request), None
        if root != NOTHING:
            self._added = None
            signature = self._key.sign(CHECKED, *outcome.statement(self.charter), root)
        return CheckReply(number, self.number, root, signature)

    def vote(self, request: VoteRequest) -> VoteReply:
        """Return the member's signature under an outcome of a round, unless it signed another.

        That a round closed it signs again where it has answered. Otherwise it signs it only if more
        members than may lie have: the first honest one among them has answered, and so has reviewed
        what the sum is of.

        Raises
        ------
        MessageError
            The certificate of the round before, or somebody's signature, is none.
        ProtocolError
            It signed another outcome of the round, the round is long over or has not begun, or it
            has closed with a set that too few have answered for.
        """
        outcome = request.outcome
        if outcome.round != request.round:
            raise ProtocolError(f"an outcome of round {outcome.round} in round {request.round}")
        if self._memory.outcome(request.round) != outcome:
            # What was signed before may be signed again: the server may have lost it.
            if request.round < self._memory.newest_round:
                raise ProtocolError(f"round {request.round} is over")
            self._memory.check_begun(request)
            if outcome.closed:
                self._memory.check_answered(request)
            self._memory.note_outcome(outcome)
        if self._round is not None and self._round.number == request.round:
            # A member that has voted never answers: it drops what it could answer with.
            self._round = None
        vote = self._key.sign(OUTCOME_LABEL, *outcome.statement(self.charter))
        return VoteReply(request.round, self.number, outcome, vote)

    def _current(self, number: int) -> MemberRound:
        if self._round is None or self._round.number != number:
            raise ProtocolError(f"this member has no key for round {number} and abstains from it")
        if number < self._memory.newest_round:
            raise ProtocolError(f"round {number} is over")
        return self._round

    def _check_lots(self, kinds: Mapping[int, Kind]) -> None:
        self._memory.standings.check_set(kinds)
