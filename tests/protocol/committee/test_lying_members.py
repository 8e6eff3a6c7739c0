"""Members that answer with something else than their shares."""

from __future__ import annotations

import warnings
from collections.abc import Collection

import numpy as np
import pytest

from fedmf.errors import OpenError
from fedmf.protocol.committee.sums import LyingMemberWarning
from fedmf.protocol.session import OpenedBy
from tests.protocol.committee.liars import LIES, false_answer
from tests.protocol.committee.world import SHAPE, World, changes_of


def lies(world: World, liars: Collection[int], how: str) -> None:
    """Have members answer falsely."""
    world.from_member = lambda member, reply: (
        false_answer(world, member, reply, how) if member in liars else reply
    )


def play(world: World, seed: int) -> None:
    world.collect(changes_of(seed))
    world.close()


@pytest.mark.parametrize("opened_by", ["participants", "server"])
@pytest.mark.parametrize("how", LIES)
@pytest.mark.parametrize(
    ("members", "threshold", "liars"), [(4, 3, [1]), (4, 3, [3]), (7, 5, [0, 6]), (7, 5, [2])]
)
def test_liars_are_named_and_the_sum_is_exact(
    opened_by: OpenedBy, how: str, members: int, threshold: int, liars: list[int]
) -> None:
    world = World(5, opened_by=opened_by, members=members, threshold=threshold)
    lies(world, liars, how)
    world.collect(changes_of(1))
    names = ", ".join(map(str, liars))
    if opened_by == "server" and how == "no sum":
        # The server sees that before it opens anything.
        world.close()
        assert list(world.committee.refusals) == liars
        world.check_tables()
        return
    if opened_by == "server":
        with pytest.warns(LyingMemberWarning, match=f"members {names} answered"):
            world.close()
        world.check_tables()
        return
    world.close()
    with pytest.warns(LyingMemberWarning, match=f"members {names} answered"):
        world.check_tables()


@pytest.mark.parametrize("how", LIES)
@pytest.mark.parametrize(("members", "threshold"), [(1, 1), (2, 2), (3, 3)])
def test_one_liar_without_redundancy_opens_nothing_and_changes_nothing(
    how: str, members: int, threshold: int
) -> None:
    world = World(5, members=members, threshold=threshold)
    play(world, 1)
    world.check_tables()
    before = [part.copy() for part in world.opened()]
    lies(world, [0], how)
    world.collect(changes_of(2))
    world.close()
    for protection in world.protections.values():
        with pytest.raises(OpenError, match="does not open"):
            protection.open(world.server.payload())
        np.testing.assert_array_equal(protection.held.flat, SHAPE.flat(before))


@pytest.mark.parametrize(
    "how", ["one subset", "by one", "pads of tags", "pads of values", "pads by a word", "all pads"]
)
def test_one_liar_among_three_of_four_answers_opens_nothing(how: str) -> None:
    """The liar lies of the one subset that nobody else who is there can tell of, or of more."""
    world = World(5, opened_by="server")
    world.to_member = lambda member, data: None if member == 3 else data
    lies(world, [1], how)
    world.collect(changes_of(1))
    world.freeze()
    world.server.ask_to_open()
    world.consult()
    for _ in range(2):
        with pytest.raises(OpenError, match="does not open"):
            world.server.close_round()
    assert world.server.payload() == world.fresh_server().payload()
    assert world.server.counted_rounds == 0


def test_two_liars_among_four_open_nothing() -> None:
    world = World(5)
    lies(world, [0, 1], "by one")
    play(world, 1)
    with pytest.raises(OpenError, match="does not open"):
        world.protections[0].open(world.server.payload())


def test_honest_members_are_not_warned_of() -> None:
    world = World(5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        play(world, 1)
        world.check_tables()
