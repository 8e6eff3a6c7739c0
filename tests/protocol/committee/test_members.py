"""One member by itself: its keys, its log, and what it refuses to hear."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

import pytest

from fedmf.crypto.signatures import SigningKey
from fedmf.errors import KeyMaterialError, MessageError, ProtocolError
from fedmf.protocol.committee.certificate import Outcome
from fedmf.protocol.committee.exchange import (
    KeyReply,
    KeyRequest,
    Refusal,
    ReviewRequest,
    VoteRequest,
)
from fedmf.protocol.committee.member import CommitteeMember
from fedmf.protocol.committee.member_log import ForgetfulLog, Memory
from fedmf.protocol.messages import frame
from tests.protocol.committee.adversary import Adversary
from tests.protocol.committee.world import World, changes_of, make_session

ALL = range(5)


class CountingLog(ForgetfulLog):
    """Refuses to keep anything once its disk is full."""

    full = False

    def append(self, record: bytes) -> None:
        if self.full:
            raise OSError("no space left")
        super().append(record)


@pytest.fixture
def world() -> World:
    return World(5)


def begun(world: World) -> Adversary:
    return Adversary(world, world.collect(changes_of(2)))


def test_a_member_has_the_key_and_the_log_of_its_number(world: World) -> None:
    for number, key in (
        (0, world.member_keys[1]),
        (4, world.member_keys[0]),
        (-1, SigningKey.fresh()),
    ):
        with pytest.raises(ProtocolError, match=f"charter names for member {number}"):
            CommitteeMember(world.charter, number, key, ForgetfulLog())
    with pytest.raises(KeyMaterialError, match="log is of another member"):
        CommitteeMember(world.charter, 1, world.member_keys[1], world.logs[0])
    other = World(session=make_session(5, session_id=b"another session!"))
    other.member_keys = world.member_keys
    other.rebuild()
    with pytest.raises(KeyMaterialError, match="or of another charter"):
        CommitteeMember(world.charter, 0, world.member_keys[0], other.logs[0])


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"X",
        b"K",
        b"K123",
        b"K12345",
        b"V",
        b"V" + bytes(67),
        b"V" + bytes(69),
        b"A" + bytes(68),
    ],
)
def test_a_member_with_a_damaged_log_does_not_start(world: World, record: bytes) -> None:
    """What it cannot read it may have said."""
    world.logs[0].append(record)
    with pytest.raises(KeyMaterialError, match="log of member 0 is damaged"):
        world.restarted_member(0)


def test_a_log_that_contradicts_itself_is_damaged(world: World) -> None:
    for outcome in (Outcome(1), Outcome(1, b"1" * 32, b"2" * 32)):
        world.logs[0].append(b"V" + outcome.to_bytes())
    with pytest.raises(KeyMaterialError, match="another outcome of round 1"):
        world.restarted_member(0)


def test_records_are_kept_before_anything_leaves(world: World) -> None:
    """A member whose log is full says nothing, and does not even make a key."""
    log = CountingLog()
    member = world.members[0] = CommitteeMember(world.charter, 0, world.member_keys[0], log)
    log.full = True
    with pytest.raises(OSError, match="no space"):
        member.make_key(KeyRequest(1, ()))
    log.full = False
    server = begun(world)
    server.show(member, ALL)
    log.full = True
    for request in (server.ask, lambda m, _: server.certificate([m], Outcome(1))):
        with pytest.raises(OSError, match="no space"):
            request(member, tuple(ALL))
    log.full = False
    # It has said nothing, so that it is free to.
    assert server.answers([member], tuple(ALL)).keys() == {0}


def test_a_member_signs_what_its_log_holds_and_nothing_else(world: World) -> None:
    memory = Memory(ForgetfulLog(), world.charter, 0)
    closed = Outcome(2, b"1" * 32, b"2" * 32)
    assert (memory.newest_round, memory.has_key(1), memory.outcome(1), memory.answer(1)) == (
        0,
        False,
        None,
        b"",
    )
    memory.note_key(1)
    with pytest.raises(ProtocolError, match="made already"):
        memory.note_key(1)
    memory.note_outcome(Outcome(1))
    memory.note_outcome(closed, b"answer")
    memory.note_outcome(closed)
    for other in (Outcome(2), Outcome(1, b"1" * 32, b"2" * 32)):
        with pytest.raises(ProtocolError, match=f"another outcome of round {other.round}"):
            memory.note_outcome(other, b"another answer")
    again = Memory(memory._log, world.charter, 0)
    assert (again.newest_round, again.has_key(1), again.has_key(2)) == (2, True, False)
    assert (again.outcome(1), again.outcome(2), again.answer(2)) == (Outcome(1), closed, b"answer")
    assert len(memory._log.records()) == 4


def test_no_key_without_the_certificate_of_the_round_before(world: World) -> None:
    first = world.round(changes_of(1))
    (ending,) = world.committee.endings
    assert first.round == 1
    certificate = ending.certificate
    few = replace(ending, certificate=replace(certificate, votes=certificate.votes[:2]))
    fewer = replace(ending, uploads=ending.uploads[1:])
    member = world.members[0]
    for request, match in (
        (KeyRequest(2, (few,)), "2 signatures where 3"),
        (KeyRequest(2, (fewer,)), "lists other uploads than t members have signed"),
        (KeyRequest(2, ()), "round 2 follows on 1; this member was told how rounds ended up to 0"),
        (KeyRequest(3, (ending,)), "round 3 follows on 2; .* up to 1"),
        (KeyRequest(1, ()), "round 1 is over"),
    ):
        with pytest.raises((MessageError, ProtocolError), match=match):
            member.make_key(request)
    assert isinstance(member.make_key(KeyRequest(2, (ending,))), KeyReply)
    with pytest.raises(ProtocolError, match="round 1 is over: round 2 has begun"):
        member.make_key(KeyRequest(1, ()))


def test_no_votes_for_rounds_that_are_over(world: World) -> None:
    world.to_member = lambda member, data: None if member == 3 else data
    for seed in (1, 2):
        world.round(changes_of(seed))
    with pytest.raises(ProtocolError, match="round 1 is over"):
        world.members[0].vote(VoteRequest(1, Outcome(1, b"1" * 32, b"2" * 32), None))


def test_messages_for_others_get_a_refusal(world: World) -> None:
    reply = world.members[0].respond(frame(world.session, 6, 1, b""))
    refusal = Refusal.from_bytes(reply, world.charter)
    assert refusal.reason == "a message of kind 6 is not for a member of the committee"
    assert refusal.member == 0


def test_refusals_are_of_a_round_that_there_is(world: World) -> None:
    for data in (b"", b"short", frame(world.session, 5, 2**32 - 1, b""), bytes(90)):
        refusal = Refusal.from_bytes(world.members[0].respond(data), world.charter)
        assert 1 <= refusal.round <= world.session.last_round


def test_long_reasons_are_cut(world: World) -> None:
    refusal = Refusal(1, 0, "ä" * 5000).to_bytes(world.charter)
    assert len(Refusal.from_bytes(refusal, world.charter).reason) == 500


def test_a_member_reviews_nothing_that_was_opened_otherwise(world: World) -> None:
    server = begun(world)
    others = server.opening.keys[1:]
    member = world.members[0]
    with pytest.raises(ProtocolError, match="began without this member's key"):
        member.review(ReviewRequest(1, type(server.opening)(1, 1, others), server.table, ()))
    with pytest.raises(MessageError, match="version 2 of the roster"):
        member.review(
            ReviewRequest(1, type(server.opening)(1, 2, server.opening.keys), server.table, ())
        )
    with pytest.raises(MessageError, match="keys of 3 different members"):
        member.review(ReviewRequest(1, type(server.opening)(1, 1, others[:2]), server.table, ()))
    server.show(member, ALL)
    assert server.answers([member], tuple(ALL)).keys() == {0}


def test_secrets_of_a_round_are_gone_when_its_answer_leaves(world: World) -> None:
    server = begun(world)
    for member in world.members[:2]:
        server.show(member, ALL)
        assert member._round is not None
    server.ask(world.members[0], tuple(ALL))
    server.certificate([world.members[1]], Outcome(1))
    assert world.members[0]._round is None
    assert world.members[1]._round is None


def test_secrets_do_not_print(world: World) -> None:
    server = begun(world)
    member = world.members[0]
    server.show(member, ALL)
    assert member._round is not None
    seeds = next(iter(member._round.uploads.values())).seeds
    printed = (
        repr(member._round) + repr(member._round.uploads) + repr(server.ask(member, tuple(ALL)))
    )
    assert not any(repr(seed)[2:-1] in printed for seed in seeds.values())


@pytest.mark.parametrize("checked", [True, False])
def test_a_member_whose_log_was_put_back_sees_it_in_the_next_certificate(
    world: World, monkeypatch: pytest.MonkeyPatch, *, checked: bool
) -> None:
    if not checked:
        monkeypatch.setattr(Memory, "check_remembered", lambda *_: None)
    world.round(changes_of(1))
    older = list(world.logs[2].records())
    world.round(changes_of(2))
    world.logs[2]._records[:] = older
    member = world.members[2] = world.restarted_member(2)
    if checked:
        with pytest.raises(ProtocolError, match="older copy"):
            member.vote(VoteRequest(3, Outcome(3), world.committee.previous))
    with pytest.raises(ProtocolError, match="older copy") if checked else nullcontext():
        member.make_key(world.key_request(3))
    world.round(changes_of(3))
    assert world.opening is not None
    assert (2 in {key.member for key in world.opening.keys}) is not checked
    world.check_tables()
