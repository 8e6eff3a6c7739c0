"""A dishonest server: with each check of the committee nothing comes out, without it everything."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from fedmf.audit.arena import BlindArena
from fedmf.audit.attacks.dishonest_server import (
    ATTACKS,
    CHOSEN_TABLE,
    UNCHECKED,
    DishonestAttack,
)
from fedmf.crypto.derivation import MasterSecret
from fedmf.protocol import Int64Array
from fedmf.protocol.integrity_tags import IntegrityTags, tag_context
from fedmf.protocol.lattice_layout import committee_layout

RATINGS: Int64Array = np.array(
    [
        [3, 0, 5, 0, 1, 0],
        [0, 2, 0, 0, 4, 6],
        [1, 1, 0, 7, 0, 0],
        [0, 0, 8, 2, 2, 0],
        [6, 0, 0, 0, 3, 9],
    ]
)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_without_its_check_a_victims_ratings_come_out(attack: DishonestAttack) -> None:
    found = attack.attempt(RATINGS, [1, 3], checked=False)
    for victim in (1, 3):
        rated = np.flatnonzero(RATINGS[victim])
        assert found.loot[victim] == {int(j): int(RATINGS[victim, j]) for j in rated}
    assert found.refusals == []
    assert attack.judge(found, RATINGS, checked=False).succeeded


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_with_its_check_somebody_refuses(attack: DishonestAttack) -> None:
    found = attack.attempt(RATINGS, [1, 3], checked=True)
    assert found.loot == {1: {}, 3: {}}
    assert len(found.refusals) == 2
    assert not attack.judge(found, RATINGS, checked=True).succeeded


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a replayed table", "a server that replays a table isolates"),
        ("a round repeated without the victim", "another outcome of round 1 was signed"),
        ("a second set of uploads", "another set or sum of round 1 was promised"),
        ("a lone joiner", "1 uploads of kind join"),
        ("a lone leaver", "1 uploads of kind leave"),
        ("all but one leave", "if these leave, 1 contributions stay"),
        ("a chosen table", "is not the one that t members have checked"),
    ],
)
def test_the_refusal_is_the_checks_own(name: str, reason: str) -> None:
    attack = next(one for one in ATTACKS if one.name == name)
    assert reason in attack.attempt(RATINGS, [2], checked=True).refusals[0]


def test_a_server_that_is_trusted_for_the_table_can_single_a_victim_out() -> None:
    found = UNCHECKED.attempt(RATINGS, [1, 3], checked=True)
    assert UNCHECKED.judge(found, RATINGS, checked=True).value == 1.0


class GuessedTags(BlindArena):
    """Nobody has told the server what tags are made with."""

    def tags_of(self, shift: Int64Array) -> NDArray[np.uint64]:
        session = self.charter.session
        layout = committee_layout(session)
        context = tag_context(self.charter, 1)
        made_up = IntegrityTags(MasterSecret.fresh(), context, session.shape.values, layout.tags)
        return made_up.of(shift)


def test_without_a_participant_nobody_opens_a_table_that_the_server_chose() -> None:
    attack = replace(CHOSEN_TABLE, arena=GuessedTags)
    found = attack.attempt(RATINGS, [1, 3], checked=False)
    assert found.loot == {1: {}, 3: {}}
    assert all("does not open" in one for one in found.refusals)
