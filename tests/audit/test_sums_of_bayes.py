"""What opened sums of method `bayes` give away: each circumstance both ways."""

from __future__ import annotations

import pytest

from fedmf.audit.attacks.lone_returns import RatingsOfLoneReturns, RowsOfLoneReturns
from fedmf.audit.attacks.marker_rows import ROUNDS, MarkerRows
from fedmf.audit.attacks.opened_sums import Claims
from fedmf.audit.attacks.ratings_from_tables import LoneChanges
from fedmf.audit.attacks.ratings_from_uploads import RenewedContributions
from fedmf.audit.attacks.single_rater_rows import SingleRaterRows
from fedmf.audit.observables import Adversary, Observables
from fedmf.audit.runs import PlayedRun, play
from fedmf.audit.weakened import PlanThatCountsNoAbsences
from fedmf.federation import Attendance, TrainingPlan, TrainingSettings
from tests.audit.runs_for_attacks import (
    FEWER_MEMBERS,
    NETWORK,
    PARTICIPANT,
    SERVER,
    T_MEMBERS,
    WITH_PARTICIPANT,
    ratings,
    run,
)

ROUND, VICTIM = 7, 3


def claims_of(played: PlayedRun, adversary: Adversary) -> tuple[Observables, Claims]:
    seen = played.observe(adversary)
    return seen, SingleRaterRows().attempt(seen, played.others(adversary))


def test_rows_of_one_rater_show_its_rating_and_stay_home_with_min_raters() -> None:
    exposed, kept = run("committee"), run("committee", min_raters=3)
    row = exposed.attacked(SingleRaterRows(), PARTICIPANT)
    assert row.value > row.chance + 0.1
    stayed = kept.attacked(SingleRaterRows(), PARTICIPANT)
    assert (stayed.value, stayed.n) == (0.0, row.n)


def test_tiny_cohorts_show_ratings_of_their_members_and_a_blind_server_reads_none() -> None:
    tiny = [run("committee", min_raters=3, cohort=3, rounds=1, seed=seed) for seed in range(6)]
    found = [claims_of(played, PARTICIPANT) for played in tiny]
    row = SingleRaterRows().judge_runs(found, tiny[0].truth)
    assert row.value > row.chance + 0.1
    assert claims_of(tiny[0], SERVER)[1] == {}


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
    row = run(protection).attacked(RenewedContributions(), adversary)
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


@pytest.mark.parametrize("leaving", [False, True])
def test_who_comes_or_goes_alone_is_read_and_a_committee_lets_nobody_do_so(
    leaving: bool,
) -> None:
    who = ((), (VICTIM,)) if leaving else ((VICTIM,), ())
    attack, victims = LoneChanges(leaving=leaving), (VICTIM,)
    alone = changing("rlwe", joining=who[0], leaving=who[1])
    assert alone.attacked(attack, PARTICIPANT, victims=victims).value > 0.9
    waiting = changing("committee", joining=who[0], leaving=who[1])
    assert waiting.attacked(attack, PARTICIPANT, victims=victims).value == 0.0


def test_two_who_come_at_once_are_not_taken_for_one() -> None:
    victims = (VICTIM, VICTIM + 1)
    played = changing("rlwe", joining=victims, leaving=())
    row = played.attacked(LoneChanges(leaving=False), PARTICIPANT, victims=victims)
    assert row.value == 0.0


def test_a_batch_of_joiners_shows_what_one_of_them_alone_rated() -> None:
    """The rule of batches hides whose it is, not that it is there."""
    joining = tuple(range(1, 8))
    played = changing("committee", joining=joining, leaving=(), number=14)
    row = played.attacked(SingleRaterRows(14, among=joining), PARTICIPANT)
    assert row.n > 20
    assert row.value > row.chance + 0.1


@pytest.mark.parametrize("kind", [PlanThatCountsNoAbsences, TrainingPlan])
def test_who_comes_back_alone_is_read_unless_absences_count(kind: type[TrainingPlan]) -> None:
    """At full size, 38 users and 200 items, the audit reads 235 of 262 ratings so."""
    away = {VICTIM: range(1, 12)}
    settings = TrainingSettings(method="bayes", factors=6, rounds=13, min_raters=1)
    played = play(settings, ratings(), Attendance(away=away), kind=kind)
    rows = played.attacked(RowsOfLoneReturns(), PARTICIPANT, victims=[VICTIM])
    values = played.attacked(RatingsOfLoneReturns(), PARTICIPANT, victims=[VICTIM])
    found = 0.9 if kind is PlanThatCountsNoAbsences else 0.0
    assert rows.value >= found
    # Not one item is named that the victim had not rated, and all ratings are right.
    assert rows.note.endswith(" 0 false")
    assert values.value == rows.value
    assert rows.succeeded is (found > 0)


@pytest.mark.parametrize("kind", [PlanThatCountsNoAbsences, TrainingPlan])
def test_who_was_away_while_the_model_moved_is_read_unless_absences_count(
    kind: type[TrainingPlan],
) -> None:
    away = {VICTIM: range(5, 12)}
    settings = TrainingSettings(method="bayes", factors=6, rounds=13, min_raters=1)
    played = play(settings, ratings(), Attendance(away=away), kind=kind)
    row = played.attacked(RowsOfLoneReturns(), PARTICIPANT, victims=[VICTIM])
    assert row.note.endswith(" 0 false")
    assert (row.value > 0) is row.succeeded is (kind is PlanThatCountsNoAbsences)


def test_two_participants_mark_a_row_and_read_what_its_rater_rated() -> None:
    """`--min-raters 3` counts them as raters; with more raters beside them nothing is found."""
    for least, reads in ((3, True), (6, False)):
        settings = TrainingSettings(method="bayes", factors=6, rounds=ROUNDS, min_raters=least)
        played = play(settings, ratings(users=12), marking=(0, 1))
        row = played.attacked(MarkerRows(), Adversary(participants=(0, 1)))
        assert row.succeeded is reads
        assert row.value > 0.9 if reads else row.n == 0
