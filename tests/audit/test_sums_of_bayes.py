"""What opened sums of method `bayes` give away: each circumstance both ways."""

from __future__ import annotations

import pytest

from fedmf.audit.attacks import bayes_difference, lone_changes, rated_items, single_rater_rows
from fedmf.audit.observables import Adversary, Observables
from fedmf.audit.opening import bytes_by_item, uploads
from fedmf.audit.row import Row
from fedmf.audit.runs import PlayedRun, play
from fedmf.federation import Attendance, TrainingSettings
from fedmf.model import FloatArray
from tests.audit.runs_for_attacks import (
    ENOUGH,
    FEW,
    NETWORK,
    PARTICIPANT,
    SERVER,
    WITH_PARTICIPANT,
    everybody_else,
    ratings,
    run,
)

T_MEMBERS = Adversary(server=True, members=ENOUGH)
FEWER_MEMBERS = Adversary(server=True, members=FEW)
ROUND, VICTIM = 7, 3


def claims_of(
    played: PlayedRun, adversary: Adversary, learning_round: int = 1
) -> tuple[Observables, int, single_rater_rows.Claims]:
    seen, number = played.observe(adversary), played.plan.setup_rounds + learning_round
    return seen, number, single_rater_rows.attempt(seen, number)


def test_rows_of_one_rater_show_its_rating_and_stay_home_with_min_raters() -> None:
    exposed, kept = run("committee"), run("committee", min_raters=3)
    row = single_rater_rows.judge([claims_of(exposed, PARTICIPANT)], exposed.truth)
    assert row.value > row.chance + 0.1
    stayed = single_rater_rows.judge([claims_of(kept, PARTICIPANT)], kept.truth)
    assert (stayed.value, stayed.n) == (0.0, row.n)


def test_tiny_cohorts_show_ratings_of_their_members_and_a_blind_server_reads_none() -> None:
    tiny = [run("committee", min_raters=3, cohort=3, rounds=1, seed=seed) for seed in range(6)]
    found = [claims_of(played, PARTICIPANT) for played in tiny]
    row = single_rater_rows.judge(found, tiny[0].truth)
    assert row.value > row.chance + 0.1
    assert claims_of(tiny[0], SERVER)[2] == {}


def renewed(played: PlayedRun, adversary: Adversary) -> Row:
    seen = played.observe(adversary)
    found = bayes_difference.attempt(seen, everybody_else(adversary))
    return bayes_difference.judge(seen, found, played.truth)


@pytest.mark.parametrize(
    ("protection", "adversary", "opens"),
    [
        ("none", NETWORK, True),
        ("rlwe", WITH_PARTICIPANT, True),
        ("rlwe", NETWORK, False),
        ("committee", T_MEMBERS, True),
        ("committee", FEWER_MEMBERS, False),
    ],
)
def test_the_difference_of_two_contributions_is_as_good_as_one(
    protection: str, adversary: Adversary, opens: bool
) -> None:
    row = renewed(run(protection), adversary)
    assert row.succeeded is opens
    assert row.value > 0.95 if opens else row.value == 0.0


def changing(
    protection: str, *, joining: tuple[int, ...], leaving: tuple[int, ...], number: int = ROUND
) -> PlayedRun:
    settings = TrainingSettings(
        protection=protection, method="bayes", factors=6, rounds=number + 1, min_raters=1
    )
    attendance = Attendance(
        joins=dict.fromkeys(joining, number), leaves=dict.fromkeys(leaving, number)
    )
    return play(settings, ratings(), attendance)


def lone(played: PlayedRun, victims: tuple[int, ...], *, leaving: bool) -> Row:
    seen = played.observe(PARTICIPANT)
    found = lone_changes.attempt(seen, victims, leaving=leaving)
    return lone_changes.judge(seen, found, played.truth, leaving=leaving)


@pytest.mark.parametrize("leaving", [False, True])
def test_who_comes_or_goes_alone_is_read_and_a_committee_lets_nobody_do_so(
    leaving: bool,
) -> None:
    who = ((), (VICTIM,)) if leaving else ((VICTIM,), ())
    alone = lone(changing("rlwe", joining=who[0], leaving=who[1]), (VICTIM,), leaving=leaving)
    assert alone.value > 0.9
    waiting = lone(
        changing("committee", joining=who[0], leaving=who[1]), (VICTIM,), leaving=leaving
    )
    assert waiting.value == 0.0


def test_two_who_come_at_once_are_not_taken_for_one() -> None:
    played = changing("rlwe", joining=(VICTIM, VICTIM + 1), leaving=())
    assert lone(played, (VICTIM, VICTIM + 1), leaving=False).value == 0.0


def test_a_batch_of_joiners_shows_what_one_of_them_alone_rated() -> None:
    """The rule of batches hides whose it is, not that it is there."""
    joining = tuple(range(1, 8))
    played = changing("committee", joining=joining, leaving=(), number=14)
    found = [claims_of(played, PARTICIPANT, 14)]
    row = single_rater_rows.judge(found, played.truth, among=joining)
    assert row.n > 20
    assert row.value > row.chance + 0.1


SLICED = {"upload": "slices", "slices": 3, "rounds": 3, "min_raters": 1}


@pytest.mark.parametrize("protection", ["none", "rlwe", "committee"])
def test_slices_show_rated_items_to_whoever_opens_them_and_to_nobody_else(protection: str) -> None:
    played = run(protection, **SLICED)
    holder = {"none": SERVER, "rlwe": WITH_PARTICIPANT, "committee": T_MEMBERS}[protection]
    for adversary in (holder,) if protection == "none" else (SERVER, holder):
        seen = played.observe(adversary)
        found = rated_items.attempt(seen, everybody_else(adversary))
        row = rated_items.judge(seen, found, played.truth)
        assert row.succeeded is (adversary is holder)
        assert row.value == 1.0 if adversary is holder else row.value < 0.5


def test_looks_find_rated_items_slice_by_slice_where_the_whole_mask_is_known() -> None:
    played = run("committee", **SLICED)
    for adversary, blind in ((T_MEMBERS, False), (FEWER_MEMBERS, True)):
        seen, found = played.observe(adversary), dict[int, FloatArray]()
        for upload in uploads(seen):
            looked = rated_items.looks(bytes_by_item(seen, upload))
            found[upload.participant] = looked + found.get(upload.participant, 0.0)
        row = rated_items.judge(seen, found, played.truth)
        assert row.succeeded is not blind
        assert blind or row.value > 0.9
