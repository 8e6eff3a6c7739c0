"""Coming late and leaving: the table sums the last contributions of those who are there."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fedmf.errors import SettingsError
from fedmf.federation import (
    Attendance,
    DataChoice,
    LocalEngine,
    RoundRecord,
    RunDirectory,
    TrainingPlan,
    TrainingResult,
    train_locally,
)
from fedmf.model.bayes import Bayes
from fedmf.protocol import Change, Int64Array, fresh_key
from fedmf.ratings import OwnedRatings, Ratings
from tests.contracts.engine_contract import (
    Keyed,
    conducted,
    keyed,
    last_contributions,
    planned,
    play,
)

__all__ = ["keyed"]

DATA = DataChoice("movielens-small", users=32, items=40)
# A committee lets newcomers and leavers pass in lots of ten.
LATE, LEAVERS = range(10), range(10, 20)
ATTENDANCE = Attendance(joins=dict.fromkeys(LATE, 2), leaves=dict.fromkeys(LEAVERS, 4))


def make(keyed: Keyed, training: Ratings, method: str, **changed: Any) -> TrainingPlan:
    chosen = {"factors": 3, "rounds": 5, "min_raters": 2, **changed}
    return planned(keyed, training, method=method, **chosen)


def played(
    plan: TrainingPlan, keyed: Keyed, parts: tuple[Ratings, Ratings], attendance: Attendance
) -> tuple[TrainingResult, dict[int, Change | None]]:
    """Train, and return what each participant contributed last."""
    with LocalEngine(plan, keyed.key, *parts) as engine:
        result = play(plan, keyed, engine, attendance=attendance)
        return result, last_contributions(plan, engine)


def summed(plan: TrainingPlan, contributions: dict[int, Change | None]) -> list[Int64Array]:
    table = [part.copy() for part in plan.start_table()]
    for contribution in contributions.values():
        for target, part in zip(table, contribution or (), strict=False):
            target[part.rows] += part.values
    return table


@pytest.mark.parametrize("method", ["bayes", "sgd"])
def test_the_table_is_the_sum_of_those_who_are_there(keyed: Keyed, method: str) -> None:
    _, *parts = DATA.load()
    plan = make(keyed, parts[0], method)
    count = len(plan.members)
    result, contributions = played(plan, keyed, (parts[0], parts[1]), ATTENDANCE)
    assert result.setup is not None
    included = [record.included for record in (result.setup, *result.rounds)]
    late, leavers = len(LATE), len(LEAVERS)
    assert included == [
        count - late,
        count - late,
        count,
        count,
        count,
        count - leavers,
    ]
    assert {number for number, last in contributions.items() if last is None} == set(LEAVERS)
    for found, wanted in zip(result.table, summed(plan, contributions), strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_with_slices_leaving_takes_a_round_for_each(keyed: Keyed) -> None:
    _, *parts = DATA.load()
    plan = make(keyed, parts[0], "bayes", upload="slices", slices=2, rounds=7)
    count = len(plan.members)
    result, contributions = played(plan, keyed, (parts[0], parts[1]), ATTENDANCE)
    there = [record.included for record in result.rounds]
    assert there == [count - len(LATE), *[count] * 4, *[count - len(LEAVERS)] * 2]
    assert {number for number, last in contributions.items() if last is None} == set(LEAVERS)
    for found, wanted in zip(result.table, summed(plan, contributions), strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_who_never_came_left_no_trace(keyed: Keyed) -> None:
    """The counts of raters, which depend on nothing else, are those of a training without them."""
    _, training, heldout = DATA.load()
    plan = make(keyed, training, "bayes")
    result, _ = played(plan, keyed, (training, heldout), ATTENDANCE)
    stayed = np.isin(training.users, list(LEAVERS), invert=True)
    counts = np.bincount(training.items[stayed], minlength=training.n_items)
    np.testing.assert_array_equal(result.table[plan.codec.position("raters")][:, 0], counts)


def test_too_few_leavers_wait_under_a_committee() -> None:
    _, training, heldout = DATA.load()
    keyed = Keyed("committee", fresh_key("committee", 0))
    plan = make(keyed, training, "bayes")
    result, contributions = played(plan, keyed, (training, heldout), Attendance(leaves={3: 2}))
    assert [record.dropped for record in result.rounds] == [0, 1, 1, 1, 1]
    assert [record.waiting for record in result.rounds] == [0, 1, 1, 1, 1]
    assert contributions[3] is not None


def test_who_was_away_for_too_long_is_frozen_and_counted(keyed: Keyed) -> None:
    """Its contribution stays in the sum, and comes back to life together with enough others."""
    _, training, heldout = DATA.load()
    plan = make(keyed, training, "bayes", rounds=8)
    away = {one: range(2, 5) for one in (3, 4)}
    result, contributions = played(plan, keyed, (training, heldout), Attendance(away=away))
    waits = keyed.protection == "committee"
    count = len(plan.members)
    included = [record.included for record in result.rounds]
    assert included == [count, *[count - 2] * 3, *[count - 2 if waits else count] * 4]
    frozen = [record.frozen for record in result.rounds]
    assert frozen == [0, 0, 0, *[2 if waits else 0] * 5]
    for found, wanted in zip(result.table, summed(plan, contributions), strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("rests", [True, False])
def test_what_rests_shows_nobody_alone(
    keyed: Keyed, rests: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who rated what is summed up in four rounds; thereafter that sum is the same for ever.

    Taken back by all others in round 5, it would be what the one who is away has rated.
    """
    _, training, heldout = DATA.load()
    if not rests:
        monkeypatch.setattr(Bayes, "resting_groups", ())
    leaves = dict.fromkeys(LEAVERS, 5)
    comings = {
        4: Attendance(away={3: [4]}),
        5: Attendance(away={3: [5]}),
        6: Attendance(away={3: [4, 5]}, leaves=leaves),
    }
    sums = {}
    for rounds in (4, 6) if rests else (5,):
        plan = make(keyed, training, "bayes", rounds=rounds)
        result, _ = played(plan, keyed, (training, heldout), comings[rounds])
        sums[rounds] = result.table[plan.codec.position("features")]
    if rests:
        # Neither who comes back with older features nor those who leave change it.
        np.testing.assert_array_equal(sums[6], sums[4])
        assert sums[4].any(axis=1).all()
    else:
        own = np.unique(training.owned_by([3]).items)
        np.testing.assert_array_equal(np.flatnonzero(sums[5].any(axis=1)), own)


def test_random_dropouts_leave_an_exact_sum(keyed: Keyed) -> None:
    """Some are away, wait, or are frozen: the table holds what each of them contributed last."""
    _, training, heldout = DATA.load()
    plan = make(keyed, training, "bayes")
    away = Attendance.with_dropouts(0.2, len(plan.members), 5, seed=1)
    assert away == Attendance.with_dropouts(0.2, len(plan.members), 5, seed=1)
    result, contributions = played(plan, keyed, (training, heldout), away)
    missed = [sum(number in rounds for rounds in away.away.values()) for number in range(1, 6)]
    assert sum(missed) > 10
    waits = keyed.protection == "committee"
    for record, gone in zip(result.rounds, missed, strict=True):
        assert record.included == len(plan.members) - gone - record.waiting
        assert waits or record.waiting == 0
    assert any(record.waiting for record in result.rounds) is waits
    for found, wanted in zip(result.table, summed(plan, contributions), strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_a_resumed_training_knows_who_has_left(tmp_path: Path) -> None:
    _, training, heldout = DATA.load()
    keyed = Keyed("committee", fresh_key("committee", 0))
    plan = make(keyed, training, "bayes")
    whole, _ = played(plan, keyed, (training, heldout), ATTENDANCE)
    run = RunDirectory.create(tmp_path / "run", plan, DATA, (training, heldout), keyed.key)

    class Stop(BaseException):
        pass

    def stop(record: object) -> None:
        if getattr(record, "round", 0) == 4:
            raise Stop

    with pytest.raises(Stop):
        train_locally(
            plan, keyed.key, training, heldout, run=run, after_round=stop, attendance=ATTENDANCE
        )
    resumed = train_locally(
        plan, keyed.key, training, heldout, run=run, attendance=ATTENDANCE, workers=2
    )
    assert resumed.table_sha256 == whole.table_sha256


RENEWING = range(10)
"""As many as a committee's lot has at least, of 32 participants."""


def with_fewer_ratings(
    plan: TrainingPlan,
    keyed: Keyed,
    parts: tuple[Ratings, Ratings],
    renewing: Sequence[int],
    workers: int = 1,
) -> tuple[TrainingResult, Int64Array]:
    """Have some drop half of their ratings after round 2; return how often each item went."""
    training, heldout = parts
    dropped = np.zeros(training.n_items, dtype=np.int64)
    with LocalEngine(plan, keyed.key, training, heldout, workers=workers) as engine:
        conductor = conducted(plan, keyed, engine)
        for record in conductor.rounds():
            if record.round != 2:
                continue
            for number in renewing:
                changed = training.owned_by(plan.members[number])
                kept = len(changed.items) // 2
                fewer = OwnedRatings(
                    changed.users,
                    np.array([0, kept]),
                    changed.items[:kept],
                    training.scale.highest - changed.values[:kept] + training.scale.lowest,
                )
                dropped[changed.items[kept:]] += 1
                engine.replace_ratings(number, fewer, heldout.owned_by(plan.members[number]))
        return conductor.result(), dropped


@pytest.mark.parametrize("workers", [1, 2])
def test_new_ratings_take_the_place_of_old_ones(keyed: Keyed, workers: int) -> None:
    _, *parts = DATA.load()
    plan = make(keyed, parts[0], "bayes")
    result, dropped = with_fewer_ratings(plan, keyed, (parts[0], parts[1]), RENEWING, workers)
    counts = np.bincount(parts[0].items, minlength=parts[0].n_items) - dropped
    np.testing.assert_array_equal(result.table[plan.codec.position("raters")][:, 0], counts)
    assert [record.dropped for record in result.rounds] == [0] * 5


def test_whose_ratings_alone_have_changed_waits_under_a_committee() -> None:
    """The change of its counts would be the list of what it rates no more."""
    _, *parts = DATA.load()
    keyed = Keyed("committee", fresh_key("committee", 0))
    plan = make(keyed, parts[0], "bayes")
    result, _ = with_fewer_ratings(plan, keyed, (parts[0], parts[1]), RENEWING[:1])
    counts = np.bincount(parts[0].items, minlength=parts[0].n_items)
    np.testing.assert_array_equal(result.table[plan.codec.position("raters")][:, 0], counts)
    assert [record.dropped for record in result.rounds] == [0, 0, 1, 1, 1]


@pytest.mark.parametrize("renewing", [range(1), range(14)])
def test_ratings_that_changed_while_a_training_was_stopped_are_new_ones(
    tmp_path: Path, renewing: Sequence[int]
) -> None:
    """Whose contribution is from other ratings says so after a restart, and waits for a lot."""
    _, training, heldout = DATA.load()
    keyed = Keyed("committee", fresh_key("committee", 0))
    plan = make(keyed, training, "bayes")
    run = RunDirectory.create(tmp_path / "run", plan, DATA, (training, heldout), keyed.key)

    class Stop(BaseException):
        pass

    def stop(record: RoundRecord) -> None:
        if record.round in (2, 3):
            raise Stop

    changed = training.where(~np.isin(training.users, renewing) | (training.items % 2 == 0))
    for ratings in (training, changed):
        with pytest.raises(Stop):
            train_locally(plan, keyed.key, ratings, heldout, run=run, after_round=stop)
    result = train_locally(plan, keyed.key, changed, heldout, run=run)
    waiting = len(renewing) if len(renewing) < len(RENEWING) else 0
    assert [record.dropped for record in result.rounds] == [0, 0, *[waiting] * 3]
    held = training if waiting else changed
    counts = np.bincount(held.items, minlength=training.n_items)
    np.testing.assert_array_equal(result.table[plan.codec.position("raters")][:, 0], counts)


def test_moves_cannot_be_made_anew() -> None:
    _, training, heldout = DATA.load()
    owned = training.owned_by([0]), heldout.owned_by([0])
    for method, complaint in (("sgd", "adds up moves"), ("bayes", "own users")):
        plan = make(Keyed("none", None), training, method)
        with (
            LocalEngine(plan, None, training, heldout) as engine,
            pytest.raises(SettingsError, match=complaint),
        ):
            engine.replace_ratings(1, *owned)


def test_all_that_cannot_be_is_said_at_once() -> None:
    with pytest.raises(SettingsError, match=r"1 joins in round 0.*2 leaves in round 2 and joins"):
        Attendance(joins={1: 0, 2: 3}, leaves={2: 2})
