"""Whoever comes back alone, after the set-up or after a while, is in no sum that gives it away."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from fedmf.errors import ProtocolError
from fedmf.protocol import Int64Array, RowChange
from fedmf.protocol.committee.exchange import KeyReply, Refusal
from fedmf.protocol.committee.member import CommitteeMember
from fedmf.protocol.committee.standing import Standings
from fedmf.protocol.committee.upload import Kind
from fedmf.protocol.slices import SliceTerms
from tests.protocol.committee.adversary import Adversary
from tests.protocol.committee.test_wire_format_of_a_committee import SLICED
from tests.protocol.committee.world import (
    World,
    changes_of,
    dense,
    make_session,
    no_change,
    random_change,
)

VICTIM = 4
OTHERS = (0, 1, 2, 3)
ALL = (*OTHERS, VICTIM)
FOR_EVER = 1000


def away(world: World, rounds: int) -> None:
    """Play a round with everybody, and some without the victim."""
    world.round(changes_of(1))
    for seed in range(rounds):
        world.round(changes_of(seed, OTHERS))


def back_alone(world: World) -> Adversary:
    """Let the victim come back while nobody else has anything new; have members see all of it."""
    changes = {number: no_change() for number in OTHERS} | changes_of(9, [VICTIM])
    server = Adversary(world, world.collect(changes))
    for member in world.members:
        server.show(member, ALL)
    return server


@pytest.mark.parametrize("rounds", [2, 5])
def test_whoever_comes_back_alone_is_the_sum_where_bases_may_be_of_any_age(rounds: int) -> None:
    """The rules off: no round is a set-up, and no base too old."""
    world = World(opened_by="server", rounds=9, setup_rounds=0, oldest_base=FOR_EVER)
    away(world, rounds)
    server = back_alone(world)
    opened = server.open(server.answers(world.members, ALL), ALL)
    np.testing.assert_array_equal(opened, dense(world.changes[VICTIM]))


@pytest.mark.parametrize(
    ("setup_rounds", "rounds", "kind"), [(1, 2, "first"), (1, 5, "first"), (0, 3, "renew")]
)
def test_members_answer_for_nobody_who_comes_back_alone(
    setup_rounds: int, rounds: int, kind: str
) -> None:
    world = World(opened_by="server", rounds=9, setup_rounds=setup_rounds)
    away(world, rounds)
    server = back_alone(world)
    for member in world.members:
        refusal = server.ask(member, ALL)
        assert isinstance(refusal, Refusal)
        assert f"1 uploads of kind {kind}; uploads of a kind come in lots" in refusal.reason


@pytest.mark.parametrize(("setup_rounds", "rounds"), [(1, 2), (0, 3)])
def test_the_server_leaves_out_whoever_comes_back_alone(setup_rounds: int, rounds: int) -> None:
    world = World(rounds=9, setup_rounds=setup_rounds)
    away(world, rounds)
    assert world.round(changes_of(9)).included == OTHERS
    world.check_tables()


@pytest.mark.parametrize("opened_by", ["participants", "server"])
def test_who_was_away_for_a_while_still_updates(opened_by: str) -> None:
    world = World(opened_by=opened_by, rounds=9)
    away(world, 2)
    assert world.committee.standings.frozen() == ()
    assert world.round(changes_of(8)).included == ALL
    world.check_tables()


def test_who_was_away_for_longer_is_frozen_until_enough_of_them_renew() -> None:
    world = World(8, rounds=12)
    everybody, some = range(8), (0, 1, 2, 3, 4)
    world.round(changes_of(1, everybody))
    for seed in range(3):
        world.round(changes_of(seed, some))
    assert world.committee.standings.frozen() == (5, 6, 7)
    assert all(one.standings.frozen() == (5, 6, 7) for one in world.protections.values())
    assert "frozen until a lot of its kind" in world.protections[5].waits(5)
    assert world.protections[5].waits(0) == ""
    # Two of them are too few, and stay in the table as they are.
    assert world.round(changes_of(4, range(7))).included == some
    world.check_tables()
    assert world.round(changes_of(5, everybody)).included == tuple(everybody)
    assert world.committee.standings.frozen() == ()
    # From here on they bring updates again.
    assert world.round(changes_of(6, [*some, 5])).included == (*some, 5)
    world.check_tables()


def test_a_lot_of_updates_is_as_large_as_any_other() -> None:
    world = World(8, rounds=12)
    world.round(changes_of(1, range(5)))
    # Three join, and only two of the others are there.
    assert world.round(changes_of(2, [0, 1, 5, 6, 7])).included == (5, 6, 7)
    world.check_tables()


class Insistent(Standings):
    """Takes every upload for an update."""

    def kind(self, participant: int) -> Kind:
        del participant
        return Kind.UPDATE

    def check(self, participant: int, kind: Kind, bases: tuple[int, ...]) -> None:
        """Believe it."""

    def waiting(self, kinds: Mapping[int, Kind]) -> frozenset[int]:
        """Let nobody wait."""
        del kinds
        return frozenset()


class Boastful(Insistent):
    """Says that it was in every round."""

    def bases(self, participant: int) -> tuple[int, ...]:
        return tuple(self.closed_rounds for _ in super().bases(participant))


@pytest.mark.parametrize("claims", [Insistent, Boastful])
def test_members_believe_no_header(claims: type[Standings]) -> None:
    """A server that takes such an upload, and a participant that lies, get complaints."""
    world = World(rounds=9, setup_rounds=1)
    away(world, 1)
    for believer in (world.committee, world.protections[VICTIM]):
        lied = claims(world.session)
        lied.__dict__.update(believer.standings.__dict__)
        believer.standings = lied
    server = back_alone(world)
    reply = server.show(world.restarted_member(0), ALL)
    assert isinstance(reply, Refusal)  # a member that was restarted has no key for the round
    assert world.close().included == OTHERS
    assert world.committee.complaints == dict.fromkeys(range(4), (VICTIM,))


def test_the_server_refuses_what_members_would_complain_about() -> None:
    world = World(rounds=9, setup_rounds=1)
    away(world, 1)
    lied = Insistent(world.session)
    lied.__dict__.update(world.protections[VICTIM].standings.__dict__)
    world.protections[VICTIM].standings = lied
    with pytest.raises(ProtocolError, match=r"kind update, where .* make it one of kind first"):
        world.collect(changes_of(3))


def test_a_member_that_was_restarted_or_absent_knows_all_sets() -> None:
    """Its log holds them; what it has missed the server tells it, from the round that it knows."""
    world = World(rounds=12)
    world.to_member = lambda member, data: None if member == 3 else data
    away(world, 3)
    world.to_member = lambda _, data: data
    world.members = [world.restarted_member(number) for number in range(4)]
    told: dict[int, int] = {}

    def note(member: int, data: bytes) -> bytes:
        told.setdefault(member, len(data))
        return data

    world.to_member = note
    server = back_alone(world)
    assert told[3] > 3 * told[0]
    for member in world.members:
        refusal = server.ask(member, ALL)
        assert isinstance(refusal, Refusal)
        assert "1 uploads of kind renew" in refusal.reason
        assert member._memory.ended == 4


def test_a_member_is_told_of_no_other_set() -> None:
    world = World(rounds=12)
    world.round(changes_of(1))
    request = world.key_request(2)
    (ending,) = request.endings
    for wrong, match in (
        (replace(ending, uploads=ending.uploads[:-1]), "other uploads than t members"),
        (
            replace(ending, uploads=tuple(replace(one, kind=Kind.LEAVE) for one in ending.uploads)),
            "other uploads than t members",
        ),
    ):
        refusal = world.members[0].respond(
            replace(request, endings=(wrong,)).to_bytes(world.charter)
        )
        assert match in Refusal.from_bytes(refusal, world.charter).reason
    reply = world.members[0].respond(request.to_bytes(world.charter))
    assert KeyReply.from_bytes(reply, world.charter).member == 0


def test_a_server_that_starts_again_knows_all_sets() -> None:
    world = World(rounds=12)
    away(world, 3)
    world.server = world.fresh_server(world.server.closings)
    assert world.committee.standings.frozen() == (VICTIM,)
    assert world.committee.standings.bases(0) == (4,)
    assert [one.certificate.outcome.round for one in world.committee.endings] == [1, 2, 3, 4]
    reply = world.restarted_member(0).respond(world.key_request(5).to_bytes(world.charter))
    assert KeyReply.from_bytes(reply, world.charter).member == 0


def test_a_leave_is_in_the_certificate() -> None:
    """Whoever hears it later, even after a restart, knows what is left in the table."""
    world = World(6, rounds=12)
    world.round(changes_of(1, range(6)))
    world.round(changes_of(2, range(6)), leaving=[0, 1, 2])
    for place in (0, 5):
        late = world.fresh_protection([place])
        late.replay(world.server.closings)
        assert late.standings.kind(place) == (Kind.JOIN if place == 0 else Kind.UPDATE)


def those_who_stay(
    lots: Sequence[Sequence[int]], leaving: Sequence[int], stays: int
) -> tuple[World, Adversary, Int64Array]:
    """Have lots come in one after the other, and some of them leave; others are there if enough.

    Return what the one who stays of a lot contributed, too.
    """
    world = World(sum(map(len, lots)), opened_by="server", rounds=9)
    there: dict[int, list[RowChange]] = {}
    for place, lot in enumerate(lots):
        coming = changes_of(place, lot)
        world.round(dict.fromkeys(there, no_change()) | coming)
        there |= coming
    back = {one: [RowChange(part.rows, -part.values) for part in there[one]] for one in leaving}
    staying = there.keys() - back.keys()
    changes = back | dict.fromkeys(staying if len(staying) > 2 else (), no_change())
    server = Adversary(world, world.collect(changes, leaving=leaving))
    return world, server, dense(there[stays])


ALMOST_ALL = ([(0, 1, 2, 3, 4)], (0, 1, 2, 3), 4)
"""All of the table but one participant leaves."""
ALMOST_A_LOT = ([(0, 1, 2), (3, 4, 5, 6)], (0, 1, 6), 2)
"""All of a lot but one leaves, together with one who tells what it takes back."""


@pytest.mark.parametrize("scene", [ALMOST_ALL, ALMOST_A_LOT])
def test_whoever_stays_alone_is_what_is_left_where_nobody_counts(
    scene: tuple[Sequence[Sequence[int]], Sequence[int], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CommitteeMember, "_check_lots", lambda *_: None)
    world, server, victims = those_who_stay(*scene)
    lots, leaving, _ = scene
    everybody = sorted(server.uploads)
    for member in world.members:
        server.show(member, everybody)
    opened = server.open(server.answers(world.members, everybody), everybody)
    came = dense(no_change()) + sum(dense(change) for change in changes_of(0, lots[0]).values())
    told = [dense(world.changes[one]) for one in leaving if one not in lots[0]]
    np.testing.assert_array_equal(came + opened - sum(told, 0 * came), victims)


@pytest.mark.parametrize("scene", [ALMOST_ALL, ALMOST_A_LOT])
def test_members_let_nobody_stay_alone(
    scene: tuple[Sequence[Sequence[int]], Sequence[int], int],
) -> None:
    world, server, _ = those_who_stay(*scene)
    for member in world.members:
        server.show(member, sorted(server.uploads))
        refusal = server.ask(member, sorted(server.uploads))
        assert isinstance(refusal, Refusal)
        assert "if these leave, 1 contributions stay, or so many of a lot" in refusal.reason


@pytest.mark.parametrize("scene", [ALMOST_ALL, ALMOST_A_LOT])
def test_who_must_not_leave_yet_waits(
    scene: tuple[Sequence[Sequence[int]], Sequence[int], int],
) -> None:
    world, server, _ = those_who_stay(*scene)
    leaving = scene[1]
    stayed = set(server.uploads) - set(leaving)
    assert world.close().included == tuple(sorted(stayed))
    assert world.committee.now.waiting == set(leaving)
    world.check_tables()


def test_all_may_leave_at_once() -> None:
    world = World(6, rounds=9)
    coming = changes_of(1, range(6))
    world.round(coming)
    back = {one: [RowChange(part.rows, -part.values) for part in coming[one]] for one in coming}
    assert world.round(back, leaving=list(back)).included == tuple(range(6))
    assert not any(world.committee.standings.is_in(one) for one in range(6))
    world.check_tables()


def test_a_few_silos_come_and_go_alone_and_the_rest_is_no_pair() -> None:
    """Their lots are of one, as the charter says; what stays in the table is still a set."""
    world = World(5, rounds=9, lone_lots=True)
    first = changes_of(1, range(4))
    world.round(first)
    assert world.round(changes_of(2, range(5))).included == tuple(range(5))
    for leaver, included in ((0, (0, 1, 2, 3, 4)), (1, (1, 2, 3, 4)), (2, (3, 4))):
        there = [one for one in range(5) if one >= leaver]
        closing = world.round(changes_of(leaver, there), leaving=[leaver])
        assert closing.included == (included if len(included) > 2 else ())
    world.check_tables()


def test_partners_read_a_silo_that_comes_back_alone() -> None:
    world = World(opened_by="server", rounds=9, lone_lots=True, setup_rounds=1)
    away(world, 5)
    server = back_alone(world)
    opened = server.open(server.answers(world.members, ALL), ALL)
    np.testing.assert_array_equal(opened, dense(world.changes[VICTIM]))


def test_a_lot_is_as_new_to_every_part_of_the_table() -> None:
    """Two who are new to all that travels are no lot with others who are new to a slice only."""
    world, sliced = sliced_world()
    sliced(1, range(7))
    sliced(2, range(5))
    # All are new to the second slice, and two of them to the rest that travels in every round.
    assert sliced(3, range(7)) == (0, 1, 2, 3, 4)
    assert world.committee.now.waiting == {5, 6}
    server = Adversary(world, world.sent)
    with pytest.raises(ProtocolError, match="2 uploads of kind first"):
        Standings.check_set(certified(world, 2), dict.fromkeys(server.uploads, Kind.FIRST))
    world.check_tables()


def certified(world: World, rounds: int) -> Standings:
    """Return what the first rounds say."""
    found = Standings(world.session)
    for ending in world.committee.endings[:rounds]:
        found.note(ending.certificate.outcome.round, ending.uploads)
    return found


def sliced_world() -> tuple[World, Callable[[int, Sequence[int]], tuple[int, ...]]]:
    """Return a world with two slices, and what plays a round of it."""
    slices = SliceTerms(2, 5, ("items", "raters"), 1, ("raters",))
    world = World(session=make_session(7, shape=SLICED, slices=slices, rounds=12))

    def sliced(seed: int, numbers: Sequence[int]) -> tuple[int, ...]:
        part = world.session.schedule.load(world.committee.standings.closed_rounds + 1).part
        rng = np.random.default_rng(seed)
        drawn = {one: part.updated(None, random_change(rng, SLICED)) for one in numbers}
        return world.round(drawn).included

    return world, sliced


def kinds(standings: Standings, numbers: Sequence[int]) -> list[Kind]:
    return [standings.kind(number) for number in numbers]


def test_every_part_of_the_table_has_a_base_of_its_own() -> None:
    """Who missed a slice's turn is new to the slice, and to nothing else."""
    world, sliced = sliced_world()
    at_setup = range(6)
    assert sliced(1, at_setup) == tuple(at_setup)
    standings = world.committee.standings
    assert kinds(standings, range(7)) == [Kind.FIRST] * 6 + [Kind.JOIN]
    assert sliced(2, (0, 1, 2)) == (0, 1, 2)
    assert kinds(standings, range(7)) == [Kind.FIRST] * 6 + [Kind.JOIN]
    assert sliced(3, at_setup) == tuple(at_setup)
    assert kinds(standings, range(7)) == [Kind.UPDATE] * 3 + [Kind.FIRST] * 3 + [Kind.JOIN]
    assert sliced(4, (0, 1, 2, 3, 4)) == (0, 1, 2)
    assert sliced(5, range(7)) == tuple(at_setup)
    assert sliced(6, range(7)) == tuple(at_setup)
    assert kinds(standings, range(7)) == [Kind.UPDATE] * 6 + [Kind.JOIN]
    world.check_tables()
