"""A key that a member shows ahead of its round, to save a journey, and what it is good for."""

from __future__ import annotations

import pytest

from fedmf.protocol.committee.certificate import Outcome
from fedmf.protocol.committee.exchange import (
    AnswerReply,
    EarlyKeyRequest,
    KeyReply,
    KeyRequest,
    Refusal,
    ReviewReply,
    ReviewRequest,
    VoteReply,
    VoteRequest,
)
from fedmf.protocol.committee.member import CommitteeMember
from fedmf.protocol.committee.opening import RoundKey
from fedmf.protocol.committee.standing import Standings
from fedmf.protocol.committee.upload import Kind
from fedmf.protocol.messages import kind_of
from tests.protocol.committee.world import World, changes_of

ALL = range(5)


@pytest.fixture
def world() -> World:
    return World(5)


def early(world: World, member: int, number: int) -> KeyReply | Refusal:
    request = EarlyKeyRequest(number).to_bytes(world.charter)
    reply = world.members[member].respond(request)
    kind = Refusal if kind_of(reply) == Refusal.KIND else KeyReply
    return kind.from_bytes(reply, world.charter)


def early_key(world: World, member: int, number: int) -> RoundKey:
    reply = early(world, member, number)
    assert isinstance(reply, KeyReply)
    return reply.key


def test_the_key_of_the_round_is_the_one_that_was_shown(world: World) -> None:
    """However often it was asked for, before the round and when it has begun."""
    shown = [early_key(world, member, 1) for member in range(4)]
    assert shown == [early_key(world, member, 1) for member in range(4)]
    world.collect(changes_of(1))
    assert world.opening is not None
    assert list(world.opening.keys) == shown
    assert early_key(world, 0, 1) == shown[0]
    world.close()
    world.check_tables()


def test_another_round_has_another_key(world: World) -> None:
    assert early_key(world, 0, 1) != early_key(world, 0, 2)


def test_a_round_that_is_over_gets_none(world: World) -> None:
    world.round(changes_of(2))
    refused = early(world, 0, 1)
    assert isinstance(refused, Refusal)
    assert "has begun already" in refused.reason


def test_an_early_key_keeps_no_member_from_ending_the_round_under_way(world: World) -> None:
    """It stands in no log: with a log entry, the round before would count as over."""
    world.collect(changes_of(3))
    before = [list(log.records()) for log in world.logs]
    for number in range(4):
        early_key(world, number, 2)
    assert [list(log.records()) for log in world.logs] == before
    world.close()
    world.round(changes_of(4))
    world.check_tables()
    for member in world.members:
        vote = member.vote(VoteRequest(3, Outcome(3), world.committee.previous))
        assert isinstance(vote, VoteReply)


class Careless(CommitteeMember):
    """Takes a round as begun as soon as it has shown a key for it."""

    def make_early_key(self, request: EarlyKeyRequest) -> KeyReply:
        reply = super().make_early_key(request)
        self._memory.ended = request.round - 1
        self._memory.last_ending = self._memory.outcome(request.round - 1)
        self._memory.standings = Credulous(self.charter.session)
        self.make_key(KeyRequest(request.round, ()))
        return reply


class Credulous(Standings):
    """Believes what an upload says of itself."""

    def check(self, participant: int, kind: Kind, bases: tuple[int, ...]) -> None:
        """Believe it."""


@pytest.mark.parametrize("careless", [True, False])
def test_no_member_reviews_a_round_before_it_has_seen_how_the_last_one_ended(
    world: World, *, careless: bool
) -> None:
    """A server that opens a round and shows nobody its end goes on only with careless members."""
    if careless:
        world.members = [
            Careless(world.charter, number, world.member_keys[number], world.logs[number])
            for number in range(4)
        ]
        world.server = world.fresh_server()
    world.round(changes_of(5))
    for member in range(4):
        early_key(world, member, 2)
    replies: list[bytes] = []
    withheld = 0

    def withhold(member: int, data: bytes) -> bytes | None:
        nonlocal withheld
        del member
        if kind_of(data) == KeyRequest.KIND:
            withheld += 1
            # The server has the keys already, and keeps the certificate to itself.
            return EarlyKeyRequest(2).to_bytes(world.charter)
        return data

    def note(member: int, reply: bytes) -> bytes:
        del member
        replies.append(reply)
        return reply

    world.to_member, world.from_member = withhold, note
    world.collect(changes_of(6))
    world.server.freeze()
    requests = world.server.requests()
    assert all(kind_of(one) == ReviewRequest.KIND for one in requests.values())
    replies = [world.members[member].respond(data) for member, data in requests.items()]
    assert withheld == 4
    kinds = {kind_of(reply) for reply in replies}
    assert kinds == ({ReviewReply.KIND} if careless else {Refusal.KIND})


def test_a_restarted_member_sits_the_round_of_its_early_key_out(world: World) -> None:
    """The secret half was only in memory; without it, the round goes on."""
    shown = early_key(world, 1, 1)
    world.members[1] = world.restarted_member(1)
    assert early_key(world, 1, 1) != shown
    stale = KeyReply(1, shown).to_bytes(world.charter)

    def from_member(member: int, reply: bytes) -> bytes:
        return stale if member == 1 and kind_of(reply) == KeyReply.KIND else reply

    world.from_member = from_member
    closing = world.round(changes_of(7))
    assert closing.included == tuple(ALL)
    world.check_tables()


def test_a_review_that_is_asked_for_again_is_answered_alike(world: World) -> None:
    """And one of other uploads is refused, as ever."""
    world.collect(changes_of(8))
    world.server.freeze()
    requests = world.server.requests()
    request = requests[0]
    first = world.members[0].respond(request)
    assert kind_of(first) == ReviewReply.KIND
    assert world.members[0].respond(request) == first
    whole = ReviewRequest.from_bytes(request, world.charter)
    fewer = ReviewRequest(whole.round, whole.opening, whole.table, whole.entries[1:])
    refused = world.members[0].respond(fewer.to_bytes(world.charter))
    assert kind_of(refused) == Refusal.KIND
    for member, data in requests.items():
        world.server.hear(member, world.members[member].respond(data))
    world.consult()
    answers = [world.members[m].respond(data) for m, data in world.promised().items()]
    assert {kind_of(answer) for answer in answers} == {AnswerReply.KIND}
    assert kind_of(world.members[0].respond(request)) == Refusal.KIND
