"""What opened sums give away under method `bayes`: single raters, small cohorts, coming, going."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fedmf.audit.attacks import lone_changes, single_rater_rows
from fedmf.audit.observables import Adversary
from fedmf.audit.runs import PlayedRun, play
from fedmf.federation import Attendance, make_plan

if TYPE_CHECKING:
    from fedmf.audit.row import Row
    from fedmf.audit.suite import AuditSettings
    from fedmf.ratings import Ratings

FEW, HONEST = 12, 3
EPOCH = 6
"""Rounds of small cohorts: the more, the more raters are looked at."""
VICTIMS = 6
SETTLED = 8
"""From this round on others' contributions hardly move."""
PARTICIPANT = Adversary(participants=(0,))


def rows(ratings: Ratings, settings: AuditSettings) -> Iterator[Row]:
    """Read rows with a single rater, with and without the rules that keep them from being opened.

    Parameters
    ----------
    ratings
        Of at least twelve users.
    """
    few = ratings.take(users=FEW)
    runs: list[tuple[Ratings, dict[str, object]]] = [
        (few, {"min_raters": 1, "rounds": 1}),
        (few, {"min_raters": 3, "rounds": 1}),
        (ratings, {"min_raters": 3, "cohort": HONEST, "rounds": EPOCH}),
        (ratings, {"min_raters": 3, "cohort": FEW, "rounds": EPOCH // 2}),
        (ratings, {"min_raters": 3, "rounds": 1}),
    ]
    for part, changed in runs:
        run = play(settings.training("committee", "bayes", **changed), part)
        users, cohort = run.plan.session.participants, changed.get("cohort")
        size = f"{users} users" if cohort is None else f"{users} users in cohorts of {cohort}"
        yield _row(run, PARTICIPANT, f"--min-raters {changed['min_raters']}, {size}")
    for left in (HONEST, FEW):
        corrupt = tuple(range(left, run.plan.session.participants))
        adversary = Adversary(server=True, members=(0, 1), participants=corrupt)
        yield _row(run, adversary, f"--min-raters 3, {users} users")


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
    users = ratings.n_users
    joining = range(1, 1 + VICTIMS)
    leaving = range(1 + VICTIMS, min(1 + 2 * VICTIMS, users))
    joins = {one: SETTLED + place for place, one in enumerate(joining)}
    leaves = {one: SETTLED + VICTIMS + place for place, one in enumerate(leaving)}
    # One round more, so that the last to leave is missed.
    rounds = 1 + max(leaves.values())
    run = play(
        settings.training("rlwe", "bayes", min_raters=3, rounds=rounds),
        ratings,
        Attendance(joins=joins, leaves=leaves),
    )
    seen = run.observe(PARTICIPANT)
    for victims, is_leaving in ((joining, False), (leaving, True)):
        found = lone_changes.attempt(seen, victims, leaving=is_leaving)
        yield lone_changes.judge(
            seen, found, run.truth, leaving=is_leaving, setting="no rule: one in a round"
        )


def _in_batches(ratings: Ratings, settings: AuditSettings) -> Iterator[Row]:
    chosen = settings.training("committee", "bayes", min_raters=3, rounds=SETTLED)
    least = _smallest_batch(ratings, settings)
    joining = range(1, 1 + least)
    # They come one after the other, and wait until they are enough.
    joins = {one: 2 + (SETTLED - 2) * place // (least - 1) for place, one in enumerate(joining)}
    leaving = range(1 + least, min(1 + least + VICTIMS, ratings.n_users - least + 1))
    leaves = {one: 2 + place for place, one in enumerate(leaving)}
    run = play(chosen, ratings, Attendance(joins=joins, leaves=leaves))
    seen = run.observe(PARTICIPANT)
    setting = f"the committee's rule: {least} at least"
    for victims, is_leaving in ((joining[:VICTIMS], False), (leaving, True)):
        if len(victims) > 1:
            found = lone_changes.attempt(seen, victims, leaving=is_leaving)
            yield lone_changes.judge(seen, found, run.truth, leaving=is_leaving, setting=setting)
    number = run.plan.setup_rounds + SETTLED
    claims = {number: single_rater_rows.attempt(seen, number)}
    yield single_rater_rows.judge(
        seen, claims, run.truth, setting=f"{least} joiners at once", among=joining
    )


def _smallest_batch(ratings: Ratings, settings: AuditSettings) -> int:
    plan, _ = make_plan(settings.training("committee", "bayes", min_raters=3), ratings)
    assert plan.session.committee is not None  # noqa: S101 - protection committee
    return plan.session.committee.smallest_cohort


def _row(run: PlayedRun, adversary: Adversary, setting: str) -> Row:
    seen = run.observe(adversary)
    rounds_read = single_rater_rows.first_rounds(seen)
    claims = {number: single_rater_rows.attempt(seen, number) for number in rounds_read}
    return single_rater_rows.judge(seen, claims, run.truth, setting=setting)
