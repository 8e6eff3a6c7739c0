"""Held-out accuracy and training time beside other recommenders, on the same seeded splits.

Predicted ratings (RMSE, random splits): method `bayes` beside Surprise's SVD and LensKit's biased
matrix factorization. Rankings among all items that were not rated (NDCG@10, the last ratings of
each user held out): methods `implicit` and `gram` beside implicit's and LensKit's alternating least
squares, EASE and popularity; with recency and without, as far as a model can be asked both ways. No
peer is federated; each is left out, with a word, where it is not installed
(extra ``peers``). fedmf runs without protection in one process; its seconds hold whole rounds with
contributions, fixed point, messages and sums. Set OPENBLAS_NUM_THREADS=1, as implicit asks.
"""

from __future__ import annotations

import argparse
import importlib
import json
import statistics
import sys
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedmf import FederatedRecommender
from fedmf.evaluation import ndcg_at, rmse
from fedmf.model.method import recency_weights
from fedmf.ratings import Ratings, load_ratings

PLACES = 10
EASE_REG = 400.0
RECENCY = 4.0
# What Surprise's SVD does best with on both MovieLens sets of 100,000 ratings.
SVD = {"n_factors": 400, "n_epochs": 100, "lr_all": 0.01, "reg_all": 0.09, "random_state": 0}

Figures = tuple[float, float]
"""The measure, and the seconds of training."""
Contest = Callable[[Ratings, Ratings], Figures]
"""What trains on the first ratings and measures on the second."""


def fedmf_bayes(training: Ratings, heldout: Ratings) -> Figures:
    """Train method `bayes` with the defaults of the command line."""
    model, seconds = _timed(
        lambda: FederatedRecommender(protection="none", workers=1).fit(training).model
    )
    return rmse(heldout.values, model.predict(heldout.users, heldout.items)), seconds


def surprise_svd(training: Ratings, heldout: Ratings) -> Figures:
    """Train Surprise's SVD with tuned settings."""
    surprise: Any = importlib.import_module("surprise")
    scale = surprise.Reader(rating_scale=(training.scale.lowest, training.scale.highest))
    data = surprise.Dataset.load_from_df(_frame(training), scale).build_full_trainset()
    model = surprise.SVD(**SVD)
    _, seconds = _timed(lambda: model.fit(data))
    pairs = zip(heldout.users.tolist(), heldout.items.tolist(), strict=True)
    return rmse(heldout.values, np.array([model.predict(u, i).est for u, i in pairs])), seconds


def lenskit_biased_mf(training: Ratings, heldout: Ratings) -> Figures:
    """Train LensKit's biased matrix factorization by alternating least squares."""
    als: Any = importlib.import_module("lenskit.als")
    pipeline: Any = importlib.import_module("lenskit.pipeline")
    batch: Any = importlib.import_module("lenskit.batch")
    data: Any = importlib.import_module("lenskit.data")
    model = pipeline.predict_pipeline(als.BiasedMFScorer(embedding_size=32))
    known = data.from_interactions_df(_frame(training))
    _, seconds = _timed(lambda: model.train(known))
    asked = data.ItemListCollection.from_df(_frame(heldout), data.UserIDKey)
    found = batch.predict(model, asked, n_jobs=1).to_df()
    scores = {
        (user, item): score
        for user, item, score in zip(
            found["user_id"], found["item_id"], found["score"], strict=True
        )
    }
    mean = float(training.values.mean())
    predicted = [
        scores.get(pair, mean)
        for pair in zip(heldout.users.tolist(), heldout.items.tolist(), strict=True)
    ]
    known_scores = np.nan_to_num(np.array(predicted), nan=mean)
    lowest, highest = training.scale.lowest, training.scale.highest
    return rmse(heldout.values, np.clip(known_scores, lowest, highest)), seconds


@cache
def _fitted(method: str, training: Ratings) -> tuple[FederatedRecommender, float]:
    recommender = FederatedRecommender(
        method=method, protection="none", min_raters=1, recency=0.0, workers=1
    )
    _, seconds = _timed(lambda: recommender.fit(training, progress=False))
    return recommender, seconds


def fedmf_ranking(method: str, recency: float) -> Contest:
    """Return what trains a method that ranks with its defaults."""

    def contest(training: Ratings, heldout: Ratings) -> Figures:
        recommender, seconds = _fitted(method, training)
        return recommender.evaluate(heldout, recency=recency).ndcg_at_10.value, seconds

    return contest


def implicit_als(training: Ratings, heldout: Ratings) -> Figures:
    """Train implicit's alternating least squares on what was rated at all."""
    als: Any = importlib.import_module("implicit.als")
    sparse: Any = importlib.import_module("scipy.sparse")
    met = sparse.csr_matrix(_met(training))
    model = als.AlternatingLeastSquares(factors=64, iterations=15, random_state=0, num_threads=1)
    _, seconds = _timed(lambda: model.fit(met, show_progress=False))
    return _ranked(model.user_factors @ model.item_factors.T, training, heldout), seconds


def lenskit_implicit_mf(training: Ratings, heldout: Ratings) -> Figures:
    """Train LensKit's implicit alternating least squares."""
    als: Any = importlib.import_module("lenskit.als")
    data: Any = importlib.import_module("lenskit.data")
    model = als.ImplicitMFScorer(embedding_size=64, epochs=15)
    known = data.from_interactions_df(_frame(training)[["user_id", "item_id"]])
    _, seconds = _timed(lambda: model.train(known))
    items = data.ItemList(item_ids=np.arange(training.n_items))
    scores = np.full((training.n_users, training.n_items), -np.inf)
    for user in np.unique(heldout.users):
        found = model(data.RecQuery(user_id=int(user)), items)
        scores[user] = np.nan_to_num(found.scores(), nan=-np.inf)
    return _ranked(scores, training, heldout), seconds


@cache
def _ease(training: Ratings) -> tuple[NDArray[np.float64], float]:
    met = _met(training)

    def fit() -> NDArray[np.float64]:
        gram = met.T @ met
        gram[np.diag_indices_from(gram)] += EASE_REG
        inverse = np.linalg.inv(gram)
        weights: NDArray[np.float64] = -inverse / np.diag(inverse)
        np.fill_diagonal(weights, 0.0)
        return weights

    return _timed(fit)


def ease(recency: float) -> Contest:
    """Return what fits EASE (Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", 2019).

    Recency is what the latest item weighs when a user is scored; the fit does not know of it.
    """

    def contest(training: Ratings, heldout: Ratings) -> Figures:
        weights, seconds = _ease(training)
        met = np.zeros((training.n_users, training.n_items))
        everybody = training.owned_by(range(training.n_users))
        for user, own in enumerate(everybody.user_slices()):
            items = everybody.items[own]
            met[user, items] = recency_weights(len(items), recency)
        return _ranked(met @ weights, training, heldout), seconds

    return contest


def popularity(training: Ratings, heldout: Ratings) -> Figures:
    """Rank every user's items by how many have rated them."""
    counts, seconds = _timed(lambda: np.bincount(training.items, minlength=training.n_items))
    scores = np.tile(counts.astype(np.float64), (training.n_users, 1))
    return _ranked(scores, training, heldout), seconds


CONTESTANTS: dict[str, dict[str, Contest]] = {
    "rmse": {
        "fedmf bayes": fedmf_bayes,
        "Surprise SVD": surprise_svd,
        "LensKit BiasedMF": lenskit_biased_mf,
    },
    "ndcg_at_10": {
        "fedmf implicit": fedmf_ranking("implicit", 0.0),
        "fedmf implicit, recency 4": fedmf_ranking("implicit", RECENCY),
        "fedmf gram": fedmf_ranking("gram", 0.0),
        "fedmf gram, recency 4": fedmf_ranking("gram", RECENCY),
        "implicit ALS": implicit_als,
        "LensKit ImplicitMF": lenskit_implicit_mf,
        "EASE": ease(0.0),
        "EASE, recency 4": ease(RECENCY),
        "popularity": popularity,
    },
}


def _timed(act: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    result = act()
    return result, time.perf_counter() - start


def _frame(ratings: Ratings) -> Any:
    pandas: Any = importlib.import_module("pandas")
    return pandas.DataFrame(
        {"user_id": ratings.users, "item_id": ratings.items, "rating": ratings.values}
    )


def _met(ratings: Ratings) -> NDArray[np.float64]:
    met = np.zeros((ratings.n_users, ratings.n_items))
    met[ratings.users, ratings.items] = 1.0
    return met


def _ranked(scores: Any, training: Ratings, heldout: Ratings) -> float:
    """Return the mean NDCG@10 of the best scores among items that were not rated."""
    left = np.array(scores, dtype=np.float64)
    left[training.users, training.items] = -np.inf
    users = np.unique(heldout.users)
    best = np.argsort(-left[users], axis=1, kind="stable")[:, :PLACES]
    relevant = [heldout.items[heldout.users == user] for user in users]
    return float(ndcg_at(PLACES, best, relevant).mean())


def main() -> None:
    """Measure and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("ratings", nargs="?", default="movielens-small")
    parser.add_argument("--splits", type=int, default=1, help="seeded random splits for RMSE")
    parser.add_argument("--measure", choices=[*CONTESTANTS], help="only this one; default: both")
    options = parser.parse_args()
    ratings = load_ratings(options.ratings)
    splits = {
        "rmse": [ratings.split(0.2, seed=seed) for seed in range(options.splits)],
        "ndcg_at_10": [ratings.split(0.2, by="last")],
    }
    found: dict[str, object] = {"ratings": ratings.name}
    for measure in [options.measure] if options.measure else CONTESTANTS:
        contestants = CONTESTANTS[measure]
        for name, contest in contestants.items():
            print(name, file=sys.stderr, flush=True)
            try:
                figures = [contest(*split) for split in splits[measure]]
            except ImportError as error:
                found[name] = f"left out: {error}"
                continue
            found[name] = {
                measure: statistics.mean(one for one, _ in figures),
                "seconds": statistics.median(seconds for _, seconds in figures),
            }
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
