"""What opened sums give away: single raters, small cohorts, coming and going."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from fedmf.audit.attacks.lone_returns import RatingsOfLoneReturns, RowsOfLoneReturns
from fedmf.audit.attacks.marker_rows import ROUNDS as MARKED_ROUNDS
from fedmf.audit.attacks.marker_rows import MarkerRows
from fedmf.audit.attacks.opened_sums import RowsOfSums
from fedmf.audit.attacks.rated_items import RatedItems
from fedmf.audit.attacks.ratings_from_tables import LoneChanges
from fedmf.audit.attacks.single_rater_rows import SingleRaterRows
from fedmf.audit.observables import Adversary
from fedmf.audit.runs import PlayedRun, play
from fedmf.audit.settings import LEAST_USERS, AuditSettings
from fedmf.audit.weakened import PlanThatCountsNoAbsences
from fedmf.federation import Attendance, TrainingPlan, make_plan

if TYPE_CHECKING:
    from fedmf.audit.attacks.attack import Attack, Found
    from fedmf.audit.row import Row
    from fedmf.ratings import Ratings

HONEST = 3
DRAWS = 6
"""How many small cohorts are drawn, by other seeds: each has few raters."""
VICTIMS = 6
CONVERGED = 8
"""From this round on others' contributions hardly move."""
RETURN, APART = 10, 5
"""The round in which the first comes back that was away, and how many later the next does."""
MANY_RATERS = 6
"""So many raters that one of them hardly moves a row."""
EARLY = 5
"""The first round that somebody misses whom four had summed that learned."""
PARTICIPANT, SERVER = Adversary(participants=(0,)), Adversary(server=True)


def sums_of_sgd(ratings: Ratings, settings: AuditSettings) -> Iterator[Row]:
    """Read rows with a single rater, with and without the rules that keep them from being opened.

    Parameters
    ----------
    ratings
        Of at least twelve users.
    """
    for part, changed, _ in _circumstances(ratings):
        run = play(settings.training("committee", "sgd", **changed), part)
        yield run.attacked(RowsOfSums(), PARTICIPANT, setting=_setting(part, changed))
    # The last run again: sums over everybody, of which the adversary takes its own out.
    setting = _setting(part, changed)
    for adversary in _all_but_a_few(run):
        yield run.attacked(RowsOfSums(), adversary, setting=setting)
    run = play(settings.training("committee", "sgd", min_raters=3, opened_by="server"), ratings)
    yield run.attacked(RatedItems(), SERVER)
    yield run.attacked(RowsOfSums(), SERVER, setting=f"{setting} (--open server)")


def sums_of_bayes(ratings: Ratings, settings: AuditSettings) -> Iterator[Row]:
    """Do the same under method `bayes`, with several draws of small cohorts; see `sums_of_sgd`."""
    for part, changed, draws in _circumstances(ratings):
        runs = []
        for draw in range(draws):
            drawn = replace(settings, seed=settings.seed + draw)
            runs.append(play(drawn.training("committee", "bayes", rounds=1, **changed), part))
        several = f", {draws} of them" if "cohort" in changed else ""
        yield from _linked(runs, PARTICIPANT, _setting(part, changed) + several)
    for adversary in _all_but_a_few(runs[0]):
        yield from _linked(runs, adversary, _setting(part, changed))


def _circumstances(ratings: Ratings) -> list[tuple[Ratings, dict[str, int], int]]:
    """Return ratings with the options of a training, and how many draws make a sample."""
    few = ratings.take(users=LEAST_USERS)
    return [
        (few, {"min_raters": 1}, 1),
        (few, {"min_raters": 3}, 1),
        (ratings, {"min_raters": 3, "cohort": HONEST}, DRAWS),
        (ratings, {"min_raters": 3, "cohort": LEAST_USERS}, DRAWS // 2),
        (ratings, {"min_raters": 3}, 1),
    ]


def _setting(ratings: Ratings, changed: Mapping[str, int]) -> str:
    cohort = f" in cohorts of {changed['cohort']}" if "cohort" in changed else ""
    return f"--min-raters {changed['min_raters']}, {ratings.n_users} users{cohort}"


def _all_but_a_few(run: PlayedRun) -> Iterator[Adversary]:
    for left in (HONEST, LEAST_USERS):
        corrupt = tuple(range(left, run.plan.session.participants))
        yield Adversary(server=True, members=(0, 1), participants=corrupt)


def _linked(runs: Sequence[PlayedRun], adversary: Adversary, setting: str) -> Iterator[Row]:
    attack = SingleRaterRows()
    seen = [run.observe(adversary) for run in runs]
    found = [attack.attempt(one, runs[0].others(adversary)) for one in seen]
    pairs = list(zip(seen, found, strict=True))
    yield from _told(attack.judge_runs(pairs, runs[0].truth, setting=setting))


def comings_and_goings(ratings: Ratings, settings: AuditSettings) -> Iterator[Row]:
    """Have participants join and leave alone, and in batches, as a committee wants it.

    Parameters
    ----------
    ratings
        Of at least twelve users. With so few that a committee cannot let anybody wait to leave,
        nobody tries to.
    """
    yield from _alone(ratings, settings)
    yield from _in_batches(ratings, settings)


def _alone(ratings: Ratings, settings: AuditSettings) -> Iterator[Row]:
    users = len(np.unique(ratings.users))
    joining = range(1, 1 + VICTIMS)
    leaving = range(1 + VICTIMS, min(1 + 2 * VICTIMS, users))
    joins = {one: CONVERGED + place for place, one in enumerate(joining)}
    leaves = {one: CONVERGED + VICTIMS + place for place, one in enumerate(leaving)}
    # One round more, so that the last to leave is missed.
    rounds = 1 + max(leaves.values())
    run = play(
        settings.training("rlwe", "bayes", min_raters=3, rounds=rounds),
        ratings,
        Attendance(joins=joins, leaves=leaves),
    )
    for victims, is_leaving in ((joining, False), (leaving, True)):
        yield run.attacked(
            LoneChanges(leaving=is_leaving),
            PARTICIPANT,
            victims=victims,
            setting="no rule: one in a round",
        )


def _in_batches(ratings: Ratings, settings: AuditSettings) -> Iterator[Row]:
    for converged in (CONVERGED, CONVERGED // 2, 2):
        if rows := list(_in_batches_until(ratings, settings, converged)):
            yield from rows
            return


def _in_batches_until(ratings: Ratings, settings: AuditSettings, converged: int) -> Iterator[Row]:
    chosen = settings.training("committee", "bayes", min_raters=3, rounds=converged)
    least = _smallest_batch(ratings, settings)
    joining = range(1, 1 + least)
    # They come one after the other, and wait until they are enough.
    joins = {one: 2 + (converged - 2) * place // (least - 1) for place, one in enumerate(joining)}
    users = len(np.unique(ratings.users))
    leaving = range(1 + least, min(1 + least + VICTIMS, users - least + 1))
    leaves = {one: 2 + place for place, one in enumerate(leaving)}
    run = play(chosen, ratings, Attendance(joins=joins, leaves=leaves))
    if run.rounds < converged:
        # A small federation has converged by then, and its committee opens nothing more.
        return
    setting = f"the committee's rule: {least} at least"
    for victims, is_leaving in ((joining[:VICTIMS], False), (leaving, True)):
        if len(victims) > 1:
            attack = LoneChanges(leaving=is_leaving)
            yield run.attacked(attack, PARTICIPANT, victims=victims, setting=setting)
    rows = SingleRaterRows(converged, among=joining)
    yield from _told(run.attacked(rows, PARTICIPANT, setting=f"{least} joiners at once"))


def returns(ratings: Ratings, settings: AuditSettings) -> Iterator[Row]:
    """Have participants come back alone, with and without the rule that makes them wait.

    Parameters
    ----------
    ratings
        Of so many users that a committee still has enough of them while some are away.
    """
    spare = ratings.n_users - _smallest_batch(ratings, settings)
    victims = range(1, 1 + min(VICTIMS, spare))
    if not victims:
        return
    back = {one: RETURN + APART * place for place, one in enumerate(victims)}
    since_setup = {one: range(1, number) for one, number in back.items()}
    yield from _both_ways(
        ratings, settings, RatingsOfLoneReturns(), since_setup, "away since the set-up"
    )
    learned = {victims[-1]: range(EARLY, RETURN + 2)}
    yield from _both_ways(
        ratings, settings, RowsOfLoneReturns(), learned, f"away since learning round {EARLY}"
    )


def marked(ratings: Ratings, settings: AuditSettings) -> Iterator[Row]:
    """Have two participants mark rows with few raters, with and without `--min-raters` to spare.

    Parameters
    ----------
    ratings
        Of at least twelve users.
    """
    few, two = ratings.take(users=LEAST_USERS), (0, 1)
    for least in (3, MANY_RATERS):
        chosen = settings.training("committee", "bayes", min_raters=least, rounds=MARKED_ROUNDS)
        run = play(chosen, few, marking=two)
        setting = f"--min-raters {least}, two mark rows, {few.n_users} users"
        yield from _told(run.attacked(MarkerRows(), Adversary(participants=two), setting=setting))


def _both_ways(
    ratings: Ratings,
    settings: AuditSettings,
    attack: Attack[Found],
    away: Mapping[int, range],
    named: str,
) -> Iterator[Row]:
    rounds = 2 + max(missed[-1] for missed in away.values())
    chosen = settings.training("committee", "bayes", min_raters=3, rounds=rounds)
    for kind, rule in (
        (PlanThatCountsNoAbsences, "no rule of absences"),
        (TrainingPlan, "the committee's rule"),
    ):
        run = play(chosen, ratings, Attendance(away=away), kind=kind)
        setting = f"{named}: {rule}"
        yield run.attacked(attack, PARTICIPANT, victims=list(away), setting=setting)


def _smallest_batch(ratings: Ratings, settings: AuditSettings) -> int:
    plan, _ = make_plan(settings.training("committee", "bayes", min_raters=3), ratings)
    assert plan.session.committee is not None  # noqa: S101 - protection committee
    return plan.session.committee.smallest_cohort


def _told(row: Row) -> Iterator[Row]:
    """Yield a row unless nobody has enough rows alone for anything to be counted."""
    if row.n:
        yield row
