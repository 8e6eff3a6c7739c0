"""One set of uploads in a round: with two opened sets, anyone could read their difference."""

from __future__ import annotations

import numpy as np
import pytest

from fedmf.errors import MessageError, OpenError, ProtocolError
from fedmf.protocol import ClosingMessage, Int64Array
from fedmf.protocol.committee.certificate import Outcome
from fedmf.protocol.committee.closing import ClosingProof
from fedmf.protocol.committee.exchange import (
    AnswerReply,
    AnswerRequest,
    KeyReply,
    PromiseReply,
    PromiseRequest,
    Refusal,
    VoteRequest,
)
from fedmf.protocol.committee.member import CommitteeMember
from fedmf.protocol.committee.member_log import ForgetfulLog, Memory
from fedmf.protocol.session import OpenedBy
from tests.protocol.committee.adversary import Adversary
from tests.protocol.committee.world import World, changes_of, dense

VICTIM = 4
ALL, OTHERS = (0, 1, 2, 3, 4), (0, 1, 2, 3)


def begun(
    opened_by: OpenedBy = "server", *, members: int = 4, threshold: int = 3
) -> tuple[World, Adversary]:
    """Return a round in which everybody has uploaded, and an adversary in the server's place."""
    world = World(5, opened_by=opened_by, members=members, threshold=threshold)
    changes = changes_of(3, ALL)
    return world, Adversary(world, world.collect(changes))


def victims(world: World) -> Int64Array:
    return dense(world.changes[VICTIM])


def snapshot(member: CommitteeMember, log: ForgetfulLog) -> CommitteeMember:
    """Return the member as a copy of its machine would be, with another log."""
    twin = CommitteeMember(member.charter, member.number, member._key, log)
    twin._round = member._round
    return twin


class ForgetfulMember(CommitteeMember):
    """Answers as often as it is asked: the countermeasure, switched off."""

    def promise(self, request: PromiseRequest) -> PromiseReply:
        self._memory = Memory(ForgetfulLog(), self.charter, self.number)
        return super().promise(request)

    def answer(self, request: AnswerRequest) -> AnswerReply:
        held = self._round
        reply = super().answer(request)
        self._round = held
        return reply


def make_forgetful(world: World) -> None:
    for number, member in enumerate(world.members):
        world.members[number] = ForgetfulMember(
            world.charter, number, member._key, world.logs[number]
        )
        world.members[number]._round = member._round


@pytest.mark.parametrize("opened_by", ["participants", "server"])
def test_members_that_answer_twice_give_the_victim_away(opened_by: OpenedBy) -> None:
    """Second set, the countermeasure off; blind, the server needs one participant."""
    world, server = begun(opened_by)
    make_forgetful(world)
    for member in world.members:
        server.show(member, ALL)
    sums = [server.open(server.answers(world.members, s), s) for s in (ALL, OTHERS)]
    np.testing.assert_array_equal(sums[0] - sums[1], victims(world))


def test_a_member_answers_for_no_second_set() -> None:
    world, server = begun()
    for member in world.members:
        server.show(member, ALL)
        assert isinstance(server.ask(member, ALL), AnswerReply)
        refused = server.ask(member, OTHERS)
        assert isinstance(refused, Refusal)
        assert "another set or sum of round 1 was promised" in refused.reason


def test_a_member_repeats_its_answer_for_the_same_set() -> None:
    world, server = begun()
    member = world.members[0]
    server.show(member, ALL)
    first = server.ask(member, ALL)
    assert isinstance(first, AnswerReply)
    assert server.ask(member, ALL) == first
    assert server.ask(world.restarted_member(0), ALL) == first


def test_members_that_are_shown_different_sets_give_nothing_away() -> None:
    """Split view: two sets of 3 among 4 members have two in common, who answer one of them."""
    world, server = begun()
    for member in world.members:
        server.show(member, ALL)
    first = server.answers(world.members[:3], ALL)
    second = server.answers(world.members, OTHERS)
    assert (sorted(first), sorted(second)) == ([0, 1, 2], [3])
    np.testing.assert_array_equal(
        server.open(first, ALL), sum(dense(change) for change in world.changes.values())
    )
    with pytest.raises(OpenError):
        server.open(second, OTHERS)
    with pytest.raises(OpenError):
        server.open(first | second, OTHERS)


def test_a_member_answers_for_no_upload_that_it_was_not_shown() -> None:
    world, server = begun()
    server.show(world.members[0], OTHERS)
    refused = server.ask(world.members[0], ALL)
    assert isinstance(refused, Refusal)
    assert "cannot answer for: [4]" in refused.reason


def test_a_member_refuses_what_the_server_computes_otherwise() -> None:
    world, server = begun()
    member = world.members[0]
    server.show(member, ALL)
    request = PromiseRequest(server.round, ALL, server.outcome(OTHERS))
    refused = server.say(member, request)
    assert isinstance(refused, Refusal)
    assert "other uploads" in refused.reason


def test_a_member_reviews_a_round_once() -> None:
    world, server = begun()
    server.show(world.members[0], OTHERS)
    refused = server.show(world.members[0], ALL)
    assert isinstance(refused, Refusal)
    assert "reviewed already" in refused.reason


def test_one_restored_member_is_not_enough_for_a_second_set() -> None:
    """A copy of its machine, and its log put back: one such member is what (4, 3) bears."""
    world, server = begun()
    for member in world.members:
        server.show(member, ALL)
    twins = [snapshot(world.members[0], ForgetfulLog())]
    server.answers(world.members[:3], ALL)
    second = server.answers([*twins, world.members[3]], OTHERS)
    assert sorted(second) == [0, 3]
    with pytest.raises(OpenError):
        server.open(second, OTHERS)


def test_two_restored_members_give_the_victim_away() -> None:
    """One more than t > (c + f) / 2 allows."""
    world, server = begun()
    for member in world.members:
        server.show(member, ALL)
    twins = [snapshot(world.members[n], ForgetfulLog()) for n in (0, 1)]
    sums = [
        server.open(server.answers(members, numbers), numbers)
        for members, numbers in ((world.members[:3], ALL), ([*twins, world.members[3]], OTHERS))
    ]
    np.testing.assert_array_equal(sums[0] - sums[1], victims(world))


def test_a_restored_machine_with_its_log_answers_nothing_else() -> None:
    world, server = begun()
    member = world.members[0]
    server.show(member, ALL)
    twin = snapshot(member, world.logs[0])
    server.ask(member, ALL)
    # The log is the same file: what the one has written, the other reads when it starts.
    twin._memory = Memory(world.logs[0], world.charter, 0)
    refused = server.ask(twin, OTHERS)
    assert isinstance(refused, Refusal)
    assert "another set or sum of round 1 was promised" in refused.reason


def test_a_restarted_member_makes_no_second_key_and_abstains() -> None:
    world, server = begun()
    member = world.members[0] = world.restarted_member(0)
    for refused in (server.show(member, ALL), server.ask(member, ALL)):
        assert isinstance(refused, Refusal)
        assert "has no key for round 1 and abstains" in refused.reason
    assert world.close().included == ALL
    assert "was made already" in world.members[0].respond(
        world.key_request(1).to_bytes(world.charter)
    ).decode(errors="replace")
    world.check_tables()
    world.round(changes_of(5, ALL))
    assert world.opening is not None
    assert 0 in {key.member for key in world.opening.keys}
    world.check_tables()


def test_a_member_that_is_asked_again_repeats_its_key() -> None:
    world, server = begun()
    replies = [server.say(world.members[0], world.key_request(1)) for _ in range(2)]
    assert isinstance(replies[0], KeyReply)
    assert replies[0] == replies[1]
    assert replies[0].key in server.opening.keys


def repeat_without_the_victim(world: World, server: Adversary) -> Int64Array:
    """Open the round, claim that it is void, and have it repeated; return the difference."""
    for member in world.members:
        server.show(member, ALL)
    opened = server.open(server.answers(world.members[:3], ALL), ALL)
    void = server.certificate(world.members, Outcome(1))
    world.tell(ClosingMessage(1, (), (), ClosingProof(void).to_bytes()))
    world.server = world.fresh_server([ClosingMessage(1, (), (), ClosingProof(void).to_bytes())])
    uploads = world.collect(world.changes, lost=[VICTIM])
    again = Adversary(world, {n: uploads[n] for n in OTHERS})
    for member in world.members:
        again.show(member, OTHERS)
    return opened - again.open(again.answers(world.members, OTHERS), OTHERS)


def test_members_that_call_a_round_void_after_their_answer_give_the_victim_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world, server = begun()
    for forgotten in ("note_outcome", "check_remembered"):
        monkeypatch.setattr(Memory, forgotten, lambda *_: None)
    np.testing.assert_array_equal(repeat_without_the_victim(world, server), victims(world))


def test_no_round_is_void_after_t_members_have_answered() -> None:
    world, server = begun()
    for member in world.members:
        server.show(member, ALL)
    server.answers(world.members[:3], ALL)
    void = server.certificate(world.members, Outcome(1))
    assert [vote.member for vote in void.votes] == [3]
    with pytest.raises(MessageError, match="1 signatures where 3 members have to sign"):
        world.tell(ClosingMessage(1, (), (), ClosingProof(void).to_bytes()))
    assert all(role.round == 1 for role in world.roles.values())


def test_no_member_answers_after_it_called_the_round_void() -> None:
    world, server = begun()
    for member in world.members:
        server.show(member, ALL)
    assert len(server.certificate(world.members, Outcome(1)).votes) == 4
    assert server.answers(world.members, ALL) == {}
    restarted = [world.restarted_member(number) for number in range(4)]
    assert server.answers(restarted, ALL) == {}
    # Nor does it make another key for that round.
    assert isinstance(server.say(restarted[0], world.key_request(1)), Refusal)


def test_a_member_signs_one_outcome_of_a_round() -> None:
    world, server = begun()
    for member in world.members:
        server.show(member, ALL)
    server.answers(world.members, OTHERS)
    closed = server.certificate(world.members, server.outcome(OTHERS))
    assert len(closed.votes) == 4
    assert server.certificate(world.members, server.outcome(OTHERS)) == closed
    for other in (Outcome(1), server.outcome(ALL)):
        assert server.certificate(world.members, other).votes == ()
    restarted = [world.restarted_member(number) for number in range(4)]
    assert server.certificate(restarted, Outcome(1)).votes == ()


def test_a_vote_for_another_round_than_the_messages_is_refused() -> None:
    world, _ = begun()
    with pytest.raises(ProtocolError, match="outcome of round 2 in round 1"):
        world.members[0].vote(VoteRequest(1, Outcome(2), None))
