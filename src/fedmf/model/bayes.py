"""Method `bayes`: mean-field variational Bayes with sums that a federation can share.

Model: r_ij = m + b_i + b_j + u_i.v_j + noise of variance tau_i; priors [u_i; b_i] ~ N(A g_i,
diag(I, s_u)) and [v_j; b_j] ~ N(beta' F_j, diag(rho I, s_b)), whose means are linear in facts: how
much and what a user rated, how often and by whom an item was. Users' posteriors are exact given the
items'; items share one covariance, which a public average C over the users stands for. The table
holds sums, and the items' posterior is a public function of them; docs/explanation/bayes.md derives
it.

All variances are for ratings on a scale of 4.5 stars; other scales are stretched to it first.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from fedmf.model.bayes_table import (
    FEATURE_GRAM,
    FEATURES,
    GRAM,
    ITEM_LIMIT,
    ITEMS,
    NOISE,
    STARS,
    TOTALS,
    USERS,
    WEIGHTS,
    BayesTable,
    Steps,
    groups_by_name,
    groups_of,
)
from fedmf.model.item_posteriors import ItemPosteriors, item_facts
from fedmf.model.method import RATERS, Method, PrivateStep
from fedmf.model.public_model import PublicModel
from fedmf.model.rater_features import features, first_probe, next_probe, projected, whitened
from fedmf.model.rows import Contribution, FloatArray, FloatTable, RowGroup
from fedmf.model.symmetric_matrices import SharedBasis, from_upper
from fedmf.model.user_posteriors import KnownItems, Posteriors, posteriors
from fedmf.ratings import OwnedRatings

ITEM_STREAM = 0
START_SPREAD = 0.4
# The average square of the user factors that the first round finds, so that it neither overshoots
# nor wastes a round.
START_GRAM = 0.1
FEATURE_SWEEPS = 4
"""Sweeps after which who rated what is summed up no more."""
NOISE_SWEEPS = 2
"""Sweeps before the noise is learned: the first models fit too badly."""
# Users that the prior of users' prior means weighs as much as.
PRIOR_USERS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bayes(Method):
    """Variational Bayes."""

    name: ClassVar[str] = "bayes"
    predicts_ratings: ClassVar[bool] = True
    # An item's posterior narrows with the number of its raters.
    needs_raters: ClassVar[bool] = True
    renews_contribution: ClassVar[bool] = True
    # Prior means of items are found over all of them.
    reads_all_items: ClassVar[bool] = True
    usual_factors: ClassVar[int] = 16
    resting_groups: ClassVar[tuple[str, ...]] = (FEATURES, FEATURE_GRAM)
    resting_after: ClassVar[int] = FEATURE_SWEEPS

    rater_features: int = 16
    """Number c of features of an item that say who rated it; 0: none."""
    sweep: int = 1
    """Rounds in which everybody renews all of its rows once."""
    noise: float = 0.6
    """tau, the variance of a rating around its expectation, until it is learned."""
    factor_variance: float = 0.008
    """rho, of the items' factors; the users' factors have variance 1."""
    item_bias_variance: float = 0.15
    user_bias_variance: float = 0.2
    """s_b and s_u."""

    @property
    def vector_length(self) -> int:
        """Factors, the user's bias (1 for items), 1 (the item's bias), the noise (0 for items)."""
        return self.factors + 3

    def row_groups(self) -> tuple[RowGroup, ...]:
        """Return rows of items, S, o and the sums of features; and sums over all users."""
        return groups_of(self._table)

    def decode(
        self,
        table: FloatTable,
        previous: PublicModel | None,
        renewed: NDArray[np.int64] | None = None,
    ) -> PublicModel:
        """Return the items' posterior.

        The sums that the round before renewed were made with the C of that round, and are solved
        with it; the C of this table is for the round that begins. What a sum of another round would
        have been with that C follows from its solution.
        """
        total, count = table[TOTALS][0]
        mean = STARS / 2 + (total / count if count > 0 else 0.0)
        raters = table[RATERS][:, 0]
        gram = from_upper(table[GRAM][0], self.factors + 1)
        if previous is None or gram[-1, -1] <= 0:
            return self._start(mean, raters)
        known = dict(previous.statistics)
        known["mean"], known["raters"] = np.array([mean]), raters
        # What comes after these sweeps is all alike.
        known["round"] = np.minimum(known["round"] + 1, FEATURE_SWEEPS * self.sweep + 1)
        known |= self._features(table, known)
        known["weights"] = np.where(raters > 0, table[WEIGHTS][:, 0], 0.0)
        found = ItemPosteriors.solved(
            SharedBasis(known["basis"], known["spreads"]),
            known["weights"],
            self._sums(table[ITEMS], known["weights"], previous, renewed),
            item_facts(raters, known["features"]),
        )
        known["prior_means"] = found.prior_means
        known["gram"] = gram / gram[-1, -1]
        products, squares = self._table.split_prior_sums(table[USERS][0])
        ridge = PRIOR_USERS * np.eye(len(squares))
        known["user_prior"] = np.linalg.solve(squares + ridge, products.T).T.astype(np.float64)
        if known["round"][0] > NOISE_SWEEPS * self.sweep:
            precision, ratings = table[NOISE][0]
            known["noise"] = np.array([ratings / precision])
        return self._public(found.means, known)

    def start_user_factors(self, users: NDArray[np.int32]) -> FloatArray:
        """Return users in the middle of the scale; a posterior needs no start."""
        vectors = np.zeros((len(users), self.vector_length))
        vectors[:, -3:] = self.scale.lowest + self._star * STARS / 2, self._star, self.noise
        return vectors

    def setup_contribution(self, ratings: OwnedRatings) -> Contribution:
        """Return the sum of the ratings, from the middle of the scale, and their number."""
        steps = Steps.empty({TOTALS: groups_by_name(self._table)[TOTALS]}, 0, 1)
        self._add_totals(steps, ratings, np.zeros(len(ratings.users), dtype=np.int64))
        return steps.of_no_items(0)

    def participant_step(
        self,
        public: PublicModel,
        ratings: OwnedRatings,
        user_factors: FloatArray,
        previous: Contribution | None,
    ) -> PrivateStep:
        """Return the users' exact posteriors, and their sums."""
        del user_factors, previous
        owners = np.zeros(len(ratings.users), dtype=np.int64)
        moved, steps = self._steps(public, ratings, owners, 1)
        return PrivateStep(moved, steps.contribution(ratings, slice(None), 0))

    def user_factors(
        self, public: PublicModel, ratings: OwnedRatings, kept: FloatArray
    ) -> FloatArray:
        """Return the posterior means of users; what was kept of earlier rounds plays no part."""
        vectors = np.empty_like(kept)
        for found in self._posteriors(public, ratings):
            vectors[found.users] = self._vectors(public, found)
        return vectors

    def fold_in(
        self, public: PublicModel, items: NDArray[np.int32], values: FloatArray
    ) -> FloatArray:
        """Return the posterior mean of a user, as every member of the federation finds its own."""
        return np.array(self._vectors(public, self.posterior(public, items, values))[0])

    def prediction_variances(
        self,
        public: PublicModel,
        user_factors: FloatArray,
        rated: NDArray[np.int32],
        items: NDArray[np.int32],
    ) -> FloatArray:
        """Return how far ratings are expected to lie from their predictions, squared.

        The noise of the user's ratings, what is not known of the user, and what is not known of the
        items: tau_i + [v; 1]' Phi [v; 1] + tr((u+ u+' + Phi) Psi_j).
        """
        known, noise = public.statistics, float(user_factors[-1])
        # Phi depends on which items were rated, and on their ratings through the noise alone.
        found = self.posterior(public, rated, np.zeros(len(rated)), noise)
        covariance = found.covariance[0]
        extended = public.item_factors[items, :-2]
        of_user = np.einsum("na,ab,nb->n", extended, covariance, extended)
        user = np.append(user_factors[: self.factors] / self._star, 1.0)
        square = np.outer(user, user)
        square[:-1, :-1] += covariance[:-1, :-1]
        shared = SharedBasis(known["basis"], known["spreads"])
        of_items = known["noise"][0] * shared.traces(known["weights"][items], square)
        return np.array(self._star**2 * (noise + of_user + of_items))

    def effects(
        self, public: PublicModel, items: NDArray[np.int32], values: FloatArray, item: int
    ) -> FloatArray:
        """Return by how much each rating of a user moves the prediction for one item, shape (n,).

        In closed form: with the user's noise held, the posterior mean is linear in what is left of
        the ratings after m + b_j, and [v; 1]' H^-1 [v_j; 1] times that is the part of rating j. The
        rest of the prediction is the same whatever the user's ratings are.
        """
        found = self.posterior(public, items, values)
        extended = found.rated[0, : len(items), : self.factors + 1]
        left = found.rated[0, : len(items), -1] - found.rated[0, : len(items), -2]
        towards = found.covariance[0] @ public.item_factors[item, : self.factors + 1]
        return np.array(self._star * (extended @ towards) * left / found.noise[0])

    @property
    def _table(self) -> BayesTable:
        return BayesTable(self.users, self.items, self.factors, self.rater_features)

    @property
    def _star(self) -> float:
        """What a star is on the scale of these ratings."""
        length = self.scale.highest - self.scale.lowest
        # On a scale of one point every rating is 0 stars, however long a star is.
        return length / STARS if length > 0 else 1.0

    def _stars(self, values: FloatArray) -> FloatArray:
        return (values - self.scale.lowest) / self._star

    def _prior(self, noise: float) -> FloatArray:
        """R, shape (d + 1, d + 1)."""
        variances = [self.factor_variance] * self.factors + [self.item_bias_variance]
        return np.diag(noise / np.array(variances))

    def _start(self, mean: float, raters: FloatArray) -> PublicModel:
        rng = np.random.default_rng((self.seed, ITEM_STREAM))
        means = np.zeros((self.items, self.factors + 1))
        spread = START_SPREAD / math.sqrt(self.factors)
        means[:, :-1] = rng.normal(0.0, spread, (self.items, self.factors))
        means[raters == 0] = 0.0
        known = {
            "mean": np.array([mean]),
            "round": np.zeros(1),
            "noise": np.array([self.noise]),
            "raters": raters,
            "weights": raters,
            "gram": np.diag([START_GRAM] * self.factors + [1.0]),
            "prior_means": np.zeros_like(means),
            "user_prior": np.zeros((self.factors + 1, self.factors + 4)),
            "features": np.zeros((self.items, self.rater_features)),
            "probe": first_probe(self.seed, raters, self.rater_features),
        }
        return self._public(means, known)

    def _public(self, means: FloatArray, known: Mapping[str, FloatArray]) -> PublicModel:
        items = np.zeros((self.items, self.vector_length))
        items[:, : self.factors] = means[:, :-1]
        items[:, self.factors] = 1.0
        items[:, self.factors + 1] = means[:, -1]
        shared = SharedBasis.of(known["gram"], self._prior(float(known["noise"][0])))
        return PublicModel(items, {**known, "basis": shared.basis, "spreads": shared.spreads})

    def _features(
        self, table: FloatTable, known: Mapping[str, FloatArray]
    ) -> Mapping[str, FloatArray]:
        """Return features and the next probe at the end of each of the first sweeps."""
        sweeps, rest = divmod(int(known["round"][0]), self.sweep)
        if rest or sweeps > FEATURE_SWEEPS or not self.rater_features:
            return {}
        gram = from_upper(table[FEATURE_GRAM][0], self.rater_features) / self.users
        step = 2.0 ** -groups_by_name(self._table)[FEATURE_GRAM].fraction_bits
        sums = whitened(table[FEATURES], gram, step)
        probe = next_probe(sums) if sweeps < FEATURE_SWEEPS else known["probe"][:0]
        return {"features": features(sums, known["raters"]), "probe": probe}

    def _sums(
        self,
        sums: FloatArray,
        weights: FloatArray,
        previous: PublicModel,
        renewed: NDArray[np.int64] | None,
    ) -> FloatArray:
        """Return S as if all of it had been made in the round before."""
        if renewed is None:
            return sums
        before = previous.statistics
        means = np.delete(previous.item_factors[:, :-1], self.factors, axis=1)
        made = weights[:, np.newaxis] * (means @ before["gram"])
        made += (means - before["prior_means"]) @ self._prior(float(before["noise"][0]))
        made[renewed] = sums[renewed]
        return made

    def _vectors(self, public: PublicModel, found: Posteriors) -> FloatArray:
        """Return users' vectors, whose products with items' are ratings; the noise is in stars."""
        vectors = np.empty((len(found.users), self.vector_length))
        vectors[:, : self.factors + 1] = found.mean * self._star
        vectors[:, self.factors] += self.scale.lowest + self._star * public.statistics["mean"][0]
        vectors[:, self.factors + 1] = self._star
        vectors[:, self.factors + 2] = found.noise
        return vectors

    def _steps(
        self, public: PublicModel, ratings: OwnedRatings, owners: NDArray[np.int64], count: int
    ) -> tuple[FloatArray, Steps]:
        """Return the vectors of users that `count` participants own, and what they add."""
        known, table = public.statistics, self._table
        steps = Steps.empty(groups_by_name(table), len(ratings), count)
        vectors = np.empty((len(ratings.users), self.vector_length))
        to_steps = steps.scale(ITEMS)
        for found in self._posteriors(public, ratings):
            vectors[found.users] = self._vectors(public, found)
            sums = found.item_sums(known["gram"], to_steps)
            # An entry beyond the limit would stop the training; an outlier is cut off instead.
            limit = ITEM_LIMIT * to_steps
            np.clip(np.rint(sums, out=sums), -limit, limit, out=sums)
            own = projected(known["probe"], ratings, found.users) if len(known["probe"]) else None
            steps.add_users(table, ratings, owners, found, sums, own)
        self._add_totals(steps, ratings, owners)
        return vectors, steps

    def _add_totals(self, steps: Steps, ratings: OwnedRatings, owners: NDArray[np.int64]) -> None:
        stars = self._stars(ratings.values) - STARS / 2
        steps.add(TOTALS, owners, self._table.totals(ratings, stars))

    def _posteriors(self, public: PublicModel, ratings: OwnedRatings) -> Iterator[Posteriors]:
        stars = self._stars(ratings.values) - public.statistics["mean"][0]
        known = KnownItems.of(public, self.user_bias_variance)
        return posteriors(known, ratings.starts, ratings.items, stars)

    def posterior(
        self,
        public: PublicModel,
        items: NDArray[np.int32],
        values: FloatArray,
        noise: float | None = None,
    ) -> Posteriors:
        """Return the posterior of one user who rated these items, with its own noise if given."""
        starts = np.array([0, len(items)])
        stars = self._stars(values) - public.statistics["mean"][0]
        own = None if noise is None else np.array([noise])
        known = KnownItems.of(public, self.user_bias_variance)
        return next(posteriors(known, starts, items, stars, own))
