"""Eight families of ratings unlike MovieLens, made up: scales and shapes that people have.

Users and items are met as in life, few often and most seldom. Tastes have rank two, where a family
has tastes at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from fedmf.ratings import Ratings
from fedmf.ratings.scale import find_scale

USERS, ITEMS, RATINGS = 100, 60, 2_000

FloatArray = NDArray[np.float64]


def _coin_flips(rng: np.random.Generator, taste: FloatArray) -> FloatArray:
    return rng.integers(1, 3, len(taste)).astype(np.float64)


def _stars(rng: np.random.Generator, taste: FloatArray) -> FloatArray:
    values: FloatArray = np.clip(
        np.rint(3.5 + 0.6 * taste + 0.6 * rng.normal(size=len(taste))), 1, 5
    )
    return values


def _outlier(rng: np.random.Generator, taste: FloatArray) -> FloatArray:
    values = _stars(rng, taste)
    values[len(values) // 2] = 500.0
    return values


def _counts(rng: np.random.Generator, taste: FloatArray) -> FloatArray:
    counts: FloatArray = np.ceil(np.exp(2.0 + taste + 1.5 * rng.standard_t(4, len(taste))))
    return counts


FAMILIES: Mapping[str, Callable[[np.random.Generator, FloatArray], FloatArray]] = {
    "likes": lambda rng, taste: (taste + rng.logistic(size=len(taste)) > 0).astype(np.float64),
    "coin flips": _coin_flips,
    "-10 to 10": lambda rng, taste: np.clip(4 * taste + 3 * rng.normal(size=len(taste)), -10, 10),
    "0 to 100": lambda rng, taste: np.clip(
        np.rint(60 + 12 * taste + 15 * rng.normal(size=len(taste))), 0, 100
    ),
    "an outlier": _outlier,
    "counts": _counts,
    "all equal": lambda _, taste: np.full(len(taste), 4.0),
    "nearly constant users": lambda rng, taste: np.clip(
        0.5 + 0.15 * taste + 0.1 * rng.normal(size=len(taste)), 0, 1
    ),
}
"""Name -> what makes values of how much each user likes each item, which is about N(0, 1.5)."""


def family(name: str, seed: int = 0) -> Ratings:
    """Return one family's ratings, with the scale that loading would find and without outliers."""
    rng = np.random.default_rng((seed, list(FAMILIES).index(name)))
    activity = rng.lognormal(0.0, 1.0, USERS)
    appeal = 1.0 / np.arange(2.0, ITEMS + 2.0)
    odds = np.log(np.outer(activity, appeal)).ravel() + rng.gumbel(size=USERS * ITEMS)
    pairs = np.sort(rng.permutation(np.argsort(-odds)[:RATINGS]))
    users, items = np.divmod(pairs, ITEMS)
    biases = 0.5 * rng.normal(size=USERS)[users] + 0.7 * rng.normal(size=ITEMS)[items]
    factors = rng.normal(size=(USERS, 2))[users] * rng.normal(size=(ITEMS, 2))[items]
    taste = biases + 0.6 * factors.sum(axis=1)
    values = FAMILIES[name](rng, taste)
    if name == "nearly constant users":
        # Two users in three give about the same to everything.
        values = np.where(users % 3 > 0, 0.8 + 0.01 * rng.normal(size=len(values)), values)
    scale, outliers = find_scale(values)
    kept = ~outliers
    return Ratings(
        name=name,
        user_ids=tuple(range(USERS)),
        item_ids=tuple(range(ITEMS)),
        users=users[kept].astype(np.int32),
        items=items[kept].astype(np.int32),
        values=values[kept],
        timestamps=None,
        titles={},
        scale=scale,
    )
