"""How well a model fits ratings, and how participants sum that up without giving theirs away."""

from __future__ import annotations

import math
import operator
from dataclasses import astuple, dataclass
from typing import Self

import numpy as np

from fedmf.model import FloatArray, PublicModel, RowGroup, RowValues
from fedmf.ratings import OwnedRatings, RatingScale

ERRORS = "errors"
"""Name of the row group that sums what participants measure."""
# Sums are kept within 30 bits, because every protection holds that many, and keep 8 bits after
# the point: so users of a large federation measure on fewer ratings each.
SUM_BITS = 30
LEAST_FRACTION_BITS, MOST_FRACTION_BITS = 8, 16
MOST_RATINGS = 1024


@dataclass(frozen=True, slots=True)
class Sums:
    """Base of data classes that hold sums only: those of several participants add up."""

    def __add__(self, other: Self) -> Self:
        return type(self)(*map(operator.add, astuple(self), astuple(other)))


@dataclass(frozen=True, slots=True)
class Fit(Sums):
    """How well a model fits ratings."""

    squared_error: float = 0.0
    absolute_error: float = 0.0
    """Sums over the ratings."""
    count: float = 0
    """Number of ratings."""

    @property
    def rmse(self) -> float:
        """Root of the mean squared error; NaN without ratings."""
        return float((self.squared_error / self.count) ** 0.5) if self.count else math.nan

    @property
    def mae(self) -> float:
        """Mean absolute error; NaN without ratings."""
        return self.absolute_error / self.count if self.count else math.nan


NOTHING = Fit()
"""The fit to no ratings."""


def measure(
    public: PublicModel,
    user_factors: FloatArray,
    ratings: OwnedRatings,
    clip_to: RatingScale | None = None,
) -> Fit:
    """Return how well a public model and user vectors fit the users' ratings.

    Parameters
    ----------
    user_factors
        Vectors of the users of `ratings`, in the same order, shape (users, k).
    clip_to
        Clip predictions to this scale; None: raw products, the loss that training minimises.
    """
    squared, absolute, count = errors_by_user(public, user_factors, ratings, clip_to).sum(axis=0)
    return Fit(float(squared), float(absolute), float(count))


def errors_by_user(
    public: PublicModel,
    user_factors: FloatArray,
    ratings: OwnedRatings,
    clip_to: RatingScale | None = None,
) -> FloatArray:
    """Return each user's squared errors, absolute errors and number of ratings, shape (users, 3).

    Parameters are those of `measure`.
    """
    of_user = np.repeat(np.arange(len(ratings.users)), np.diff(ratings.starts))
    predicted = np.einsum("nk,nk->n", user_factors[of_user], public.item_factors[ratings.items])
    if clip_to is not None:
        predicted = np.clip(predicted, clip_to.lowest, clip_to.highest)
    errors = ratings.values - predicted
    users = len(ratings.users)
    return np.column_stack(
        [
            np.bincount(of_user, weights=errors * errors, minlength=users),
            np.bincount(of_user, weights=np.abs(errors), minlength=users),
            np.diff(ratings.starts),
        ]
    )


def summed_group(fraction_bits: int, limit: float) -> RowGroup:
    """Return the group of the one row, of three columns, that sums what participants measure."""
    return RowGroup(
        name=ERRORS,
        rows=1,
        columns=3,
        fraction_bits=fraction_bits,
        limit=limit,
        start_limit=0.0,
        of_items=False,
    )


class SummedErrors:
    """The row of the table in which participants sum their errors on ratings they hold back.

    Its columns are squared errors, absolute errors and the number of ratings; errors are in units
    of the length of the scale, so that no rating adds more than 1 to any of them.

    Parameters
    ----------
    users
        All users of the federation.
    scale
        The public rating scale.
    """

    def __init__(self, users: int, scale: RatingScale) -> None:
        room = 2 ** (SUM_BITS - 1)
        self.ratings_per_user = max(1, min(MOST_RATINGS, room // (users * 2**LEAST_FRACTION_BITS)))
        bits = math.floor(math.log2(room / (users * self.ratings_per_user)))
        fraction_bits = max(LEAST_FRACTION_BITS, min(MOST_FRACTION_BITS, bits))
        self.group = summed_group(fraction_bits, limit=float(self.ratings_per_user))
        self.scale = scale
        # On a scale of one point every clipped prediction is right.
        length = (scale.highest - scale.lowest) or 1.0
        self._units = np.array([[length**2, length, 1.0]])

    def measured(self, heldout: OwnedRatings) -> OwnedRatings:
        """Return what a participant measures on: at most this many of each user's ratings."""
        owned = np.diff(heldout.starts)
        counts = np.minimum(owned, self.ratings_per_user)
        if np.array_equal(counts, owned):
            return heldout
        starts = np.concatenate(([0], np.cumsum(counts)))
        chosen = np.arange(starts[-1]) + np.repeat(heldout.starts[:-1] - starts[:-1], counts)
        return OwnedRatings(heldout.users, starts, heldout.items[chosen], heldout.values[chosen])

    def row(
        self,
        public: PublicModel,
        user_factors: FloatArray,
        training: OwnedRatings,
        heldout: OwnedRatings,
    ) -> RowValues:
        """Return a participant's contribution to the row."""
        del training
        errors = errors_by_user(public, user_factors, self.measured(heldout), self.scale)
        return RowValues.of_one_row(self.group.rounded(errors / self._units).sum(axis=0))

    def from_row(self, values: FloatArray) -> Fit:
        """Return what the opened row says, shape (1, 3)."""
        squared, absolute, count = (values * self._units)[0]
        return Fit(float(squared), float(absolute), float(count))
