"""Predictors without factors, to hold a trained model against."""

from __future__ import annotations

import numpy as np

from fedmf.evaluation import GlobalMean, Popularity, UserItemBias, mae, ndcg_at, rmse
from fedmf.ratings import Ratings


def baselines(training: Ratings, heldout: Ratings) -> dict[str, dict[str, float]] | None:
    """Return what predictors without factors reach; None if nothing was held out.

    Returns
    -------
    dict
        Measure -> predictor -> value: held-out ``"rmse"`` and ``"mae"`` of ``"bias"`` (user and
        item bias) and ``"global_mean"``, both on pooled data, and ``"ndcg_at_10"`` of
        ``"popularity"``, the most rated items first.
    """
    if not len(heldout):
        return None
    mean = GlobalMean.fit(training.values)
    bias = UserItemBias.fit(
        training.users, training.items, training.values, training.n_users, training.n_items
    )
    predicted = {
        name: predictor.predict(heldout.users, heldout.items)
        for name, predictor in (("bias", bias), ("global_mean", mean))
    }
    return {
        "rmse": {name: rmse(heldout.values, values) for name, values in predicted.items()},
        "mae": {name: mae(heldout.values, values) for name, values in predicted.items()},
        "ndcg_at_10": {"popularity": _popularity(training, heldout)},
    }


def _popularity(training: Ratings, heldout: Ratings) -> float:
    scores = Popularity.fit(training.items, training.n_items).scores
    order = np.argsort(-scores, kind="stable")
    ranked, relevant = [], []
    for user in np.unique(heldout.users):
        rated = training.owned_by([user]).items
        best = order[~np.isin(order, rated)][:10]
        ranked.append(np.concatenate([best, np.full(10 - len(best), -1)]))
        relevant.append(heldout.owned_by([user]).items)
    return float(ndcg_at(10, np.array(ranked), relevant).mean())
