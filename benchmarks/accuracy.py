"""Held-out quality of every round, averaged over seeds, through the product's own walk.

RMSE over seeded random splits; with method `implicit` NDCG@10 over public seeds of the start, the
last ratings of each user held out.

Every participant's contribution goes through fixed point and is added by the server; protection is
`none`, since all others lead to the same integers, and so do silos, one for each core, which are
faster than a participant for each user.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace

import numpy as np

from fedmf.evaluation import UserItemBias, rmse
from fedmf.federation import TrainingSettings, make_plan, train_locally
from fedmf.model import METHODS
from fedmf.ratings import Ratings, load_ratings
from fedmf.workers import available_cores


def quality(settings: TrainingSettings, training: Ratings, heldout: Ratings) -> list[float]:
    """Return the held-out RMSE, or NDCG@10 of a method that only ranks, after each round."""
    plan, key = make_plan(settings, training)
    result = train_locally(plan, key, training, heldout, workers=available_cores())
    if plan.method.predicts_ratings:
        return [record.rmse for record in result.rounds]
    return [record.ndcg_at_10 for record in result.rounds]


def bias_error(training: Ratings, heldout: Ratings) -> float:
    """Return the held-out RMSE of user and item biases on pooled data."""
    bias = UserItemBias.fit(
        training.users, training.items, training.values, training.n_users, training.n_items
    )
    return rmse(heldout.values, bias.predict(heldout.users, heldout.items))


def main() -> None:
    """Measure and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("ratings", nargs="?", default="movielens-small")
    parser.add_argument("--method", default="bayes")
    parser.add_argument("--factors", type=int, help="default: as suits the method")
    parser.add_argument("--rounds", type=int, help="default: as suits the method")
    parser.add_argument("--min-raters", type=int, default=3)
    parser.add_argument("--cohort", type=int, default=None)
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, 100, 101, 0, 1, 2, 3, 4])
    parser.add_argument("--split", choices=("random", "last"), default="random")
    options = parser.parse_args()
    settings = TrainingSettings(
        protection="none",
        method=options.method,
        factors=options.factors,
        rounds=options.rounds,
        min_raters=options.min_raters,
        cohort=options.cohort,
        silos=None if options.cohort else available_cores(),
    )
    ratings = load_ratings(options.ratings)
    seeds = options.seeds
    if options.split == "last" or not METHODS[options.method].predicts_ratings:
        splits = [ratings.split(0.2, by="last")]
        runs = [quality(replace(settings, seed=seed), *splits[0]) for seed in seeds]
    else:
        splits = [ratings.split(0.2, seed=seed) for seed in seeds]
        runs = [quality(settings, *split) for split in splits]
    measured = np.array(runs)
    found = {
        "ratings": ratings.name,
        "settings": settings.as_json(),
        "mean_by_round": measured.mean(axis=0).round(4).tolist(),
        "last_by_seed": measured[:, -1].round(4).tolist(),
        "bias_by_split": [round(bias_error(*split), 4) for split in splits],
    }
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
