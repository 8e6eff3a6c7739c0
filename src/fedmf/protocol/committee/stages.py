"""What the server asks members in a round, stage by stage, and what follows from their replies.

`QUESTIONS` is the protocol's order. When nobody is left to wait for, a question says at which stage
the round goes on. At stages without a question the round waits for the server: for the cohort
(READY), for the end of uploads (UPLOADS), for the frozen round to be written down (FROZEN), and for
the closing (CLOSED, VOID).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fedmf.crypto.signatures import check_signature
from fedmf.errors import MessageError, ProtocolError
from fedmf.protocol.committee.certificate import LABEL as OUTCOME_LABEL
from fedmf.protocol.committee.exchange import (
    AnswerReply,
    AnswerRequest,
    KeyReply,
    KeyRequest,
    ReviewEntry,
    ReviewReply,
    ReviewRequest,
    VoteReply,
    VoteRequest,
)
from fedmf.protocol.committee.server_round import ServerRound, Stage
from fedmf.protocol.enrolment.votes import MemberSignature

Requests = Mapping[int, bytes]


@dataclass(frozen=True, slots=True)
class Question:
    """What members are asked at one stage of a round."""

    ask: Callable[[ServerRound], Requests]
    """Returns the messages for members, by member."""
    replies: Mapping[type[Any], Callable[[ServerRound, Any], None]]
    """What takes note of a reply, by kind of reply; raises an error if it is wrong."""
    then: Callable[[ServerRound], Stage]
    """Returns where the round goes on once everybody has replied who is going to."""


def _ask_for_keys(now: ServerRound) -> Requests:
    return {
        member: KeyRequest(now.number, endings).to_bytes(now.charter)
        for member, endings in now.endings.items()
    }


def _take_key(now: ServerRound, made: KeyReply) -> None:
    made.key.check(now.number, now.charter)
    now.keys[made.member] = made.key


def _after_keys(now: ServerRound) -> Stage:
    return Stage.READY if _enough(now, now.keys) else Stage.VOIDING


def _ask_for_review(now: ServerRound) -> Requests:
    uploads = sorted(now.uploads.items())
    return {
        key.member: ReviewRequest(
            now.number,
            now.opened,
            now.worked_on,
            tuple(ReviewEntry(one, up.signed, up.envelopes[place]) for one, up in uploads),
        ).to_bytes(now.charter)
        for place, key in enumerate(now.opened.keys)
    }


def _take_review(now: ServerRound, review: ReviewReply) -> None:
    review.check(now.charter)
    now.reviewers.add(review.member)
    now.complaints[review.member] = review.complaints


def _after_review(now: ServerRound) -> Stage:
    if not _enough(now, now.reviewers):
        return Stage.VOIDING
    now.leave_out(set().union(*now.complaints.values()))
    is_left = now.leave_out_small_lots()
    now.freeze_set()
    return Stage.FROZEN if is_left else Stage.VOIDING


def _ask_for_answers(now: ServerRound) -> Requests:
    request = AnswerRequest(now.number, tuple(sorted(now.included)), now.outcome())
    missing = sorted(now.reviewers - now.votes.keys())
    return dict.fromkeys(missing, request.to_bytes(now.charter))


def _take_answer(now: ServerRound, answer: AnswerReply) -> None:
    answer.check(now.charter)
    _count(now, answer)
    now.answers[answer.member] = answer


def _after_answers(now: ServerRound) -> Stage:
    if _enough(now, now.votes):
        return Stage.CLOSED
    if not now.asked_twice:
        # Answers may have been lost, and a member that votes cannot answer any more.
        now.asked_twice = True
        return Stage.ANSWERS
    # Once a member has answered, the round can never be void: others have to say so as well.
    return Stage.CLOSING_VOTES if now.votes else Stage.VOIDING


def _ask_for_votes(now: ServerRound) -> Requests:
    votes = tuple(now.votes[member] for member in sorted(now.votes))
    request = VoteRequest(now.number, now.outcome(), now.previous, votes).to_bytes(now.charter)
    missing = set(range(now.charter.terms.members)) - now.votes.keys()
    if now.stage is Stage.CLOSING_VOTES:
        # What they refused before says nothing of what they refuse now.
        now.refusals = {m: why for m, why in now.refusals.items() if m not in missing}
    return dict.fromkeys(sorted(missing), request)


def _count(now: ServerRound, said: VoteReply | AnswerReply) -> None:
    if said.outcome != now.outcome():
        raise MessageError(f"member {said.member} signed another outcome")
    key, statement = now.charter.member_keys[said.member], said.outcome.statement(now.charter)
    check_signature(key, said.vote, OUTCOME_LABEL, *statement)
    now.votes[said.member] = MemberSignature(said.member, said.vote)


def _after_closing_votes(now: ServerRound) -> Stage:
    if _enough(now, now.refusals.keys() - now.votes.keys()):
        # So few have answered that the others sign nothing that they have not seen. Together they
        # can still say that the round is void, and the sum that these few answered for stays shut.
        now.answers, now.votes = {}, {}
        return Stage.VOIDING
    return _end(now, Stage.CLOSED, else_again=Stage.ANSWERS)


def _after_voiding(now: ServerRound) -> Stage:
    return _end(now, Stage.VOID, else_again=Stage.VOIDING)


def _end(now: ServerRound, stage: Stage, *, else_again: Stage) -> Stage:
    if _enough(now, now.votes):
        return stage
    now.stage = else_again
    reasons = "; ".join(f"member {m}: {why}" for m, why in sorted(now.refusals.items()))
    raise ProtocolError(
        f"round {now.number} cannot end: {len(now.votes)} of the "
        f"{now.charter.terms.threshold} members that have to sign are there"
        + (f" ({reasons})" if reasons else "")
        + "; nothing is lost: go on when more of them are"
    )


def _enough(now: ServerRound, said: Iterable[int]) -> bool:
    return len(set(said)) >= now.charter.terms.threshold


QUESTIONS = {
    Stage.KEYS: Question(_ask_for_keys, {KeyReply: _take_key}, _after_keys),
    Stage.REVIEW: Question(_ask_for_review, {ReviewReply: _take_review}, _after_review),
    Stage.ANSWERS: Question(_ask_for_answers, {AnswerReply: _take_answer}, _after_answers),
    Stage.CLOSING_VOTES: Question(
        _ask_for_votes, {VoteReply: _count, AnswerReply: _take_answer}, _after_closing_votes
    ),
    Stage.VOIDING: Question(_ask_for_votes, {VoteReply: _count}, _after_voiding),
}
