"""What a model has to beat: predictors that need no factors.

All of them take dense codes. A code without training ratings, or outside the range known at
fitting, has no offset (or popularity) of its own and gets 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fedmf.errors import SettingsError
from fedmf.evaluation._checks import (
    CodeArray,
    FloatArray,
    code_problems,
    length_problems,
    number_problems,
    refuse,
)


@dataclass(frozen=True, slots=True)
class GlobalMean:
    """Predict the mean of all training ratings, for every user and item."""

    mean: float
    """Mean training rating, in units of the rating scale."""

    @classmethod
    def fit(cls, values: ArrayLike) -> Self:
        """Take the mean of `values`, float64 (n,); `DataError` if empty or not finite."""
        ratings = np.asarray(values, dtype=np.float64)
        refuse(number_problems("values", ratings))
        return cls(float(ratings.mean()))

    def predict(self, users: CodeArray, items: CodeArray) -> FloatArray:
        """Predict the ratings of `items` by `users`, both integers (n,), as float64 (n,)."""
        _check_pairs(users, items)
        return np.full(items.size, self.mean)


@dataclass(frozen=True, slots=True, eq=False)
class UserItemBias:
    """Predict global mean + item offset + user offset, with damped means as offsets.

    With mean m and damping g, an item's offset is ``sum(r - m) / (n + g)`` over its n ratings,
    and a user's offset then ``sum(r - m - item offset) / (n + g)`` over the user's n ratings: as
    if everybody had given g average ratings more. The damped means are those of Funk, "Netflix
    update: try this at home", 2006; item before user is the order of LensKit's bias model
    (Ekstrand, "LensKit for Python", CIKM 2020) and of Koren, "Factor in the neighbors", ACM TKDD
    4(1), 2010.
    """

    mean: float
    """Mean training rating, in units of the rating scale, as are all offsets."""
    user_offsets: FloatArray
    """float64 (n_users,)."""
    item_offsets: FloatArray
    """float64 (n_items,)."""

    @classmethod
    def fit(
        cls,
        users: CodeArray,
        items: CodeArray,
        values: ArrayLike,
        n_users: int,
        n_items: int,
        damping: float = 5.0,
    ) -> Self:
        """Compute the offsets from training ratings.

        Parameters
        ----------
        users, items
            Codes of the user and the item of each rating, integers (n,), below `n_users` and
            `n_items`.
        values
            The ratings, float64 (n,).
        n_users, n_items
            Number of codes, with and without training ratings.
        damping
            Number of average ratings added to everybody's own; 0 takes plain means.

        Raises
        ------
        DataError
            If the arrays are empty, differ in length, or hold codes out of range or NaN.
        SettingsError
            If `damping` is negative or not finite.
        """
        if not 0.0 <= damping < np.inf:
            raise SettingsError(
                f"damping is {damping} and must be 0 or a positive number of ratings"
            )
        ratings = np.asarray(values, dtype=np.float64)
        refuse(
            [
                *code_problems("users", users, n_users),
                *code_problems("items", items, n_items),
                *number_problems("values", ratings),
                *length_problems(users=users, items=items, values=ratings),
            ]
        )
        mean = float(ratings.mean())
        item_offsets = _damped_means(ratings - mean, items, n_items, damping)
        rest = ratings - mean - item_offsets[items]
        return cls(mean, _damped_means(rest, users, n_users, damping), item_offsets)

    def predict(self, users: CodeArray, items: CodeArray) -> FloatArray:
        """Predict the ratings of `items` by `users`, both integers (n,), as float64 (n,).

        Predictions are not clipped to the rating scale.
        """
        _check_pairs(users, items)
        return self.mean + _look_up(self.user_offsets, users) + _look_up(self.item_offsets, items)


@dataclass(frozen=True, slots=True, eq=False)
class Popularity:
    """Rank items by how many training ratings they have, the same for everybody."""

    scores: FloatArray
    """Number of training ratings of each item, float64 (n_items,). Ties are left to the caller."""

    @classmethod
    def fit(cls, items: CodeArray, n_items: int) -> Self:
        """Count the training ratings of each item.

        Parameters
        ----------
        items
            Item code of each training rating, integers (n,), below `n_items`.
        n_items
            Number of codes, with and without training ratings.

        Raises
        ------
        DataError
            If a code is out of range.
        """
        refuse(code_problems("items", items, n_items))
        return cls(np.bincount(items, minlength=n_items).astype(np.float64))

    def predict(self, users: CodeArray, items: CodeArray) -> FloatArray:
        """Score `items` for `users`, both integers (n,), as float64 (n,); more is better.

        The scores are for ranking only: they are counts and not on the rating scale.
        """
        _check_pairs(users, items)
        return _look_up(self.scores, items)

    def rank(self, rated: Sequence[CodeArray], n: int) -> NDArray[np.int64]:
        """List the `n` most popular items that each user has not rated, best first.

        Parameters
        ----------
        rated
            Codes of the items that a user has rated in training, one array for each user.
        n
            Number of places; ties go to the lower code.

        Returns
        -------
        int64 (users, n)
            Padded with -1 where fewer items are left.
        """
        order = np.argsort(-self.scores, kind="stable")
        lists = np.full((len(rated), n), -1, dtype=np.int64)
        for row, items in zip(lists, rated, strict=True):
            # The user's own items take at most that many of the first places.
            first = order[: n + len(items)]
            best = first[~np.isin(first, items)][:n]
            row[: len(best)] = best
        return lists


def _damped_means(
    residuals: FloatArray, codes: CodeArray, count: int, damping: float
) -> FloatArray:
    sums = np.bincount(codes, weights=residuals, minlength=count)
    sizes = np.bincount(codes, minlength=count)
    offsets = np.zeros(count)
    # Without damping, a code without ratings would be 0 / 0.
    np.divide(sums, sizes + damping, out=offsets, where=sizes > 0)
    return offsets


def _look_up(table: FloatArray, codes: CodeArray) -> FloatArray:
    # A negative code would otherwise count from the end of the table.
    known = (codes >= 0) & (codes < table.size)
    return np.where(known, table.take(codes, mode="clip"), 0.0)


def _check_pairs(users: CodeArray, items: CodeArray) -> None:
    refuse(
        [
            *code_problems("users", users),
            *code_problems("items", items),
            *length_problems(users=users, items=items),
        ]
    )
