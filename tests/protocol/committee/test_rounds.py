"""Whole rounds with a committee: everybody honest, some of them lost, one step after the other."""

import numpy as np
import pytest

from fedmf.errors import ProtocolError
from fedmf.protocol.session import OpenedBy
from tests.protocol.committee.world import World, changes_of, random_changes


@pytest.mark.parametrize("opened_by", ["participants", "server"])
def test_everybody_opens_the_exact_sum_of_what_was_included(opened_by: OpenedBy) -> None:
    world, rng = World(5, opened_by=opened_by), np.random.default_rng(1)
    for round_number in (1, 2, 3):
        lost = [1] if round_number == 2 else []
        closing = world.round(random_changes(rng, range(5)), lost=lost)
        assert closing.included == tuple(n for n in range(5) if n not in lost)
        world.check_tables()


def test_a_session_ends_after_its_rounds_and_void_ones_do_not_count() -> None:
    world, rng = World(5, rounds=2), np.random.default_rng(1)
    for lost in ((), range(5), ()):
        assert not world.server.is_over
        world.round(random_changes(rng, range(5)), lost=lost)
    assert world.server.is_over
    assert (world.server.counted_rounds, world.server.next_round) == (2, 4)
    with pytest.raises(ProtocolError, match="all 2 rounds of the session are over"):
        world.server.prepare_round()
    world.check_tables()


def test_a_round_goes_one_step_after_the_other() -> None:
    server = (world := World(5)).server
    with pytest.raises(ProtocolError, match="after members have made their keys"):
        server.begin_round(range(5))
    with pytest.raises(ProtocolError, match="no round under way to freeze"):
        server.freeze()
    with pytest.raises(ProtocolError, match="no certificate yet"):
        server.close_round()
    assert not server.requests()
    world.collect(changes_of(1))
    with pytest.raises(ProtocolError, match="changes while round 1 is under way"):
        server.table_message()
    server.ask_to_open()
    with pytest.raises(ProtocolError, match="no certificate yet"):
        server.close_round()
    with pytest.raises(ProtocolError, match="round 1 is still under way"):
        server.prepare_round()
    world.close()
    world.check_tables()


@pytest.mark.parametrize("opened_by", ["participants", "server"])
def test_copies_are_needed_where_the_server_does_not_hold_the_table(opened_by: OpenedBy) -> None:
    assert World(5, opened_by=opened_by).server.needs_copy == (opened_by == "participants")


def test_a_round_can_be_prepared_again_before_it_opens() -> None:
    world = World(5)
    keys = []
    for _ in range(2):
        world.server.prepare_round()
        world.consult()
        keys.append(dict(world.committee.now.keys))
    assert keys[0] == keys[1]
    world.round(changes_of(1))
    world.check_tables()
