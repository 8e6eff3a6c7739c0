"""What opened sums give away under method `bayes`: single raters, small cohorts, coming, going."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from fedmf.audit.attacks import lone_changes, single_rater_rows
from fedmf.audit.observables import Adversary
from fedmf.audit.runs import PlayedRun, play
from fedmf.errors import ProtocolError
from fedmf.federation import Attendance, make_plan

if TYPE_CHECKING:
    from fedmf.audit.row import Row
    from fedmf.audit.suite import AuditSettings
    from fedmf.ratings import Ratings

FEW, HONEST = 12, 3
DRAWS = 6
"""Small cohorts have few raters each: so many are drawn, by other seeds."""
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
    few, users = ratings.take(users=FEW), len(np.unique(ratings.users))
    circumstances: list[tuple[Ratings, dict[str, object], int]] = [
        (few, {"min_raters": 1}, 1),
        (few, {"min_raters": 3}, 1),
        (ratings, {"min_raters": 3, "cohort": HONEST}, DRAWS),
        (ratings, {"min_raters": 3, "cohort": min(FEW, users)}, DRAWS // 2),
        (ratings, {"min_raters": 3}, 1),
    ]
    for part, changed, draws in circumstances:
        runs = []
        for draw in range(draws):
            drawn = replace(settings, seed=settings.seed + draw)
            chosen = drawn.training("committee", "bayes", rounds=1, **changed)
            runs.append(play(chosen, part))
        cohort = changed.get("cohort")
        size = f"{part.n_users} users"
        size += "" if cohort is None else f" in cohorts of {cohort}, {draws} of them"
        yield from _row(runs, PARTICIPANT, f"--min-raters {changed['min_raters']}, {size}")
    for left in (HONEST, FEW):
        corrupt = tuple(range(left, users))
        adversary = Adversary(server=True, members=(0, 1), participants=corrupt)
        yield from _row(runs, adversary, f"--min-raters 3, {ratings.n_users} users")


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
    for settled in (SETTLED, SETTLED // 2, 2):
        try:
            yield from list(_in_batches_until(ratings, settings, settled))
        except ProtocolError:
            # In a small federation nothing changes any more by then, and participants take a table
            # that stays as it was for one that is replayed.
            continue
        return


def _in_batches_until(ratings: Ratings, settings: AuditSettings, settled: int) -> Iterator[Row]:
    chosen = settings.training("committee", "bayes", min_raters=3, rounds=settled)
    least = _smallest_batch(ratings, settings)
    joining = range(1, 1 + least)
    # They come one after the other, and wait until they are enough.
    joins = {one: 2 + (settled - 2) * place // (least - 1) for place, one in enumerate(joining)}
    users = len(np.unique(ratings.users))
    leaving = range(1 + least, min(1 + least + VICTIMS, users - least + 1))
    leaves = {one: 2 + place for place, one in enumerate(leaving)}
    run = play(chosen, ratings, Attendance(joins=joins, leaves=leaves))
    seen = run.observe(PARTICIPANT)
    setting = f"the committee's rule: {least} at least"
    for victims, is_leaving in ((joining[:VICTIMS], False), (leaving, True)):
        if len(victims) > 1:
            found = lone_changes.attempt(seen, victims, leaving=is_leaving)
            yield lone_changes.judge(seen, found, run.truth, leaving=is_leaving, setting=setting)
    number = run.plan.setup_rounds + settled
    row = single_rater_rows.judge(
        [(seen, number, single_rater_rows.attempt(seen, number))],
        run.truth,
        setting=f"{least} joiners at once",
        among=joining,
    )
    yield from _told(row)


def _smallest_batch(ratings: Ratings, settings: AuditSettings) -> int:
    plan, _ = make_plan(settings.training("committee", "bayes", min_raters=3), ratings)
    assert plan.session.committee is not None  # noqa: S101 - protection committee
    return plan.session.committee.smallest_cohort


def _row(runs: Sequence[PlayedRun], adversary: Adversary, setting: str) -> Iterator[Row]:
    found = []
    for run in runs:
        seen, first = run.observe(adversary), run.plan.setup_rounds + 1
        found.append((seen, first, single_rater_rows.attempt(seen, first)))
    yield from _told(single_rater_rows.judge(found, runs[0].truth, setting=setting))


def _told(row: Row) -> Iterator[Row]:
    """Yield a row unless nobody has enough rows alone for anything to be counted."""
    if row.n:
        yield row
