"""Method `bayes`: mean-field variational Bayes with sums that a federation can share.

Model: r_ij = m + b_i + b_j + u_i.v_j + noise of variance tau; priors u_i ~ N(0, I),
b_i ~ N(0, s_u), v_j ~ N(0, rho I), b_j ~ N(0, s_b). Users' posteriors are exact given the items';
items share one covariance, which a public average C over the users stands for. The table holds
sums, and the items' posterior is a public function of them; docs/explanation/bayes.md derives it.

All variances are for ratings on a scale of 4.5 stars; other scales are stretched to it first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from fedmf.model.method import (
    RATERS,
    SUM_BITS,
    Contribution,
    FloatArray,
    FloatTable,
    Method,
    PrivateStep,
    RowGroup,
    RowValues,
)
from fedmf.model.public_model import PublicModel
from fedmf.model.symmetric_matrices import SharedBasis, from_upper, to_upper
from fedmf.ratings import OwnedRatings

ITEMS, GRAM, TOTALS = "items", "gram", "totals"
STARS = 4.5
"""Length of the scale that ratings are stretched to: half a star to five stars."""
ITEM_STREAM = 0

# In stars. What a user adds to an entry of an item stayed below 11 on all of MovieLens; three times
# that, in steps of 2^-8, is what words of 24 bits hold of 1,024 users.
ITEM_LIMIT, ITEM_FRACTION_BITS = 31.5, 8
# Between what priors weigh in raters: tau / s_b = 4 for a bias, and for factors tau / rho over the
# mean square of a user's, about 150. Of values from 5 to 600 those from 6 to 25 cost least accuracy
# in rows rounded to 4 bits, on two data sets.
PRIOR_RATERS = 16
# Squared entries of a user vector, whose prior is N(0, I), stayed below 18.
GRAM_LIMIT = 32.0
# One user's ratings weigh as much as 1,024 in the averages at the most, so that a single user
# moves them by little and words stay short.
MOST_WEIGHT = 1024
MOST_FRACTION_BITS = 8
START_SPREAD = 0.4
# The average square of the user factors that the first round finds, so that it neither overshoots
# nor wastes a round.
START_GRAM = 0.1


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class UserPosterior:
    """One user's posterior given the items, and what the user contributes: private, all of it."""

    items: FloatArray
    """W of the rated items, shape (n, d + 1)."""
    extended: FloatArray
    """[v_j; 1] of them, shape (n, d + 1)."""
    errors: FloatArray
    """e_j, shape (n,)."""
    mean: FloatArray
    covariance: FloatArray
    """[u; b_i], shape (d + 1,), and Phi."""

    @property
    def vector(self) -> FloatArray:
        """[u; b_i; 1]."""
        return np.append(self.mean, 1.0)

    def expected_square(self) -> FloatArray:
        """Return u+ u+' + [Phi[u,u], 0; 0, 0] with u+ = [u; 1], shape (d + 1, d + 1)."""
        user = np.append(self.mean[:-1], 1.0)
        square = np.outer(user, user)
        square[:-1, :-1] += self.covariance[:-1, :-1]
        return square

    def item_sums(self, gram: FloatArray, limit: float) -> FloatArray:
        """Return z_j = e_j u+ - [Phi[u,u] v_j + Phi[u,b]; 0] + C W_j of the rated items."""
        sums = self.items @ gram + np.outer(self.errors, np.append(self.mean[:-1], 1.0))
        sums[:, :-1] -= self.extended @ self.covariance[:, :-1]
        # An entry beyond the limit would stop the training; an outlier is cut off instead.
        return np.clip(sums, -limit, limit)

    def gram_sum(self, most_weight: int, limit: float) -> FloatArray:
        """Return the user's part of C: the expected square, times the number of its ratings."""
        square = self.expected_square()
        # Scaled as a whole, so that it stays a sum of squares.
        square *= min(1.0, limit / np.abs(square).max())
        return min(len(self.errors), most_weight) * square


@dataclass(frozen=True, slots=True, kw_only=True)
class Bayes(Method):
    """Variational Bayes."""

    name: ClassVar[str] = "bayes"
    predicts_ratings: ClassVar[bool] = True
    # An item's posterior narrows with the number of its raters.
    needs_raters: ClassVar[bool] = True
    renews_contribution: ClassVar[bool] = True

    noise: float = 0.6
    """tau, the variance of a rating around its expectation."""
    factor_variance: float = 0.008
    """rho, of the items' factors; the users' factors have variance 1."""
    item_bias_variance: float = 0.15
    user_bias_variance: float = 0.2
    """s_b and s_u."""
    relaxation: float = 1.0
    """How far items move towards the solution of a round: 1 is the solution itself, a little more
    speeds up the first rounds, and from 1.5 on they oscillate."""

    @property
    def vector_length(self) -> int:
        """Factors, the user's bias (1 for items) and 1 (the item's bias)."""
        return self.factors + 2

    def row_groups(self) -> tuple[RowGroup, ...]:
        """Return S, a row an item; the upper triangle of the users' Gram sum; and the totals."""
        k = self.factors + 1
        return (
            RowGroup(
                name=ITEMS,
                rows=self.items,
                columns=k,
                fraction_bits=ITEM_FRACTION_BITS,
                limit=ITEM_LIMIT,
                start_limit=0.0,
                of_items=True,
                prior_raters=PRIOR_RATERS,
            ),
            self._average(GRAM, k * (k + 1) // 2, GRAM_LIMIT),
            self._average(TOTALS, 2, STARS / 2),
        )

    def decode(
        self,
        table: FloatTable,
        previous: PublicModel | None,
        renewed: NDArray[np.int64] | None = None,
    ) -> PublicModel:
        """Return the items' posterior.

        The sums that the round before renewed were made with the C of that round, and are solved
        with it; the C of this table is for the round that begins. Other items stay as they were.
        """
        total, count = table[TOTALS][0]
        mean = STARS / 2 + (total / count if count > 0 else 0.0)
        raters = table[RATERS][:, 0]
        gram = from_upper(table[GRAM][0], self.factors + 1)
        learned = gram[-1, -1] > 0
        if learned:
            gram /= gram[-1, -1]
            before = gram if previous is None else previous.statistics["gram"]
            means = self._solved(table[ITEMS], raters, before, previous, renewed)
        else:
            gram = np.diag([START_GRAM] * self.factors + [1.0])
            means = self._start_means(raters)
        shared = SharedBasis.of(gram, self._prior)
        return PublicModel(
            self._vectors(means, mean),
            {
                "mean": np.array([mean]),
                "learned": np.array([float(learned)]),
                "raters": raters,
                "gram": gram,
                "basis": shared.basis,
                "spreads": shared.spreads,
            },
        )

    def start_user_factors(self, users: NDArray[np.int32]) -> FloatArray:
        """Return zeros, and the 1 that an item's bias is multiplied with."""
        vectors = np.zeros((len(users), self.vector_length))
        vectors[:, -1] = 1.0
        return vectors

    def setup_contribution(self, ratings: OwnedRatings) -> Contribution:
        """Return the sum of the ratings, from the middle of the scale, and their number."""
        counts = np.diff(ratings.starts)
        of_user = np.repeat(np.arange(len(counts)), counts)
        stars = self._stars(ratings.values) - STARS / 2
        sums = np.bincount(of_user, weights=stars, minlength=len(counts))
        weights = np.minimum(counts, self._most_weight)
        totals = np.array([np.sum(sums * weights / np.maximum(counts, 1)), weights.sum()])
        return {TOTALS: RowValues.of_one_row(totals / self._unit)}

    def participant_step(
        self,
        public: PublicModel,
        ratings: OwnedRatings,
        user_factors: FloatArray,
        previous: Contribution | None,
    ) -> PrivateStep:
        """Return the users' exact posteriors, and their sums."""
        del previous
        changes = np.empty((len(ratings), self.factors + 1))
        gram = np.zeros((self.factors + 1, self.factors + 1))
        moved = user_factors.copy()
        for k, own in enumerate(ratings.user_slices()):
            user = self._user_posterior(public, ratings.items[own], ratings.values[own])
            moved[k] = user.vector
            changes[own] = user.item_sums(public.statistics["gram"], ITEM_LIMIT)
            gram += user.gram_sum(self._most_weight, GRAM_LIMIT)
        contribution = {
            ITEMS: RowValues.summed_by_item(ratings, changes),
            GRAM: RowValues.of_one_row(to_upper(gram) / self._unit),
            **self.setup_contribution(ratings),
        }
        return PrivateStep(moved, contribution)

    def fold_in(
        self, public: PublicModel, items: NDArray[np.int32], values: FloatArray
    ) -> FloatArray:
        """Return the posterior mean of a user, as every member of the federation finds its own."""
        return self._user_posterior(public, items, values).vector

    def prediction_variances(
        self,
        public: PublicModel,
        user_factors: FloatArray,
        rated: NDArray[np.int32],
        items: NDArray[np.int32],
    ) -> FloatArray:
        """Return how far ratings are expected to lie from their predictions, squared.

        The noise of ratings, what is not known of the user, and what is not known of the items:
        tau + [v; 1]' Phi [v; 1] + tr((u+ u+' + Phi) Psi_j).
        """
        known = public.statistics
        # Phi depends on which items were rated and not on their ratings.
        user = self._user_posterior(public, rated, np.zeros(len(rated)))
        extended = self._means(public, items)
        extended[:, -1] = 1.0
        of_user = np.einsum("na,ab,nb->n", extended, user.covariance, extended)
        square = replace(user, mean=user_factors[:-1]).expected_square()
        shared = SharedBasis(known["basis"], known["spreads"])
        of_items = self.noise * shared.traces(known["raters"][items], square)
        variances: FloatArray = self._star**2 * (self.noise + of_user + of_items)
        return variances

    @property
    def _star(self) -> float:
        """What a star is on the scale of these ratings."""
        length = self.scale.highest - self.scale.lowest
        # On a scale of one point every rating is 0 stars, however long a star is.
        return length / STARS if length > 0 else 1.0

    @property
    def _prior(self) -> FloatArray:
        """R, shape (d + 1, d + 1)."""
        variances = [self.factor_variance] * self.factors + [self.item_bias_variance]
        return np.diag(self.noise / np.array(variances))

    @property
    def _most_weight(self) -> int:
        return min(MOST_WEIGHT, self.items)

    @property
    def _unit(self) -> float:
        """In what the averages are summed: 1, and more where the sums would outgrow their words."""
        return max(1.0, self.users * GRAM_LIMIT * self._most_weight / 2.0 ** (SUM_BITS - 1))

    def _average(self, name: str, columns: int, limit_per_rating: float) -> RowGroup:
        limit = limit_per_rating * self._most_weight / self._unit
        return self._sum_row(name, columns, limit, MOST_FRACTION_BITS)

    def _start_means(self, raters: FloatArray) -> FloatArray:
        rng = np.random.default_rng((self.seed, ITEM_STREAM))
        means = np.zeros((self.items, self.factors + 1))
        spread = START_SPREAD / math.sqrt(self.factors)
        means[:, :-1] = rng.normal(0.0, spread, (self.items, self.factors))
        means[raters == 0] = 0.0
        return means

    def _stars(self, values: FloatArray) -> FloatArray:
        return (values - self.scale.lowest) / self._star

    def _solved(
        self,
        sums: FloatArray,
        raters: FloatArray,
        gram: FloatArray,
        previous: PublicModel | None,
        renewed: NDArray[np.int64] | None,
    ) -> FloatArray:
        """Return W in which the renewed items are solved from their sums, made with C = `gram`."""
        chosen = slice(None) if renewed is None else renewed
        solved = SharedBasis.of(gram, self._prior).solve(raters[chosen], sums[chosen])
        if previous is None:
            means = self._start_means(raters)
        else:
            means = self._means(previous, slice(None))
            if previous.statistics["learned"][0]:
                solved = means[chosen] + self.relaxation * (solved - means[chosen])
        means[chosen] = solved
        return means

    def _vectors(self, means: FloatArray, mean: float) -> FloatArray:
        """Return the items' vectors on the scale of these ratings; `_means` reads W off them."""
        items = np.ones((self.items, self.vector_length))
        items[:, :-2] = means[:, :-1]
        items[:, -1] = mean + means[:, -1]
        items *= self._star
        items[:, -1] += self.scale.lowest
        return items

    def _means(self, public: PublicModel, items: NDArray[np.int32] | slice) -> FloatArray:
        """Return W of some items, which their vectors in the public model hold."""
        vectors = public.item_factors[items]
        means = vectors[:, :-1] / self._star
        means[:, -1] = self._stars(vectors[:, -1]) - public.statistics["mean"][0]
        return means

    def _user_posterior(
        self, public: PublicModel, items: NDArray[np.int32], values: FloatArray
    ) -> UserPosterior:
        known = public.statistics
        means = self._means(public, items)
        left = self._stars(values) - known["mean"][0] - means[:, -1]
        extended = means.copy()
        extended[:, -1] = 1.0
        shared = SharedBasis(known["basis"], known["spreads"])
        uncertain = self.noise * shared.inverse_sum(known["raters"][items])
        precision = extended.T @ extended
        precision[:-1, :-1] += uncertain[:-1, :-1]
        diagonal = precision.reshape(-1)[:: len(precision) + 1]
        diagonal[:-1] += self.noise
        diagonal[-1] += self.noise / self.user_bias_variance
        right = extended.T @ left
        right[:-1] -= uncertain[:-1, -1]
        inverse: FloatArray = np.linalg.inv(precision).astype(np.float64)
        mean = inverse @ right
        return UserPosterior(means, extended, left - extended @ mean, mean, self.noise * inverse)
