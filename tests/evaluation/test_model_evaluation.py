import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fedmf.errors import DataError
from fedmf.evaluation import evaluate_model, mae, ndcg_at, rmse
from fedmf.model import FactorModel, PublicModel, configure_method
from fedmf.ratings import Ratings, RatingScale
from tests.ratings.small_tables import table

SCALE = RatingScale(1, 5)
# Users 1 and 2 were trained on items "b" and "a". Their predictions are 1 to 4 for items a to d.
TRAINING = table([(1, "b", 3.0), (2, "a", 2.0)])
UNSEEN = table([(1, "a", 2.0), (1, "d", 4.0), (2, "c", 1.0)])


def make(method: str = "sgd") -> FactorModel:
    return FactorModel(
        method=configure_method(method, users=2, items=4, rounds=1, scale=SCALE, factors=1),
        item_ids=("a", "b", "c", "d"),
        titles={},
        public=PublicModel(np.array([[1.0], [2.0], [3.0], [4.0]])),
        user_ids=(1, 2),
        user_factors=np.ones((2, 1)),
        rated_starts=np.array([0, 1, 2]),
        rated_items=np.array([1, 0], dtype=np.int32),
        heldout_starts=np.array([0, 2, 3]),
        heldout_items=np.array([0, 3, 2], dtype=np.int32),
    )


def test_figures_are_those_of_the_metrics() -> None:
    found = evaluate_model(make(), UNSEEN)
    actual, predicted = [2.0, 4.0, 1.0], [1.0, 4.0, 3.0]
    assert found.rmse.value == pytest.approx(rmse(actual, predicted))
    assert found.mae.value == pytest.approx(mae(actual, predicted))
    # What is left after training, best first: d, c, a of user 1 and d, c, b of user 2.
    lists = np.array([[3, 2, 0, *[-1] * 7], [3, 2, 1, *[-1] * 7]])
    ndcg = ndcg_at(10, lists, [np.array([0, 3]), np.array([2])])
    assert found.ndcg_at_10.value == pytest.approx(ndcg.mean())
    assert found.mrr_at_10.value == pytest.approx((1 + 1 / 2) / 2)
    assert found.recall_at_10.value == found.hr_at_10.value == 1.0
    assert found.coverage_at_10 == 1.0
    assert (found.users, found.ratings, found.notes) == (2, 3, ())
    assert found.rmse.low <= found.rmse.value <= found.rmse.high


def test_baselines_have_intervals_and_leave_the_model_s_alone() -> None:
    found = evaluate_model(make(), UNSEEN, training=TRAINING)
    for name, figures in found.baseline_intervals.items():
        for measure, one in figures.items():
            assert one.value == found.baselines[name][measure]
            assert one.low <= one.value <= one.high
    alone = evaluate_model(make(), UNSEEN)
    assert (alone.rmse, alone.ndcg_at_10) == (found.rmse, found.ndcg_at_10)
    popular = found.baselines["popularity"]["ndcg_at_10"]
    assert found.ranks_below_popularity == (found.ndcg_at_10.value < popular)


def test_baselines_are_measured_on_the_same_ratings() -> None:
    found = evaluate_model(make(), UNSEEN, training=TRAINING).baselines
    assert found.keys() == {"popularity", "bias", "global_mean"}
    assert found["global_mean"]["rmse"] == pytest.approx(rmse([2.0, 4.0, 1.0], [2.5] * 3))
    # Items a and b were rated once each: user 1 gets a, c, d and user 2 gets b, c, d.
    assert found["popularity"]["mrr_at_10"] == pytest.approx((1 + 1 / 2) / 2)
    assert evaluate_model(make(), UNSEEN).baselines.keys() == {"popularity"}


@pytest.mark.parametrize(
    ("more", "note"),
    [
        ((9, "a", 1.0), "1 of 4 ratings are of users or items that the model does not know"),
        ((1, "z", 1.0), "1 of 4 ratings are of users or items that the model does not know"),
        ((1, "b", 1.0), "1 ratings are of pairs that the model was trained on"),
    ],
)
def test_ratings_that_cannot_be_measured_are_left_out_with_a_note(more: Any, note: str) -> None:
    rows: list[Any] = [(1, "a", 2.0), (1, "d", 4.0), (2, "c", 1.0), more]
    found = evaluate_model(make(), table(rows))
    assert found.notes == (f"{note}; they were left out",)
    assert replace(found, notes=()) == evaluate_model(make(), UNSEEN)


@pytest.mark.parametrize(
    ("unseen", "message"),
    [
        (table([(9, "a", 1.0), (1, "z", 2.0)]), "the model knows no user and item of these"),
        (TRAINING, "the model was trained on all of these ratings"),
    ],
)
def test_nothing_to_measure_is_refused(unseen: Ratings, message: str) -> None:
    with pytest.raises(DataError, match=message):
        evaluate_model(make(), unseen)


def test_identifiers_match_as_text() -> None:
    as_text = table([("1", "a", 2.0), ("1", "d", 4.0), ("2", "c", 1.0)])
    assert evaluate_model(make(), as_text) == evaluate_model(make(), UNSEEN)


def test_a_single_user_has_values_and_no_intervals() -> None:
    found = evaluate_model(make(), table([(1, "a", 2.0), (1, "d", 4.0)]))
    assert found.rmse.value == pytest.approx(math.sqrt(1 / 2))
    assert found.rmse.n == found.ndcg_at_10.n == 1
    for interval in (found.rmse, found.mae, found.ndcg_at_10, found.novelty_at_10):
        assert math.isnan(interval.low)
        assert math.isnan(interval.high)


def test_methods_that_only_rank_have_no_errors() -> None:
    found = evaluate_model(make("implicit"), UNSEEN)
    assert math.isnan(found.rmse.value)
    assert math.isnan(found.mae.value)
    assert found.ndcg_at_10.value == evaluate_model(make(), UNSEEN).ndcg_at_10.value
    assert found.hr_at_10.value == 1.0
