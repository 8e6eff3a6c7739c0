"""What the server asks members in a round, stage by stage, and what follows from their replies.

`QUESTIONS` is the protocol's order. When nobody is left to wait for, a question says at which stage
the round goes on. At stages without a question the round waits for the server: for the cohort
(READY), for the end of uploads (UPLOADS), for the frozen round to be written down (FROZEN), and for
the closing (CLOSED, VOID).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fedmf.crypto.signatures import check_signature
from fedmf.errors import MessageError, ProtocolError
from fedmf.protocol.committee.certificate import CHECKED, PROMISE
from fedmf.protocol.committee.certificate import LABEL as OUTCOME_LABEL
from fedmf.protocol.committee.exchange import (
    AnswerReply,
    AnswerRequest,
    CheckReply,
    CheckRequest,
    KeyReply,
    KeyRequest,
    PromiseReply,
    PromiseRequest,
    ReviewEntry,
    ReviewReply,
    ReviewRequest,
    UploadedWords,
    VoteReply,
    VoteRequest,
)
from fedmf.protocol.committee.server_round import ServerRound, Stage
from fedmf.protocol.enrolment.votes import MemberSignature

Requests = Mapping[int, bytes]
BATCH_BYTES = 2**23
"""Size of the words in a message to members who add up again; one upload is always sent whole."""


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


def _ask_for_promises(now: ServerRound) -> Requests:
    request = PromiseRequest(now.number, tuple(sorted(now.included)), now.outcome())
    missing = sorted(now.reviewers - now.promises.keys())
    return dict.fromkeys(missing, request.to_bytes(now.charter))


def _take_promise(now: ServerRound, said: PromiseReply) -> None:
    now.promises[said.member] = _signed(now, said, said.promise, PROMISE)


def _after_promises(now: ServerRound) -> Stage:
    # Without enough promises nobody answers who has not answered before a crash of the server.
    return Stage.PROMISES if _once_more(now, now.promises) else Stage.ANSWERS


def _ask_for_answers(now: ServerRound) -> Requests:
    promises = tuple(now.promises[member] for member in sorted(now.promises))
    request = AnswerRequest(now.number, now.outcome(), promises)
    missing = sorted(now.reviewers - now.votes.keys())
    return dict.fromkeys(missing, request.to_bytes(now.charter))


def _take_answer(now: ServerRound, answer: AnswerReply) -> None:
    answer.check(now.charter)
    _count(now, answer)
    now.answers[answer.member] = answer


def _after_answers(now: ServerRound) -> Stage:
    if _once_more(now, now.votes):
        # A member that votes cannot answer any more.
        return Stage.ANSWERS
    if _enough(now, now.votes):
        return _closed(now)
    # Once a member has answered, the round can never be void: others have to say so as well.
    return Stage.CLOSING_VOTES if now.votes else Stage.VOIDING


def _once_more(now: ServerRound, said: Iterable[int]) -> bool:
    """Return whether to ask again, because messages may have been lost: once at each stage."""
    if now.stage in now.asked_twice or _enough(now, said):
        return False
    now.asked_twice.add(now.stage)
    return True


def _ask_for_votes(now: ServerRound) -> Requests:
    votes = tuple(now.votes[member] for member in sorted(now.votes))
    request = VoteRequest(now.number, now.outcome(), now.previous, votes).to_bytes(now.charter)
    missing = set(range(now.charter.terms.members)) - now.votes.keys()
    if now.stage is Stage.CLOSING_VOTES:
        # What they refused before says nothing of what they refuse now.
        now.refusals = {m: why for m, why in now.refusals.items() if m not in missing}
    return dict.fromkeys(sorted(missing), request)


def _count(now: ServerRound, said: VoteReply | AnswerReply) -> None:
    now.votes[said.member] = _signed(now, said, said.vote, OUTCOME_LABEL)


def _signed(
    now: ServerRound, said: PromiseReply | VoteReply | AnswerReply, signature: bytes, label: str
) -> MemberSignature:
    """Return a member's signature under the outcome; raise MessageError if it is none."""
    if said.outcome != now.outcome():
        raise MessageError(f"member {said.member} signed another outcome")
    key, statement = now.charter.member_keys[said.member], said.outcome.statement(now.charter)
    check_signature(key, signature, label, *statement)
    return MemberSignature(said.member, signature)


def _after_closing_votes(now: ServerRound) -> Stage:
    if _enough(now, now.refusals.keys() - now.votes.keys()):
        # So few have answered that the others sign nothing that they have not seen. Together they
        # can still say that the round is void, and the sum that these few answered for stays shut.
        now.answers, now.votes = {}, {}
        return Stage.VOIDING
    return _end(now, now.votes, _closed(now), else_again=Stage.PROMISES)


def _closed(now: ServerRound) -> Stage:
    """Return where a round goes on that t members have signed to be closed."""
    # A sum that can never be opened needs no check.
    is_checked = now.charter.terms.blind and _enough(now, now.answers)
    return Stage.CHECKS if is_checked else Stage.CLOSED


def _ask_for_checks(now: ServerRound) -> Requests:
    """Send the next of the set's uploads to all members."""
    first, batch, size = now.added_again, list[UploadedWords](), 0
    for entry in now.listed[first:]:
        try:
            words = now.spool.take(entry.participant)
        except KeyError:
            raise ProtocolError(
                f"the uploads of round {now.number} are lost, and without them no member can check "
                "its sum: it stays closed. The session ends here; begin a new one"
            ) from None
        size += len(words)
        if batch and size > BATCH_BYTES:
            break
        batch.append(UploadedWords(entry.participant, now.included[entry.participant], words))
    now.added_again = first + len(batch)
    votes = tuple(now.votes[member] for member in sorted(now.votes))
    request = CheckRequest(now.number, now.outcome(), votes, now.listed, first, tuple(batch))
    return dict.fromkeys(range(now.charter.terms.members), request.to_bytes(now.charter))


def _take_check(now: ServerRound, found: CheckReply) -> None:
    if found.signature is None:
        return
    key, statement = now.charter.member_keys[found.member], now.outcome().statement(now.charter)
    check_signature(key, found.signature, CHECKED, *statement, found.sum)
    now.checks[found.member] = (found.sum, found.signature)


def _after_checks(now: ServerRound) -> Stage:
    if now.added_again < len(now.listed):
        return Stage.CHECKS
    # Members that could not add up now are asked again, from the first upload on.
    now.added_again = 0
    checked = now.checked()
    return _end(now, checked.votes if checked else (), Stage.CLOSED, else_again=now.stage)


def _after_voiding(now: ServerRound) -> Stage:
    return _end(now, now.votes, Stage.VOID, else_again=Stage.VOIDING)


def _end(now: ServerRound, signed: Collection[Any], stage: Stage, *, else_again: Stage) -> Stage:
    if len(signed) >= now.charter.terms.threshold:
        return stage
    now.stage = else_again
    reasons = "; ".join(f"member {m}: {why}" for m, why in sorted(now.refusals.items()))
    raise ProtocolError(
        f"round {now.number} cannot end: {len(signed)} of the "
        f"{now.charter.terms.threshold} members that have to sign are there"
        + (f" ({reasons})" if reasons else "")
        + "; nothing is lost: go on when more of them are"
    )


def _enough(now: ServerRound, said: Iterable[int]) -> bool:
    return len(set(said)) >= now.charter.terms.threshold


QUESTIONS = {
    Stage.KEYS: Question(_ask_for_keys, {KeyReply: _take_key}, _after_keys),
    Stage.REVIEW: Question(_ask_for_review, {ReviewReply: _take_review}, _after_review),
    Stage.PROMISES: Question(_ask_for_promises, {PromiseReply: _take_promise}, _after_promises),
    Stage.ANSWERS: Question(_ask_for_answers, {AnswerReply: _take_answer}, _after_answers),
    Stage.CLOSING_VOTES: Question(
        _ask_for_votes, {VoteReply: _count, AnswerReply: _take_answer}, _after_closing_votes
    ),
    Stage.CHECKS: Question(_ask_for_checks, {CheckReply: _take_check}, _after_checks),
    Stage.VOIDING: Question(_ask_for_votes, {VoteReply: _count}, _after_voiding),
}
