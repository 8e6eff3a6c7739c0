"""Members that are not there: down to t of them rounds go on, below t they are void."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from fedmf.errors import ProtocolError
from fedmf.protocol.committee.certificate import Outcome
from fedmf.protocol.committee.exchange import (
    AnswerReply,
    AnswerRequest,
    KeyRequest,
    ReviewRequest,
    VoteReply,
    VoteRequest,
)
from fedmf.protocol.messages import kind_of
from fedmf.protocol.session import OpenedBy
from tests.protocol.committee.adversary import Adversary
from tests.protocol.committee.world import Tamper, World, changes_of

EVERYTHING = (KeyRequest.KIND, ReviewRequest.KIND, AnswerRequest.KIND, VoteRequest.KIND)


def absent(members: Collection[int], kinds: Collection[int] = EVERYTHING) -> Tamper:
    """Lose messages of these kinds on their way to these members."""
    return lambda member, data: None if member in members and kind_of(data) in kinds else data


def lost_replies(members: Collection[int], kinds: Collection[int]) -> Tamper:
    return lambda member, data: None if member in members and kind_of(data) in kinds else data


def include(world: World, seed: int) -> tuple[int, ...]:
    return world.round(changes_of(seed)).included


@pytest.mark.parametrize("opened_by", ["participants", "server"])
@pytest.mark.parametrize(
    ("members", "threshold", "gone"),
    [(4, 3, [0]), (4, 3, [3]), (7, 5, [1, 4]), (2, 2, []), (1, 1, []), (10, 6, [0, 2, 4, 9])],
)
def test_t_members_are_enough(
    opened_by: OpenedBy, members: int, threshold: int, gone: list[int]
) -> None:
    world = World(5, opened_by=opened_by, members=members, threshold=threshold)
    for round_number in (1, 2):
        world.to_member = absent(gone)
        assert include(world, round_number) == (0, 1, 2, 3, 4)
        world.check_tables()


@pytest.mark.parametrize("kind", [ReviewRequest.KIND, AnswerRequest.KIND])
def test_one_of_four_that_leaves_in_between_is_no_loss(kind: int) -> None:
    world = World(5)
    world.to_member = absent([2], [kind, VoteRequest.KIND])
    assert include(world, 1) == (0, 1, 2, 3, 4)
    world.check_tables()


@pytest.mark.parametrize("kind", [KeyRequest.KIND, ReviewRequest.KIND, AnswerRequest.KIND])
def test_a_round_that_t_members_do_not_serve_is_void_and_the_next_one_works(kind: int) -> None:
    world = World(5)
    include(world, 1)
    lost = [0, 1] if kind != AnswerRequest.KIND else [0, 1, 2, 3]
    world.to_member = absent(lost, [kind])
    world.collect(changes_of(2))
    closing = world.close()
    assert closing.included == ()
    assert world.server.counted_rounds == 1
    world.check_tables()
    world.to_member = absent([])
    assert include(world, 3) == (0, 1, 2, 3, 4)
    assert world.server.next_round == 4
    world.check_tables()


def test_answers_that_get_lost_leave_their_members_out_of_the_next_round() -> None:
    """They have signed that the round closed; a certificate says otherwise, so they sit one out."""
    world = World(5)
    world.from_member = lost_replies([0], [AnswerReply.KIND])
    world.to_member = absent([1, 2, 3], [AnswerRequest.KIND])
    assert include(world, 1) == ()
    world.from_member = world.to_member = absent([])
    assert include(world, 2) == (0, 1, 2, 3, 4)
    assert world.committee.refusals[0] == "round 1 ended otherwise than this member saw"
    assert world.opening is not None
    assert [key.member for key in world.opening.keys] == [1, 2, 3]
    include(world, 3)
    assert [key.member for key in world.opening.keys] == [0, 1, 2, 3]
    world.check_tables()


def test_answers_that_get_lost_once_are_asked_for_again() -> None:
    world = World(5)
    lost = set()

    def lose_the_first(member: int, data: bytes) -> bytes | None:
        if kind_of(data) != AnswerReply.KIND or member in lost:
            return data
        lost.add(member)
        return None

    world.from_member = lose_the_first
    assert include(world, 1) == (0, 1, 2, 3, 4)
    assert lost == {0, 1, 2, 3}
    world.check_tables()


def test_a_round_that_too_few_can_end_is_ended_when_they_are_back() -> None:
    world = World(5)
    include(world, 1)
    world.to_member = absent([0, 1])
    world.server.prepare_round()
    for _ in range(2):
        with pytest.raises(ProtocolError, match="round 2 cannot end: 2 of the 3 members"):
            world.consult()
    world.to_member = absent([])
    world.consult()
    assert world.server.is_void
    world.tell(world.server.close_round())
    assert include(world, 2) == (0, 1, 2, 3, 4)
    world.check_tables()


def some_answers(world: World) -> None:
    """Have two members answer, and nobody else reply to anything any more."""
    world.collect(changes_of(1))
    world.freeze()
    world.server.ask_to_open()
    world.to_member = absent([2, 3])


def test_missing_answers_are_asked_for_again() -> None:
    world = World(5)
    some_answers(world)
    with pytest.raises(ProtocolError, match="round 1 cannot end: 2 of the 3"):
        world.consult()
    world.to_member = absent([3])
    world.consult()
    world.heard(world.server.close_round())
    world.check_tables()


def test_a_round_that_closed_with_too_few_answers_ends_the_session() -> None:
    world = World(5)
    world.collect(changes_of(1))
    server = Adversary(world, world.sent)
    world.freeze()
    world.server.ask_to_open()
    world.to_member = absent([2, 3], [AnswerRequest.KIND])
    world.consult()
    for _ in range(2):
        with pytest.raises(ProtocolError, match=r"closed, but only 2 of the 3 members.*new one"):
            world.server.close_round()
    # No other set of the round is ever opened, nor this one again.
    for numbers in ((0, 1, 2, 3, 4), (0, 1, 2, 3)):
        answers = server.answers(world.members, numbers)
        assert set(answers) <= {0, 1}
    with pytest.raises(ProtocolError, match="still under way"):
        world.server.prepare_round()
    world.server.requests()


def test_answers_that_come_while_votes_are_asked_still_count() -> None:
    world = World(5)
    world.collect(changes_of(1))
    world.freeze()
    kept = {m: world.members[m].respond(r) for m, r in world.promised().items()}
    for member in (0, 1):
        world.server.hear(member, kept[member])
    assert set(world.server.requests()) == {2, 3}  # asked once more
    votes = world.server.requests()
    assert {kind_of(request) for request in votes.values()} == {VoteRequest.KIND}
    world.server.hear(2, kept[2])
    world.consult()
    world.heard(world.server.close_round())
    world.check_tables()


def test_replies_that_are_none_count_as_refusals() -> None:
    world = World(5)
    world.from_member = lambda member, data: b"nonsense" if member == 2 else data
    assert include(world, 1) == (0, 1, 2, 3, 4)
    assert "a message has at least" in world.committee.refusals[2]
    world.check_tables()


def test_replies_in_anothers_name_count_as_refusals() -> None:
    world = World(5)
    said: dict[int, bytes] = {}

    def as_member_zero(member: int, data: bytes) -> bytes:
        said.setdefault(kind_of(data), data)
        return said[kind_of(data)] if member == 3 else data

    world.from_member = as_member_zero
    assert include(world, 1) == (0, 1, 2, 3, 4)
    assert world.committee.refusals[3] == "not a reply of member 3 in round 1"
    world.check_tables()


def test_replies_that_nobody_asked_for_count_as_refusals() -> None:
    world = World(5)
    world.collect(changes_of(1))
    vote = world.members[0].vote(VoteRequest(1, Outcome(1), None))
    world.server.hear(0, vote.to_bytes(world.charter))
    assert world.committee.refusals[0] == "a message of kind 12, which nobody asked for"


def test_votes_for_another_outcome_count_as_refusals() -> None:
    world = World(5)
    outcomes = []

    def other(member: int, data: bytes) -> bytes:
        if member == 0 and kind_of(data) == VoteReply.KIND:
            vote = VoteReply.from_bytes(data, world.charter)
            outcomes.append(vote.outcome)
            wrong = Adversary(world, world.sent).outcome([0])
            return VoteReply(1, 0, wrong, vote.vote).to_bytes(world.charter)
        return data

    world.from_member = other
    world.to_member = absent([0, 1, 2, 3], [AnswerRequest.KIND])
    assert include(world, 1) == ()
    assert len(outcomes) == 1
    assert world.committee.refusals[0] == "member 0 signed another outcome"


def test_members_without_a_key_that_is_one_stay_out() -> None:
    """Nobody could seal to it, and without the check nobody could upload."""
    from fedmf.protocol.committee.exchange import KeyReply
    from fedmf.protocol.committee.opening import RoundKey

    world = World(5)

    def malformed(member: int, data: bytes) -> bytes:
        if member != 1 or kind_of(data) != KeyReply.KIND:
            return data
        key = RoundKey.signed(1, bytes(32), 1, world.member_keys[1], world.charter)
        return KeyReply(1, key).to_bytes(world.charter)

    world.from_member = malformed
    assert include(world, 1) == (0, 1, 2, 3, 4)
    assert world.opening is not None
    assert [key.member for key in world.opening.keys] == [0, 2, 3]
    assert "does not keep anything secret" in world.committee.refusals[1]
    world.check_tables()
