"""Predictors without factors, to hold a trained model against."""

from __future__ import annotations

import numpy as np

from fedmf.evaluation import GlobalMean, Popularity, UserItemBias, mae, ndcg_at, rmse
from fedmf.ratings import Ratings


def baselines(training: Ratings, heldout: Ratings) -> dict[str, dict[str, float]] | None:
    """Return held-out RMSE and MAE of predictors without factors; None if nothing was held out."""
    if not len(heldout):
        return None
    mean = GlobalMean.fit(training.values)
    bias = UserItemBias.fit(
        training.users, training.items, training.values, training.n_users, training.n_items
    )
    found = {}
    for name, predictor in (("bias", bias), ("global_mean", mean)):
        predicted = predictor.predict(heldout.users, heldout.items)
        found[name] = {
            "rmse": rmse(heldout.values, predicted),
            "mae": mae(heldout.values, predicted),
        }
    return found


def popularity(training: Ratings, heldout: Ratings) -> float:
    """Return NDCG@10 of the most rated items first, the same for everybody."""
    users = np.unique(heldout.users)
    ranked = Popularity.fit(training.items, training.n_items).rank(
        [training.owned_by([user]).items for user in users], 10
    )
    return float(ndcg_at(10, ranked, [heldout.owned_by([user]).items for user in users]).mean())
