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
    scores = Popularity.fit(training.items, training.n_items).scores
    order = np.argsort(-scores, kind="stable")
    ranked, relevant = [], []
    for user in np.unique(heldout.users):
        rated = training.owned_by([user]).items
        best = order[~np.isin(order, rated)][:10]
        ranked.append(np.concatenate([best, np.full(10 - len(best), -1)]))
        relevant.append(heldout.owned_by([user]).items)
    return float(ndcg_at(10, np.array(ranked), relevant).mean())
