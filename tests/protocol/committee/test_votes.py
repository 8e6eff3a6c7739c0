"""Votes: what a member signs although it has not answered, and what that could do to a session."""

from __future__ import annotations

import os
from contextlib import nullcontext

import pytest

from fedmf.errors import MessageError, ProtocolError
from fedmf.protocol.committee.certificate import Certificate, Outcome
from fedmf.protocol.committee.exchange import (
    AnswerReply,
    AnswerRequest,
    Refusal,
    VoteReply,
    VoteRequest,
)
from fedmf.protocol.committee.member_log import Memory
from fedmf.protocol.enrolment.votes import MemberSignature
from fedmf.protocol.messages import kind_of
from tests.protocol.committee.adversary import Adversary
from tests.protocol.committee.world import World, changes_of

ALL = range(5)
LAST = 2**32 - 3


@pytest.fixture
def world() -> World:
    return World(5)


def restart(world: World, *numbers: int) -> None:
    for number in numbers:
        world.members[number] = world.restarted_member(number)


def signatures(world: World, outcome: Outcome, numbers: range) -> tuple[MemberSignature, ...]:
    """Return votes of members that lie."""
    statement = outcome.statement(world.charter)
    return tuple(
        MemberSignature(n, world.member_keys[n].sign("outcome", *statement)) for n in numbers
    )


@pytest.mark.parametrize("checked", [True, False])
def test_a_vote_for_a_far_round_ends_no_member(
    world: World, monkeypatch: pytest.MonkeyPatch, *, checked: bool
) -> None:
    """Without the certificate of the round before, one message made every real round "over"."""
    if not checked:
        monkeypatch.setattr(Memory, "check_begun", lambda *_: None)
    world.round(changes_of(1))
    request = VoteRequest(LAST, Outcome(LAST), world.committee.previous)
    for member in world.members[:2]:
        with nullcontext() if not checked else pytest.raises(ProtocolError, match="follows on"):
            member.vote(request)
    for _ in range(2):
        restart(world, *range(4))
        with nullcontext() if checked else pytest.raises(ProtocolError, match="2 of the 3 members"):
            world.round(changes_of(2))
            world.check_tables()
            return


def test_a_round_that_a_member_did_not_begin_takes_the_certificate_before(world: World) -> None:
    """So that members that were away for the keys can still say that it is void."""
    world.round(changes_of(1))
    member, certificate = world.members[0], world.committee.previous
    assert certificate is not None
    few = Certificate(certificate.outcome, certificate.votes[:2])
    with pytest.raises(ProtocolError, match="round 2 has not begun"):
        member.vote(VoteRequest(2, Outcome(2), None))
    with pytest.raises(MessageError, match="2 signatures where 3"):
        member.vote(VoteRequest(2, Outcome(2), few))
    with pytest.raises(ProtocolError, match="round 3 follows on 2, not on 1"):
        member.vote(VoteRequest(3, Outcome(3), certificate))
    assert world.logs[0].records()[-1][:1] == b"A"
    assert isinstance(member.vote(VoteRequest(2, Outcome(2), certificate)), VoteReply)


def test_members_sign_nothing_closed_that_nobody_answered_for(world: World) -> None:
    made_up = Outcome(1, os.urandom(32), os.urandom(32))
    world.collect(changes_of(1))
    for member in world.members:
        with pytest.raises(ProtocolError, match="only after 2 others, not 0"):
            member.vote(VoteRequest(1, made_up, None))
    votes = signatures(world, made_up, range(2))
    with pytest.raises(ProtocolError, match="only after 2 others, not 1"):
        world.members[3].vote(VoteRequest(1, made_up, None, votes[:1]))
    with pytest.raises(MessageError, match="two of the same one"):
        world.members[3].vote(VoteRequest(1, made_up, None, votes[:1] * 2))
    other = signatures(world, Outcome(1), range(2))
    with pytest.raises(MessageError, match="signature of a 'outcome'"):
        world.members[3].vote(VoteRequest(1, made_up, None, other))
    # More than one member in (4, 3) that lies is more than the charter says.
    assert world.members[3].vote(VoteRequest(1, made_up, None, votes)).outcome == made_up


@pytest.mark.parametrize("checked", [True, False])
def test_two_members_that_sign_what_they_never_saw_end_a_session(
    world: World, monkeypatch: pytest.MonkeyPatch, *, checked: bool
) -> None:
    if not checked:
        monkeypatch.setattr(Memory, "check_answered", lambda *_: None)
    world.collect(changes_of(1))
    made_up = Outcome(1, os.urandom(32), os.urandom(32))
    said = [
        Adversary(world, world.sent).say(m, VoteRequest(1, made_up, None))
        for m in world.members[:2]
    ]
    assert {type(one) for one in said} == {Refusal if checked else VoteReply}
    with nullcontext() if checked else pytest.raises(ProtocolError, match="cannot end: 2 of the 3"):
        world.close()
        world.round(changes_of(2))
        world.check_tables()


def test_one_answer_and_members_that_restarted_make_a_void_round(world: World) -> None:
    """What one member answered for nobody else signs; together the others call the round void."""
    world.round(changes_of(1))
    world.collect(changes_of(2))
    world.freeze()
    answers = world.promised()
    for member in set(range(4)) - {1, 2, 3}:
        world.server.hear(member, world.members[member].respond(answers[member]))
    restart(world, 1, 2, 3)
    world.consult()
    closing = world.heard(world.server.close_round())
    assert closing.included == ()
    assert "signs it only after 2 others, not 1" in world.committee.refusals[2]
    world.check_tables()
    assert world.round(changes_of(3)).included == tuple(ALL)
    assert world.committee.refusals == {0: "round 2 ended otherwise than this member saw"}
    world.check_tables()


def test_two_answers_are_enough_for_the_others_to_sign(world: World) -> None:
    """The round closed, and too few can ever answer: that ends the session, as it has to."""
    world.collect(changes_of(1))
    world.freeze()
    answers = world.promised()
    for member in set(range(4)) - {2, 3}:
        world.server.hear(member, world.members[member].respond(answers[member]))
    restart(world, 2, 3)
    world.consult()
    assert sorted(world.committee.now.votes) == [0, 1, 2, 3]
    with pytest.raises(ProtocolError, match="closed, but only 2 of the 3 members"):
        world.server.close_round()


def test_where_all_have_to_answer_one_that_restarted_ends_the_session() -> None:
    """With (2, 2) nobody can call void what one has answered, nor close what one has not seen."""
    world = World(5, members=2, threshold=2)
    world.collect(changes_of(1))
    world.freeze()
    answers = world.promised()
    world.server.hear(0, world.members[0].respond(answers[0]))
    restart(world, 1)
    for _ in range(2):
        with pytest.raises(ProtocolError, match=r"cannot end: 1 of the 2.*only after 2 others"):
            world.consult()


@pytest.mark.parametrize("lost", [[0], [0, 1], [1, 2, 3], [0, 1, 2, 3]])
@pytest.mark.parametrize("restarted", [[], [0], [1, 2], [3]])
def test_lost_answers_and_restarts_leave_no_round_open(
    world: World, lost: list[int], restarted: list[int]
) -> None:
    """A round ends closed or void, or closed and too few can answer; it never waits without end."""
    world.round(changes_of(1))
    world.collect(changes_of(2))
    world.freeze()
    world.server.ask_to_open()
    seen: set[int] = set()

    def lose_the_first(member: int, data: bytes) -> bytes | None:
        if kind_of(data) != AnswerReply.KIND or member not in lost or member in seen:
            return data
        seen.add(member)
        return None

    def restart_before_it_hears(member: int, data: bytes) -> bytes:
        if kind_of(data) == AnswerRequest.KIND and member in restarted:
            restart(world, member)
        return data

    world.from_member, world.to_member = lose_the_first, restart_before_it_hears
    world.consult()
    answers = 4 - len(restarted)
    if answers < 3:
        with pytest.raises(ProtocolError, match="closed, but only 2 of the 3"):
            world.server.close_round()
        return
    assert world.heard(world.server.close_round()).included == tuple(ALL)
    world.check_tables()
