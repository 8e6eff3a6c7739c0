"""Sums of too few uploads, or of too few that mean something, are never opened."""

from __future__ import annotations

import numpy as np
import pytest

from fedmf.protocol.committee.exchange import Refusal
from fedmf.protocol.committee.member import CommitteeMember
from tests.protocol.committee.adversary import Adversary
from tests.protocol.committee.world import World, dense, no_change, random_change, random_changes

VICTIM = 4
OTHERS = (0, 1, 2, 3)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)


@pytest.fixture
def careless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Members answer for any set: the countermeasure, switched off."""
    monkeypatch.setattr(CommitteeMember, "_check_lots", lambda *_: None)


def watched(world: World, server: Adversary, numbers: tuple[int, ...]) -> list[str]:
    """Have members answer for a set; return why they refuse."""
    replies = []
    for member in world.members:
        server.show(member, server.uploads)
        replies.append(server.ask(member, numbers))
    return [reply.reason for reply in replies if isinstance(reply, Refusal)]


def alone(rng: np.random.Generator) -> tuple[World, Adversary]:
    """Return a round with the victim and one participant that tells the server its change."""
    world = World(5, opened_by="server")
    return world, Adversary(world, world.collect(random_changes(rng, (0, VICTIM))))


@pytest.mark.usefixtures("careless")
def test_a_sum_of_two_gives_the_victim_to_the_other(rng: np.random.Generator) -> None:
    world, server = alone(rng)
    assert watched(world, server, (0, VICTIM)) == []
    opened = server.open(server.answers(world.members, (0, VICTIM)), (0, VICTIM))
    np.testing.assert_array_equal(opened - dense(world.changes[0]), dense(world.changes[VICTIM]))


def test_members_answer_for_no_sum_of_two(rng: np.random.Generator) -> None:
    reasons = watched(*alone(rng), (0, VICTIM))
    assert len(reasons) == 4
    assert all("a set of 2 uploads; the charter says at least 3" in why for why in reasons)


def beside_others_without_news(
    rng: np.random.Generator, *, leaving: bool
) -> tuple[World, Adversary]:
    """Return a round in which the victim comes, or goes, and nobody else has anything new."""
    world = World(5, opened_by="server")
    first = random_changes(rng, (0, 1, 2, 3, VICTIM))
    world.round(first, lost=[] if leaving else [VICTIM])
    changes = {number: no_change() for number in OTHERS} | {VICTIM: random_change(rng)}
    return world, Adversary(world, world.collect(changes, leaving=[VICTIM] if leaving else []))


@pytest.mark.usefixtures("careless")
@pytest.mark.parametrize("leaving", [False, True])
def test_whoever_comes_or_goes_alone_is_the_sum(rng: np.random.Generator, leaving: bool) -> None:
    world, server = beside_others_without_news(rng, leaving=leaving)
    numbers = (*OTHERS, VICTIM)
    assert watched(world, server, numbers) == []
    opened = server.open(server.answers(world.members, numbers), numbers)
    np.testing.assert_array_equal(opened, dense(world.changes[VICTIM]))


@pytest.mark.parametrize(("leaving", "kind"), [(False, "join"), (True, "leave")])
def test_members_answer_for_nobody_who_comes_or_goes_alone(
    rng: np.random.Generator, leaving: bool, kind: str
) -> None:
    reasons = watched(*beside_others_without_news(rng, leaving=leaving), (*OTHERS, VICTIM))
    assert len(reasons) == 4
    assert all(
        f"1 uploads of kind {kind}; uploads of a kind come in lots" in why for why in reasons
    )


@pytest.mark.parametrize("leaving", [False, True])
def test_the_server_leaves_out_whoever_comes_or_goes_alone(
    rng: np.random.Generator, leaving: bool
) -> None:
    world, _ = beside_others_without_news(rng, leaving=leaving)
    assert world.close().included == OTHERS
    world.check_tables()


def test_three_come_and_go_together(rng: np.random.Generator) -> None:
    world = World(6)
    first = random_changes(rng, range(6))
    assert world.round(first, lost=[3, 4, 5]).included == (0, 1, 2)
    # The first batch brings updates from here on, the second comes in.
    assert world.round(random_changes(rng, range(6)), lost=[5]).included == (0, 1, 2)
    assert world.round(random_changes(rng, range(6))).included == tuple(range(6))
    closing = world.round(random_changes(rng, range(6)), leaving=[0, 1, 2])
    assert closing.included == tuple(range(6))
    world.check_tables()


def test_whoever_left_and_comes_back_is_a_newcomer(rng: np.random.Generator) -> None:
    world = World(6)
    world.round(random_changes(rng, range(6)))
    world.round(random_changes(rng, range(6)), leaving=[0, 1, 2])
    assert world.round(random_changes(rng, (0, 1, 3, 4, 5))).included == (3, 4, 5)
    assert world.round(random_changes(rng, range(6))).included == tuple(range(6))
    world.check_tables()


def test_batches_that_complaints_make_too_small_are_left_out(rng: np.random.Generator) -> None:
    world = World(7, smallest_cohort=3)
    world.round(random_changes(rng, range(4)))
    world.collect(random_changes(rng, range(7)))
    world.spoil_envelopes(6)
    closing = world.close()
    assert closing.included == (0, 1, 2, 3)
    assert set(world.committee.complaints.values()) == {(6,)}
    world.check_tables()


def test_a_round_with_too_few_uploads_is_void_and_changes_nothing(
    rng: np.random.Generator,
) -> None:
    world = World(5)
    world.round(random_changes(rng, range(5)))
    closing = world.round(random_changes(rng, range(5)), lost=[0, 1, 2])
    assert closing.included == ()
    assert not closing.counts(world.session)
    assert world.server.counted_rounds == 1
    world.check_tables()
    assert world.round(random_changes(rng, range(5))).included == tuple(range(5))
    world.check_tables()


def test_a_round_without_uploads_is_void() -> None:
    world = World(5)
    assert world.round({0: no_change()}, lost=[0]).included == ()
    world.check_tables()
