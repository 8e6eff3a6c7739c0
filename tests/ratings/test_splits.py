from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedmf.errors import DataError, SettingsError, UnknownNameError
from fedmf.ratings import Ratings
from tests.ratings.small_tables import rows_of, table

TEN = table([(k % 3, k, 1.0 + k % 5, 100 - k) for k in range(10)])


def test_both_parts_share_identifiers_codes_and_scale() -> None:
    for part in TEN.split():
        assert (part.user_ids, part.item_ids) == (TEN.user_ids, TEN.item_ids)
        assert (part.name, part.scale) == (TEN.name, TEN.scale)


@pytest.mark.parametrize(
    ("holdout", "size"), [(0.2, 2), (0.25, 2), (0.35, 4), (0.0, 0), (0, 0), (3, 3), (9, 9)]
)
def test_a_random_split_holds_out_exactly_the_rounded_share(holdout: float, size: int) -> None:
    train, test = TEN.split(holdout=holdout)
    assert (len(train), len(test)) == (10 - size, size)


def test_one_rating_always_stays_for_training() -> None:
    train, test = TEN.split(holdout=0.999)
    assert (len(train), len(test)) == (1, 9)
    assert [len(part) for part in TEN.split(holdout=50)] == [1, 9]


def test_a_random_split_is_the_permutation_of_its_seed() -> None:
    held_out = sorted(np.random.default_rng(7).permutation(10)[:4])
    _, test = TEN.split(holdout=0.4, seed=7)
    assert rows_of(test) == [rows_of(TEN)[row] for row in held_out]


def test_the_same_seed_gives_the_same_split_and_another_seed_another() -> None:
    first, again, other = (TEN.split(holdout=0.5, seed=seed)[1].sha256() for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_the_last_ratings_in_time_are_held_out_of_every_user() -> None:
    _, test = TEN.split(holdout=1, by="last")
    # Times fall with the row, so the last rating in time is the first one of each user.
    assert [item for _, item, _ in rows_of(test)] == [0, 1, 2]


def test_ties_in_time_are_broken_by_file_order() -> None:
    tied = table([(1, "a", 1.0, 5), (1, "b", 1.0, 5), (1, "c", 1.0, 5), (1, "d", 1.0, 4)])
    train, test = tied.split(holdout=2, by="last")
    assert [item for _, item, _ in rows_of(test)] == ["b", "c"]
    assert [item for _, item, _ in rows_of(train)] == ["a", "d"]


def test_every_user_keeps_a_rating_however_many_are_held_out() -> None:
    few = table([(1, "a", 1.0, 1), (2, "a", 1.0, 1), (2, "b", 1.0, 2), (2, "c", 1.0, 3)])
    for holdout in (5, 0.99):
        train, _ = few.split(holdout=holdout, by="last")
        assert rows_of(train) == [(1, "a", 1.0), (2, "a", 1.0)]


def test_the_last_ratings_need_timestamps() -> None:
    with pytest.raises(DataError, match="no timestamps"):
        table([(1, "a", 1.0)]).split(by="last")


@pytest.mark.parametrize("holdout", [1.0, -0.1, -1, float("nan"), 2.5])
@pytest.mark.parametrize("by", ["random", "last"])
def test_a_holdout_that_makes_no_sense_is_refused(holdout: float, by: Any) -> None:
    with pytest.raises(SettingsError, match="holdout is"):
        TEN.split(holdout=holdout, by=by)


def test_an_unknown_kind_of_split_is_answered_with_the_known_ones() -> None:
    wrong: Any = "lasst"
    with pytest.raises(UnknownNameError, match="did you mean 'last'"):
        TEN.split(by=wrong)


def test_the_split_of_the_paper_leaves_its_training_counts(latest_small: Ratings) -> None:
    taken = latest_small.take(users=10, items=40, min_ratings=5)
    train, test = taken.split(holdout=3, by="last")
    assert np.bincount(train.users).tolist() == [23, 13, 12, 18, 20, 14, 9]
    assert np.bincount(test.users).tolist() == [3] * 7


def test_nothing_held_out_of_the_real_set_is_older_than_what_stays(latest_small: Ratings) -> None:
    train, test = latest_small.split(holdout=0.2, by="last")
    assert train.timestamps is not None
    assert test.timestamps is not None
    newest = np.full(train.n_users, -1)
    np.maximum.at(newest, train.users, train.timestamps)
    assert (test.timestamps >= newest[test.users]).all()


rows = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 30), st.just(3.0), st.integers(0, 5)),
    min_size=1,
    max_size=60,
    unique_by=lambda row: row[:2],
)
holdouts = st.one_of(st.integers(0, 9), st.floats(0, 0.99))


@given(rows, holdouts, st.sampled_from(["random", "last"]))
def test_every_rating_is_in_exactly_one_part(rows: Any, holdout: float, by: Any) -> None:
    full = table(rows)
    parts = full.split(holdout=holdout, by=by)
    assert sorted(rows_of(parts[0]) + rows_of(parts[1])) == sorted(rows_of(full))


@given(rows, st.floats(0, 0.99))
def test_every_user_loses_the_rounded_share(rows: Any, holdout: float) -> None:
    train, test = table(rows).split(holdout=holdout, by="last")
    held_out = Counter(test.users.tolist())
    for user, count in Counter(train.users.tolist() + test.users.tolist()).items():
        assert held_out[user] == min(round(count * holdout), count - 1)
