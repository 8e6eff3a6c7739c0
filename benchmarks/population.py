"""A made-up population of any size, for measurements where no real ratings are at hand.

How people rate is fitted to the bundled ratings: method `bayes` is trained on them, and what it
predicts for all pairs is split into means of users, means of items, and the strongest directions of
what is left. A made-up user and item draw normal numbers of these sizes; a rating is their sum with
normal noise, rounded to half stars. Items are met by Zipf's law and users are active log-normally,
with the exponent and the spread of the bundled ratings; what is met more is liked more, as there.

Every user id begins with ``synthetic``, so that no file can be taken for real ratings::

    python benchmarks/population.py --users 20000 --items 10000 --ratings 1000000 out.parquet
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from fedmf import FederatedRecommender
from fedmf.errors import SettingsError
from fedmf.ratings import Ratings, RatingScale, load_ratings

DIRECTIONS = 8
BUSY = slice(10, 1000)
"""Ranks of items between which the bundled ratings follow Zipf's law."""
STAR = 0.5

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class Fitted:
    """What a population is drawn from, in stars."""

    scale: RatingScale
    mean: float
    user_spread: float
    item_spread: float
    """Standard deviations of users' and items' means."""
    liked: float
    """Correlation of an item's mean with the logarithm of how often it is met."""
    directions: FloatArray
    """Standard deviation of what each direction adds to a rating, shape (8,)."""
    noise: float
    """Standard deviation of ratings around all that."""
    zipf: float
    """The item of rank r is met in proportion to ``r ** -zipf``."""
    activity: float
    """Standard deviation of the logarithm of users' numbers of ratings."""

    @classmethod
    def to(cls, ratings: Ratings) -> Fitted:
        """Fit everything to ratings."""
        model = FederatedRecommender(protection="none", silos=4, workers=1).fit(ratings).model
        counts = np.bincount(ratings.items, minlength=ratings.n_items)
        order = np.argsort(-counts, kind="stable")
        busy = order[: BUSY.stop]
        users = np.repeat(np.arange(ratings.n_users, dtype=np.int32), len(busy))
        items = np.tile(busy.astype(np.int32), ratings.n_users)
        predicted = model.predict(users, items).reshape(ratings.n_users, -1)
        of_users, of_items = predicted.mean(axis=1), predicted.mean(axis=0)
        left = predicted - of_users[:, np.newaxis] - of_items + predicted.mean()
        strengths = np.linalg.svd(left, compute_uv=False)[:DIRECTIONS] / math.sqrt(left.size)
        errors = ratings.values - model.predict(ratings.users, ratings.items)
        ranks = np.log(np.arange(BUSY.start, BUSY.stop) + 1.0)
        logs = np.log(counts[order][BUSY])
        return cls(
            scale=ratings.scale,
            mean=float(ratings.values.mean()),
            user_spread=float(of_users.std()),
            item_spread=float(of_items.std()),
            liked=float(np.corrcoef(of_items, np.log(counts[busy]))[0, 1]),
            directions=strengths,
            noise=float(errors.std()),
            zipf=float(-np.polyfit(ranks, logs, 1)[0]),
            activity=float(np.log(np.bincount(ratings.users)).std()),
        )


def population(users: int, items: int, ratings: int, seed: int = 0) -> Ratings:
    """Return a made-up population, in the order in which it rated.

    Users have at least one rating each, and at most half of the items.
    """
    if not users <= ratings <= users * items // 4:
        raise SettingsError("ratings are from one a user up to a quarter of all pairs")
    fitted, rng = Fitted.to(load_ratings("movielens-small")), np.random.default_rng(seed)
    met_by, met = _pairs(fitted, users, items, ratings, rng)
    standing = -np.log(np.arange(1.0, items + 1.0))
    standing = (standing - standing.mean()) / standing.std()
    luck = math.sqrt(1.0 - fitted.liked**2) * rng.normal(size=items)
    values = fitted.mean + fitted.noise * rng.normal(size=ratings)
    values += fitted.user_spread * rng.normal(size=users)[met_by]
    values += fitted.item_spread * (fitted.liked * standing + luck)[met]
    for strength in fitted.directions:
        values += strength * rng.normal(size=users)[met_by] * rng.normal(size=items)[met]
    values = np.clip(np.rint(values / STAR) * STAR, fitted.scale.lowest, fitted.scale.highest)
    return Ratings(
        name=f"synthetic-{users}-{items}-{ratings}-{seed}",
        user_ids=tuple(f"synthetic{one}" for one in range(users)),
        item_ids=tuple(range(items)),
        users=met_by.astype(np.int32),
        items=met.astype(np.int32),
        values=values,
        timestamps=np.arange(ratings, dtype=np.int64),
        titles={},
        scale=fitted.scale,
        notes=("made up by benchmarks/population.py: nobody gave these ratings",),
    )


def _pairs(
    fitted: Fitted, users: int, items: int, ratings: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw who meets what, each pair once, in random order."""
    odds = np.cumsum(np.arange(1.0, items + 1.0) ** -fitted.zipf)
    activity = rng.lognormal(0.0, fitted.activity, users)
    # What everybody has beside the first rating is shared out in proportion to activity.
    share = rng.multinomial(ratings - users, activity / activity.sum()) + 1
    wanted = np.minimum(share, items // 2)
    chosen = np.zeros(0, dtype=np.int64)
    while True:
        have = np.bincount(chosen // items, minlength=users)
        missing = np.maximum(wanted - have, 0)
        if not missing.any():
            break
        drawn_by = np.repeat(np.arange(users), missing)
        drawn = np.searchsorted(odds, rng.random(len(drawn_by)) * odds[-1])
        chosen = np.unique(np.concatenate([chosen, drawn_by * items + drawn]))
    short = ratings - len(chosen)
    while short > 0:
        # Users at their most leave some to the others.
        extra = rng.integers(0, users, short) * items
        extra += np.searchsorted(odds, rng.random(short) * odds[-1])
        chosen = np.unique(np.concatenate([chosen, extra]))
        short = ratings - len(chosen)
    users_and_items = np.divmod(rng.permutation(chosen), items)
    return users_and_items[0], users_and_items[1]


def write(ratings: Ratings, file: Path) -> None:
    """Write ratings to a ``.parquet`` or a ``.csv`` file."""
    ids = pa.array(ratings.user_ids)
    table = pa.table(
        {
            "user": ids.take(pa.array(ratings.users)),
            "item": pa.array(ratings.items),
            "rating": pa.array(ratings.values),
            "timestamp": pa.array(ratings.timestamps),
        },
        metadata={"about": ratings.notes[0]},
    )
    if file.suffix == ".csv":
        pyarrow.csv.write_csv(table, file)
    else:
        pyarrow.parquet.write_table(table, file)


def main() -> None:
    """Write a population to a file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--ratings", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("file", type=Path, help="a .parquet or a .csv file")
    options = parser.parse_args()
    made = population(options.users, options.items, options.ratings, options.seed)
    write(made, options.file)
    print(f"{made!r}, {made.notes[0]}")


if __name__ == "__main__":
    main()
