"""Is a model as sure as it says? Intervals against ratings that it has not seen."""

import numpy as np
import pytest

from fedmf.federation import TrainingSettings, make_plan, train_locally, trained_model
from fedmf.model import FactorModel
from fedmf.ratings import Ratings, load_ratings


@pytest.fixture(scope="module")
def split() -> tuple[Ratings, Ratings]:
    return load_ratings("movielens-small").split(0.2, seed=3)


@pytest.fixture(scope="module")
def model(split: tuple[Ratings, Ratings]) -> FactorModel:
    settings = TrainingSettings(protection="none", silos=20, factors=16, rounds=4)
    plan, key = make_plan(settings, split[0])
    return trained_model(train_locally(plan, key, *split), *split)


def reached(model: FactorModel, heldout: Ratings, confidence: float) -> tuple[float, float]:
    """Return the share of held-out ratings in their intervals, and the intervals' mean length."""
    inside, lengths = [], []
    for user in range(heldout.n_users):
        own = heldout.owned_by([user])
        if len(own):
            found = model.predictions(
                model.user_factors[user], model.rated_by(user), own.items, confidence
            )
            low, high = (np.array([getattr(one, end) for one in found]) for end in ("low", "high"))
            inside.append((low <= own.values) & (own.values <= high))
            lengths.append(high - low)
    return float(np.concatenate(inside).mean()), float(np.concatenate(lengths).mean())


@pytest.mark.parametrize("confidence", [0.8, 0.9, 0.95])
def test_intervals_hold_as_many_ratings_as_they_say(
    model: FactorModel, split: tuple[Ratings, Ratings], confidence: float
) -> None:
    share, length = reached(model, split[1], confidence)
    assert share == pytest.approx(confidence, abs=0.04)
    # Nobody needs a model for an interval as long as the scale.
    assert length < 3.4


def test_intervals_are_longer_where_less_is_known(
    model: FactorModel, split: tuple[Ratings, Ratings]
) -> None:
    training, _ = split
    raters = np.bincount(training.items, minlength=training.n_items)
    known, unknown = np.array([raters.argmax()]), np.flatnonzero(raters == 0)[:1]
    nobody = model.method.start_user_factors(np.zeros(1, np.int32))[0]
    nothing = np.zeros(0, np.int32)
    user = int(np.diff(model.rated_starts).argmax())
    variances = [
        model.method.prediction_variances(model.public, vector, rated, items.astype(np.int32))
        for vector, rated, items in (
            (model.user_factors[user], model.rated_by(user), known),
            (model.user_factors[user], model.rated_by(user), unknown),
            (nobody, nothing, known),
        )
    ]
    heavy_known, heavy_unknown, stranger = (float(v[0]) for v in variances if v is not None)
    assert heavy_known < heavy_unknown
    assert heavy_known < stranger
