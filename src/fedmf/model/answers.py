"""What a model answers: predictions, recommendations, similar items and reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral

import numpy as np
from numpy.typing import NDArray

from fedmf.errors import DataError, SettingsError
from fedmf.model.public_model import PublicModel
from fedmf.model.rows import FloatArray
from fedmf.ratings import Id


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One recommended item."""

    item: Id
    title: str
    """Its original id, and its title."""
    score: float
    """Its predicted rating, or its score with methods that only rank."""
    low: float | None = None
    high: float | None = None
    """Ends of the interval that holds the user's rating with a probability of 0.9; None with
    methods that do not know how sure they are."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """A prediction, and how sure it is."""

    value: float
    """The predicted rating, or the score with methods that only rank."""
    low: float | None
    high: float | None
    """Ends of the interval that holds the rating with a probability of `confidence`; None with
    methods that do not know how sure they are."""
    confidence: float
    """Strictly between 0 and 1."""


@dataclass(frozen=True, slots=True)
class SimilarItem:
    """An item that was rated alike by those who rated both."""

    item: Id
    title: str
    """Its original id, and its title."""
    similarity: float
    """Cosine of the angle between the two items' factors, from -1 to 1."""


@dataclass(frozen=True, slots=True)
class Reason:
    """What one of a user's ratings does to a prediction."""

    item: Id
    title: str
    """The item that the user rated."""
    rating: float
    """The user's rating of it."""
    effect: float
    """By how much the rating raises the prediction, or lowers it if negative: unclipped, and in
    units of the rating scale, or of the score with methods that only rank."""


def nearest(factors: FloatArray, item: int, n: int) -> tuple[NDArray[np.int64], FloatArray]:
    """Return the codes of the n items nearest to one by the cosine of their factors, best first.

    Items without factors, about which nothing was learned, are near to none.

    Parameters
    ----------
    factors
        Shape (items, d).
    item
        Code of the item, which is not among those returned.

    Returns
    -------
    tuple
        Codes, shape (at most n,), and their cosines.

    Raises
    ------
    DataError
        The item itself has no factors.
    """
    lengths = np.linalg.norm(factors, axis=1)
    if lengths[item] == 0.0:
        raise DataError("nothing was learned about this item: too few participants rated it")
    known = np.flatnonzero(lengths)
    known = known[known != item]
    cosines = factors[known] @ factors[item] / (lengths[known] * lengths[item])
    best = np.argsort(-cosines, kind="stable")[:n]
    return known[best], cosines[best]


def best_items(
    public: PublicModel, user_factors: FloatArray, rated: NDArray[np.int32], n: int
) -> NDArray[np.int64]:
    """Return the n best item codes for a user vector, best first, leaving out the rated ones."""
    scores = public.item_factors @ user_factors
    scores[rated] = -np.inf
    left = min(n, len(scores) - len(np.unique(rated)))
    if left < len(scores):
        least = np.partition(scores, len(scores) - left)[len(scores) - left] if left else np.inf
        candidates = np.flatnonzero(scores >= least)
    else:
        candidates = np.arange(len(scores))
    # Stable, so that equal scores keep the order of the catalogue on every machine.
    return candidates[np.argsort(-scores[candidates], kind="stable")[:left]]


def strongest(reasons: Sequence[Reason], n: int) -> list[Reason]:
    """Return the n reasons of most effect, up or down, the strongest first."""
    return sorted(reasons, key=lambda one: -abs(one.effect))[:n]


def at_least_one(n: object) -> int:
    """Return a number of items; raise SettingsError if it is none."""
    if isinstance(n, bool) or not isinstance(n, Integral) or int(n) < 1:
        raise SettingsError(f"n is the number of items, a whole number of at least 1, not {n!r}")
    return int(n)
