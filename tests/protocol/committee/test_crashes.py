"""Servers and participants that crash in the middle of a round, and come back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from fedmf.errors import MessageError, ProtocolError
from fedmf.protocol import ClosingMessage
from fedmf.protocol.committee.server_round import FrozenUploads
from fedmf.protocol.committee.server_table import CommitteeTable
from fedmf.protocol.session import OpenedBy
from tests.protocol.committee.world import World, changes_of, committee_server

ALL = range(5)
OPENED_BY: list[OpenedBy] = ["participants", "server"]


def frozen(world: World) -> bytes:
    """Play up to the frozen set, after a first round."""
    world.round(changes_of(1))
    world.collect(changes_of(2))
    return world.freeze()


def crash(world: World) -> None:
    """Put another server in the place of this one, with what is on its disk."""
    payload, closings = world.server.payload(), world.server.closings
    table = CommitteeTable(world.charter)
    table.start(world.start)
    table.restore(payload)
    read = [
        ClosingMessage.from_bytes(one.to_bytes(world.session), world.session) for one in closings
    ]
    world.server = committee_server(table, world.committee._spool, read)


def go_on(world: World) -> None:
    closing = world.heard(world.answered())
    assert closing.included == tuple(ALL)
    world.check_tables()
    world.round(changes_of(3))
    world.check_tables()


@pytest.mark.parametrize("opened_by", OPENED_BY)
@pytest.mark.parametrize("answered", [0, 1, 3, 4])
def test_a_frozen_round_goes_on_after_a_crash(opened_by: OpenedBy, answered: int) -> None:
    """Whether members had answered by then or not."""
    world = World(5, opened_by=opened_by)
    kept = frozen(world)
    for member, request in list(world.promised().items())[:answered]:
        world.members[member].respond(request)
    crash(world)
    world.server.restore_frozen(kept)
    assert world.server.frozen() == kept
    go_on(world)


def test_a_frozen_round_goes_on_with_members_that_were_restarted_after_their_answer() -> None:
    world = World(5)
    kept = frozen(world)
    for member, request in world.promised().items():
        world.members[member].respond(request)
    world.members = [world.restarted_member(number) for number in range(4)]
    crash(world)
    world.server.restore_frozen(kept)
    go_on(world)


def test_no_other_set_is_answered_for_after_a_crash() -> None:
    world = World(5)
    kept = frozen(world)
    for member, request in world.promised().items():
        world.members[member].respond(request)
    crash(world)
    world.server.restore_frozen(kept)
    now = world.committee.now
    del now.included[4]
    now.listed = now.listed[:4]
    world.server.ask_to_open()
    with pytest.raises(ProtocolError, match="cannot end: 0 of the 3"):
        world.consult()
    assert all("another outcome" in why for why in world.committee.refusals.values())


@pytest.mark.parametrize("frozen_before", [False, True])
def test_a_round_that_a_crash_has_lost_is_void_and_the_next_one_works(frozen_before: bool) -> None:
    world = World(5)
    world.round(changes_of(1))
    world.collect(changes_of(2))
    if frozen_before:
        world.freeze()
    crash(world)
    world.server.prepare_round()
    world.consult()
    world.server.begin_round(ALL)
    closing = world.end()
    assert closing.included == ()
    assert not any(world.tell(closing).values())
    world.check_tables()
    world.round(changes_of(3))
    world.check_tables()


def test_uploads_that_come_after_a_crash_make_a_round() -> None:
    """Members kept their keys, so that the round begins as it did before."""
    world = World(5)
    sent = world.collect(changes_of(1), lost=[2, 3, 4])
    first = world.opening
    crash(world)
    world.server.prepare_round()
    world.consult()
    opening = world.server.begin_round(ALL)
    assert first is not None
    assert opening == first.to_bytes(world.charter)
    for number in (2, 3, 4):
        world.server.receive(sent[number].to_bytes(world.session))
    closing = world.end()
    assert world.tell(closing) == {0: False, 1: False, 2: True, 3: True, 4: True}
    world.expect(closing)
    world.check_tables()


def shorter(kept: bytes) -> bytes:
    return kept[:-1]


def empty(kept: bytes) -> bytes:
    return kept[:0]


def of_nobody(kept: bytes) -> bytes:
    return bytes(len(kept))


@pytest.mark.parametrize("damage", [shorter, empty, of_nobody])
def test_damaged_frozen_rounds_are_refused_and_change_nothing(
    damage: Callable[[bytes], bytes],
) -> None:
    world = World(5)
    kept = frozen(world)
    crash(world)
    with pytest.raises(MessageError):
        world.server.restore_frozen(damage(kept))
    assert world.server.frozen() == b""
    world.server.restore_frozen(kept)
    go_on(world)


def test_a_frozen_round_with_somebody_twice_is_refused() -> None:
    world = World(5)
    kept = frozen(world)
    crash(world)
    read = FrozenUploads.from_bytes(kept, charter=world.charter, round=world.server.next_round)
    assert read.to_bytes() == kept
    first, _, *others = read.included
    twice = replace(read, included=(first, first, *others))
    with pytest.raises(MessageError, match="must ascend"):
        world.server.restore_frozen(twice.to_bytes())
    assert world.server.frozen() == b""


def test_the_frozen_round_of_another_round_is_refused() -> None:
    world = World(5)
    kept = frozen(world)
    world.heard(world.answered())
    crash(world)
    with pytest.raises(MessageError, match="signature of a 'round key'"):
        world.server.restore_frozen(kept)
    world.round(changes_of(3))
    world.check_tables()


def test_a_round_under_way_is_not_replaced() -> None:
    world = World(5)
    kept = frozen(world)
    with pytest.raises(ProtocolError, match="round 2 is under way"):
        world.server.restore_frozen(kept)
    go_on(world)


def test_no_upload_comes_into_a_restored_round() -> None:
    world = World(5)
    kept = frozen(world)
    late = world.sent[0].to_bytes(world.session)
    crash(world)
    world.server.restore_frozen(kept)
    with pytest.raises(ProtocolError, match="after the deadline"):
        world.server.receive(late)
    go_on(world)


def test_there_is_nothing_frozen_in_a_void_round() -> None:
    world = World(5)
    world.collect(changes_of(1), lost=[0, 1, 2])
    world.freeze()
    assert world.server.frozen() == b""


def test_participants_that_vanish_count_for_nothing_and_come_back() -> None:
    """Before the table, before the opening, before their upload, and after it was lost."""
    everybody = range(7)
    world = World(7)
    world.round(changes_of(1, everybody))
    gone = {number: (world.roles.pop(number), world.protections.pop(number)) for number in (1, 2)}
    world.hand_out()
    world.begin_round(everybody)
    gone[3] = (world.roles.pop(3), world.protections.pop(3))
    changed = changes_of(2, everybody)
    world.changes = changed
    for number in (0, 4, 5):
        world.server.receive(world.upload(number, changed[number]).to_bytes(world.session))
    world.upload(6, changed[6])  # and the message is lost
    closing = world.close()
    assert closing.included == (0, 4, 5)
    world.check_tables()
    world.committee._table.keep_copy(world.protections[0].copy(), 1)
    for number, (role, protection) in gone.items():
        assert role.receive_closing(closing) is False
        world.roles[number], world.protections[number] = role, protection
    assert world.round(changes_of(3, everybody)).included == tuple(everybody)
    world.check_tables()


def test_a_process_that_died_while_it_answered_answers_for_that_set_alone() -> None:
    """The record is durable before the answer leaves, even where the answer never does."""
    world = World(5)
    frozen(world)
    world.server.ask_to_open()
    requests = world.server.requests()
    reply = world.members[0].respond(requests[0])
    world.members[0] = world.restarted_member(0)
    assert world.members[0].respond(requests[0]) == reply
