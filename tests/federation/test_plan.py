from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fedmf.errors import DataError, SettingsError, WordSizeError
from fedmf.federation import TrainingPlan, TrainingSettings
from fedmf.federation.plan import deal_users
from fedmf.ratings import Ratings, RatingScale, load_ratings


@pytest.fixture(scope="module")
def ratings() -> Ratings:
    return load_ratings("movielens-small").take(users=11, items=20)


def make(ratings: Ratings, **changed: object) -> TrainingPlan:
    chosen: dict[str, Any] = {
        "method": "sgd",
        "factors": 3,
        "rounds": 9,
        "min_raters": 1,
        **changed,
    }
    settings = TrainingSettings(protection="none", **chosen)
    return TrainingPlan.make(settings, ratings, public_key=None, session_id=bytes(16))


def test_everybody_takes_part_once_before_anybody_does_twice(ratings: Ratings) -> None:
    plan = make(ratings, cohort=4)
    participants = ratings.n_users
    rounds_per_epoch = participants // 4
    for epoch in range(9 // rounds_per_epoch):
        first = 1 + epoch * rounds_per_epoch
        cohorts = [plan.cohort(number) for number in range(first, first + rounds_per_epoch)]
        counts = Counter(member for cohort in cohorts for member in cohort)
        assert counts == Counter(range(participants))
    assert plan.cohort(1) == sorted(plan.cohort(1))


@pytest.mark.parametrize("size", [3, 4, 5, 6, 7, 9, 10])
def test_no_cohort_is_smaller_than_asked_for(ratings: Ratings, size: int) -> None:
    plan = make(ratings, cohort=size)
    assert min(len(plan.cohort(number)) for number in range(1, 10)) >= size


def test_cohorts_depend_on_the_seed_and_stay_together(ratings: Ratings) -> None:
    plan = make(ratings, cohort=4)
    assert make(ratings, cohort=4).cohort(2) == plan.cohort(2)
    assert any(make(ratings, cohort=4, seed=1).cohort(n) != plan.cohort(n) for n in range(1, 4))
    assert all(plan.cohort(n) == plan.cohort(n + 2) for n in range(1, 7))


@pytest.mark.parametrize(
    ("participants", "cohort", "corrupt", "lot"),
    [
        (3, None, 1, 3),
        (7, None, 2, 4),
        (11, None, 2, 5),
        (20, None, 2, 10),
        (101, None, 3, 11),
        (610, None, 13, 21),
        (610, 24, 13, 15),
        (610, 50, 13, 21),
        (610, 3, 1, 3),
    ],
)
def test_a_lot_holds_eight_more_than_are_corrupt(
    participants: int, cohort: int | None, corrupt: int, lot: int
) -> None:
    members = tuple(np.array([one], dtype=np.int32) for one in range(participants))
    settings = TrainingSettings(rounds=9, factors=3, cohort=cohort)
    plan = TrainingPlan(settings, 20, RatingScale(1, 5), members, False, None)
    terms = plan.session.committee
    assert terms is not None
    assert (terms.corrupt, terms.smallest_cohort) == (corrupt, lot)


@pytest.mark.parametrize(
    ("changed", "rounds"), [({}, 1), ({"cohort": 4}, 2), ({"upload": "slices", "slices": 5}, 5)]
)
def test_after_so_many_rounds_everybody_had_a_turn_with_everything(
    ratings: Ratings, changed: dict[str, object], rounds: int
) -> None:
    assert make(ratings, **changed).rounds_for_all == rounds


def test_without_cohorts_all_take_part(ratings: Ratings) -> None:
    assert make(ratings).cohort(5) == list(range(ratings.n_users))


def test_users_are_dealt_out_to_silos_completely() -> None:
    dealt = deal_users(11, 3)
    assert sorted(np.concatenate(dealt).tolist()) == list(range(11))
    assert [len(users) for users in dealt] == [4, 4, 3]
    assert [users.tolist() for users in deal_users(3, None)] == [[0], [1], [2]]


def test_plans_that_cannot_work_are_refused(ratings: Ratings) -> None:
    with pytest.raises(SettingsError, match="some would own nothing"):
        make(ratings, silos=ratings.n_users + 1)
    with pytest.raises(SettingsError, match="cohort of 12"):
        make(ratings, cohort=12)


def test_sums_that_no_word_holds_are_refused(ratings: Ratings) -> None:
    settings = TrainingSettings(protection="none", min_raters=1, method="sgd", rounds=2**62)
    with pytest.raises(WordSizeError, match="group 'items'"):
        TrainingPlan.make(settings, ratings, public_key=None)


def test_learning_settings_are_bound_into_the_session(ratings: Ratings) -> None:
    assert make(ratings, reg=0.1).session.digest != make(ratings, reg=0.2).session.digest
    assert make(ratings).session.digest == make(ratings).session.digest


def test_words_hold_every_possible_sum(ratings: Ratings) -> None:
    plan = make(ratings)
    group = plan.method.row_groups()[0]
    largest = (group.start_limit + ratings.n_users * group.limit) * 2**group.fraction_bits
    bits = plan.session.shape.groups[0].word_bits
    assert 2 ** (bits - 2) <= largest < 2 ** (bits - 1)


@pytest.mark.parametrize(("silos", "least"), [(4, 1), (8, 4), (None, 5)])
def test_of_a_few_silos_one_that_was_away_comes_back_by_itself(
    ratings: Ratings, silos: int | None, least: int
) -> None:
    settings = TrainingSettings(rounds=9, factors=3, silos=silos)
    terms = TrainingPlan.make(settings, ratings, public_key=None).session.committee
    assert terms is not None
    assert (terms.smallest_lot, terms.oldest_base, terms.setup_rounds) == (least, 3, 1)


def recency_of(ratings: Ratings, **changed: object) -> float | None:
    return make(ratings, method="implicit", **changed).settings.recency


def test_recency_is_for_ratings_whose_order_is_known(ratings: Ratings) -> None:
    at_random, by_time = ratings.split(0.2)[0], ratings.split(0.2, by="last")[0]
    assert [recency_of(one) for one in (ratings, by_time, at_random)] == [4.0, 4.0, 0.0]
    # Who asks for it, or for none, gets that.
    assert recency_of(at_random, recency=2.0) == 2.0
    assert recency_of(by_time, recency=0.0) == 0.0
    unordered = replace(ratings, timestamps=None)
    assert recency_of(unordered) == 0.0
    with pytest.raises(DataError, match="--file-order"):
        recency_of(unordered, recency=4.0)
    assert recency_of(unordered.in_file_order()) == 4.0
    assert recency_of(unordered.in_file_order().split(0.2, by="last")[0]) == 4.0
    assert make(ratings).settings.recency is None


def test_methods_that_predict_ratings_have_no_recency(ratings: Ratings) -> None:
    with pytest.raises(SettingsError, match="method sgd has no recency"):
        make(ratings, recency=4.0)
