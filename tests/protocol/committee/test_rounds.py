"""Whole rounds with a committee: everybody honest, some of them lost."""

import numpy as np
import pytest

from fedmf.protocol.committee.terms import OpenedBy
from tests.protocol.committee.world import World, random_change


@pytest.mark.parametrize("opened_by", ["participants", "server"])
def test_everybody_opens_the_exact_sum_of_what_was_included(opened_by: OpenedBy) -> None:
    world, rng = World(5, opened_by=opened_by), np.random.default_rng(1)
    for round_number in (1, 2, 3):
        lost = [1] if round_number == 2 else []
        closing = world.round({n: random_change(rng) for n in range(5)}, lost=lost)
        assert closing.included == tuple(n for n in range(5) if n not in lost)
        world.check_tables()
