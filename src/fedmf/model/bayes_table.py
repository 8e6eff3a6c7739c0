"""The table of method `bayes`, and what users add to it: rounded user by user, then summed.

Because each user's part is rounded to the steps of its group before it is added to anything, the
sum over the users of a silo is, bit for bit, the sum of what they would have contributed alone.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fedmf.model.rows import SUM_BITS, Contribution, FloatArray, RowGroup, RowValues, fraction_bits
from fedmf.model.symmetric_matrices import from_upper, triangle
from fedmf.model.user_posteriors import MOST_OMEGA, OMEGA_FRACTION_BITS, Posteriors
from fedmf.ratings import OwnedRatings

ITEMS, WEIGHTS, FEATURES = "items", "weights", "features"
GRAM, USERS, NOISE, FEATURE_GRAM, TOTALS = "gram", "users", "noise", "feature_gram", "totals"
STARS = 4.5
"""Length of the scale that ratings are stretched to: half a star to five stars."""

# In stars. What a user adds to an entry of an item stayed below 11 on all of MovieLens; three times
# that, in steps of 2^-8, is what words of 24 bits hold of 1,024 users.
ITEM_LIMIT, ITEM_FRACTION_BITS = 31.5, 8
# Between what priors weigh in raters: tau / s_b = 4 for a bias, and for factors tau / rho over the
# mean square of a user's, about 150. Of values from 5 to 600 those from 6 to 25 cost least accuracy
# in rows rounded to 4 bits, on two data sets.
PRIOR_RATERS = 16
# The probe has unit columns, so that no user's sum is longer than 1.
FEATURE_LIMIT, FEATURE_FRACTION_BITS = 1.0, 11
# The first probe is random, and p p' small.
FEATURE_GRAM_FRACTION_BITS = 20
# Squared entries of a user vector, whose prior is N(0, I), stayed below 18.
GRAM_LIMIT = 32.0
# Facts of users and their vectors stayed below 8.
FACT_LIMIT = 16.0
# One user's ratings weigh as much as 1,024 in the averages at the most, so that a single user
# moves them by little and words stay short.
MOST_WEIGHT = 1024
MOST_FRACTION_BITS = 8


@dataclass(frozen=True, slots=True)
class BayesTable:
    """The row groups of one federation."""

    users: int
    items: int
    factors: int
    features: int
    """Numbers of users and items, and d and c."""

    def groups(self) -> tuple[RowGroup, ...]:
        """Return rows of items first: S, o and the sums of features; then sums over all users."""
        k, c, g = self.factors + 1, self.features, self.factors + 4
        averages = (
            self._average(GRAM, _upper(k), GRAM_LIMIT),
            self._average(NOISE, 2, GRAM_LIMIT),
            self._average(TOTALS, 2, STARS / 2),
        )
        return (
            self._of_items(ITEMS, k, ITEM_FRACTION_BITS, ITEM_LIMIT, PRIOR_RATERS),
            self._of_items(WEIGHTS, 1, OMEGA_FRACTION_BITS, MOST_OMEGA),
            *([self._of_items(FEATURES, c, FEATURE_FRACTION_BITS, FEATURE_LIMIT)] if c else []),
            self._sum(USERS, k * g + _upper(g), FACT_LIMIT**2, MOST_FRACTION_BITS),
            *([self._sum(FEATURE_GRAM, _upper(c), 1.0, FEATURE_GRAM_FRACTION_BITS)] if c else []),
            *averages,
        )

    @property
    def most_weight(self) -> int:
        """What a user's ratings weigh in averages at the most."""
        return min(MOST_WEIGHT, self.items)

    @property
    def unit(self) -> float:
        """In what averages are summed: 1, and more where the sums would outgrow their words."""
        return max(1.0, self.users * GRAM_LIMIT * self.most_weight / 2.0 ** (SUM_BITS - 1))

    def _of_items(
        self, name: str, columns: int, bits: int, limit: float, prior_raters: int | None = None
    ) -> RowGroup:
        return RowGroup(
            name=name,
            rows=self.items,
            columns=columns,
            fraction_bits=bits,
            limit=limit,
            start_limit=0.0,
            of_items=True,
            prior_raters=prior_raters,
        )

    def _average(self, name: str, columns: int, limit_per_rating: float) -> RowGroup:
        limit = limit_per_rating * self.most_weight / self.unit
        return self._sum(name, columns, limit, MOST_FRACTION_BITS)

    def _sum(self, name: str, columns: int, limit: float, most_bits: int) -> RowGroup:
        return RowGroup(
            name=name,
            rows=1,
            columns=columns,
            fraction_bits=fraction_bits(self.users * limit, most_bits),
            limit=limit,
            start_limit=0.0,
            of_items=False,
        )

    def totals(self, ratings: OwnedRatings, stars: FloatArray) -> FloatArray:
        """Return each user's sum of ratings and their number, shape (users, 2), as averages weigh.

        `stars` are its ratings from the middle of the scale, shape (n,).
        """
        counts = np.diff(ratings.starts)
        of_user = np.repeat(np.arange(len(counts)), counts)
        sums = np.bincount(of_user, weights=stars, minlength=len(counts))
        weights = np.minimum(counts, self.most_weight)
        return np.column_stack([sums * weights / np.maximum(counts, 1), weights]) / self.unit

    def averaged(self, found: Posteriors) -> dict[str, FloatArray]:
        """Return what users add to C and to the noise, group -> shape (users, columns).

        An expected square is scaled as a whole where an entry is too large, so that it stays a sum
        of squares.
        """
        counts = np.minimum(found.counts, self.most_weight) / self.unit
        squares = found.squares
        largest = np.abs(squares).max(axis=(1, 2))
        scale = np.minimum(1.0, GRAM_LIMIT / (largest * found.omega)) * found.omega * counts
        squares *= scale[:, np.newaxis, np.newaxis]
        precision = np.clip(1.0 / found.told_noise, 1.0 / GRAM_LIMIT, GRAM_LIMIT)
        return {
            GRAM: squares[:, *triangle(squares.shape[1])],
            NOISE: np.column_stack([precision, np.ones(len(counts))]) * counts[:, np.newaxis],
        }

    def prior_sums(self, found: Posteriors) -> FloatArray:
        """Return [u; b] g' and the upper triangle of g g' of users, shape (users, columns)."""
        facts = np.clip(found.facts, -FACT_LIMIT, FACT_LIMIT)
        facts[found.counts == 0] = 0.0
        means = np.clip(found.mean, -FACT_LIMIT, FACT_LIMIT)
        products = means[:, :, np.newaxis] * facts[:, np.newaxis, :]
        squares = facts[:, :, np.newaxis] * facts[:, np.newaxis, :]
        upper = squares[:, *triangle(facts.shape[1])]
        return np.concatenate([products.reshape(len(facts), -1), upper], axis=1)

    def split_prior_sums(self, row: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the sums of [u; b] g' and of g g' that a row of them holds."""
        k, g = self.factors + 1, self.factors + 4
        return row[: k * g].reshape(k, g), from_upper(row[k * g :], g)


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class Steps:
    """What several participants' users add, in steps of fixed point: whole numbers as floats."""

    groups: Mapping[str, RowGroup]
    of_ratings: FloatArray
    """A row for each rating: what it adds to the rows of its item, group after group, shape (n,
    columns)."""
    shared: Mapping[str, FloatArray]
    """Sums over the users of each participant, group -> shape (participants, columns)."""

    @classmethod
    def empty(cls, groups: Mapping[str, RowGroup], ratings: int, participants: int) -> Steps:
        """Return zeros."""
        columns = sum(group.columns for group in groups.values() if group.of_items)
        shared = {
            name: np.zeros((participants, group.columns))
            for name, group in groups.items()
            if not group.of_items
        }
        return cls(groups, np.empty((ratings, columns)), shared)

    def add_users(
        self,
        table: BayesTable,
        ratings: OwnedRatings,
        owners: NDArray[np.int64],
        found: Posteriors,
        sums: FloatArray,
        projected: FloatArray | None,
    ) -> None:
        """Add a batch of users.

        Parameters
        ----------
        owners
            The participant of each user of `ratings`, shape (users,).
        found
            Posteriors of some of them.
        sums
            What they add to S, in whole steps and cut off at the limit, shape (b, q, d + 1).
        projected
            What their features are made of, shape (b, c); None: they add none.
        """
        omega = found.omega * self.scale(WEIGHTS)
        columns = table.factors + 1
        per_item = np.zeros((len(omega), table.features))
        if projected is not None and table.features:
            lengths = np.sqrt(np.maximum(found.counts, 1.0))[:, np.newaxis]
            per_item = np.rint(projected / lengths * self.scale(FEATURES))
        for place, user in enumerate(found.users):
            rows = self.of_ratings[ratings.starts[user] : ratings.starts[user + 1]]
            rows[:, :columns] = sums[place, : len(rows)]
            rows[:, columns] = omega[place]
            rows[:, columns + 1 :] = per_item[place]
        of_owner = owners[found.users]
        for name, values in table.averaged(found).items():
            self.add(name, of_owner, values)
        self.add(USERS, of_owner, table.prior_sums(found))
        if projected is not None and table.features:
            squares = projected[:, :, np.newaxis] * projected[:, np.newaxis, :]
            self.add(FEATURE_GRAM, of_owner, squares[:, *triangle(table.features)])

    def add(self, name: str, participants: NDArray[np.int64], values: FloatArray) -> None:
        """Add what users, of these participants, add to a sum over all users."""
        np.add.at(self.shared[name], participants, np.rint(values * self.scale(name)))

    def scale(self, name: str) -> float:
        """Return how many steps make 1."""
        return float(2.0 ** self.groups[name].fraction_bits)

    def contribution(self, ratings: OwnedRatings, own: slice, participant: int) -> Contribution:
        """Return the contribution of a participant whose ratings these are, at `own`."""
        summed = RowValues.summed_by_item(ratings, self.of_ratings[own])
        parts, first = dict(self.of_no_items(participant)), 0
        for name, group in self.groups.items():
            if group.of_items:
                columns = slice(first, first + group.columns)
                values = summed.values[:, columns] / self.scale(name)
                parts[name] = RowValues(summed.rows, values)
                first = columns.stop
        return parts

    def of_no_items(self, participant: int) -> Contribution:
        """Return what a participant adds to the sums over all users."""
        return {
            name: RowValues.of_one_row(sums[participant] / self.scale(name))
            for name, sums in self.shared.items()
        }


def _upper(size: int) -> int:
    return size * (size + 1) // 2


@functools.lru_cache(maxsize=16)
def groups_of(table: BayesTable) -> tuple[RowGroup, ...]:
    """Return the groups of a table; every participant asks for them again."""
    return table.groups()


@functools.lru_cache(maxsize=16)
def groups_by_name(table: BayesTable) -> Mapping[str, RowGroup]:
    """Return the same, by name."""
    return {group.name: group for group in groups_of(table)}
