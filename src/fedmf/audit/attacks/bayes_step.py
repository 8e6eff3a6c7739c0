"""From what `bayes` uploads back to ratings: from one upload, or from the difference of two.

Of every rated item a participant contributes omega and, in S, omega (e_j [u; 1] - [Phi_uu v_j +
Phi_ub; 0] + C W_j). C and W are public, and Phi follows from them, from *which* items were rated,
and from the noise that omega tells. So the last column shows every error e_j as it is, the other
columns show u, and the sum of all ratings, which every participant uploads in the set-up round,
shows the user's bias.

A participant that renews its contribution uploads the difference to its last one. Where nobody
else's changed, the difference of two opened sums is the same. Both contributions are functions of
the same ratings: given which items were rated and the noise, the user's posterior mean is linear in
the ratings, and so are the errors e. That makes

    z_new - z_old - what is public = omega_new e_new [u_new; 1]' - omega_old e_old [u_old; 1]'

n (d + 1) equations, products of two linear functions, in n unknown ratings: Gauss-Newton with
Levenberg's and Marquardt's damping solves them for several omegas, and the ratings that fit best
tell their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fedmf.model import FloatArray, PublicModel
from fedmf.model.bayes import Bayes
from fedmf.model.bayes_table import ITEMS, STARS, WEIGHTS
from fedmf.model.symmetric_matrices import SharedBasis
from fedmf.model.user_posteriors import LOG_CENTRE
from fedmf.protocol import Int64Array

MOST_STEPS = 60
LEAST_DAMPING = 1e-9
OMEGAS = (0.4, 0.5, 0.65, 0.8, 1.0, 1.25, 1.5, 2.0, 2.5)
"""What a user's ratings may weigh."""
LEAST_OMEGA = 0.25
NOISE_STEPS = 3


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class PublicPart:
    """What is public of the contribution of a user, once it is known which items it rated."""

    levels: FloatArray
    """m + b_j of the items in stars from the lowest rating: what nobody's taste changes, shape
    (n,)."""
    extended: FloatArray
    """[v_j; 1], shape (n, d + 1)."""
    precision: FloatArray
    shift: FloatArray
    """The user's posterior mean is precision^-1 ([v; 1]' (ratings - levels) - shift)."""
    added: FloatArray
    """-[Phi_uu v_j + Phi_ub; 0] + C W_j, shape (n, d + 1): what is public of a row over omega."""
    omega: float
    """What the user's ratings weigh."""
    bias: float
    """Prior mean of its bias."""
    star: float
    """What a star is on the scale of these ratings."""
    noise_over_bias: float
    """tau_i over the variance of users' biases."""

    @classmethod
    def of(
        cls, method: Bayes, public: PublicModel, rated: Int64Array, omega: float = 1.0
    ) -> PublicPart:
        """Return the public part for a user who rated these items, shape (n,)."""
        return cls._of(method, public, rated, rated, np.ones(len(rated)), omega)

    @classmethod
    def like_a_user(
        cls,
        method: Bayes,
        public: PublicModel,
        items: Int64Array,
        count: int,
        omega: float = 1.0,
    ) -> PublicPart:
        """Return it for some items of a user of whom only the number of ratings is guessed.

        Its Phi is that of a user whose items are all that have raters, in proportion to these.
        """
        raters = public.statistics["raters"]
        popular = np.flatnonzero(raters)
        weights = count * raters[popular] / max(float(raters.sum()), 1.0)
        return cls._of(method, public, items, popular, weights, omega)

    @classmethod
    def _of(
        cls,
        method: Bayes,
        public: PublicModel,
        items: Int64Array,
        rated: Int64Array,
        weights: FloatArray,
        omega: float,
    ) -> PublicPart:
        known = public.statistics
        shared = SharedBasis(known["basis"], known["spreads"])
        scale, noise = method.scale, float(known["noise"][0]) / omega
        d = method.factors
        biases, extended = public.item_factors[:, d + 1], public.item_factors[:, : d + 1]
        means = np.column_stack([extended[:, :d], biases])
        # The square roots are those of weights of ratings: all 1 where they are known.
        seen = extended[rated] * np.sqrt(weights)[:, np.newaxis]
        precision = seen.T @ seen
        spread = weights @ shared.weights(known["weights"][rated])
        uncertain = known["noise"][0] * (shared.basis * spread) @ shared.basis.T
        precision[:-1, :-1] += uncertain[:-1, :-1]
        ridge = noise * np.append(np.ones(d), 1.0 / method.user_bias_variance)
        precision[np.diag_indices_from(precision)] += ridge
        covariance = noise * np.linalg.inv(precision)
        added = means[items] @ known["gram"]
        added[:, :-1] -= extended[items] @ covariance[:, :-1]
        count = float(weights.sum())
        facts = np.concatenate(
            [
                [1.0, np.log1p(count) - LOG_CENTRE],
                weights @ extended[rated, :d] / np.sqrt(count + 10),
                [weights @ biases[rated] / (count + 10)],
                [weights @ np.log1p(known["raters"][rated]) / max(count, 1.0) - LOG_CENTRE],
            ]
        )
        prior = known["user_prior"] @ facts
        shift = np.append(uncertain[:-1, -1], 0.0) - ridge * prior
        levels = known["mean"][0] + biases[items]
        star = (scale.highest - scale.lowest) / STARS
        bias = float(prior[-1])
        return cls(
            levels, extended[items], precision, shift, added, omega, bias, star, float(ridge[-1])
        )

    def left(self, sums: FloatArray) -> FloatArray:
        """Return what is left of rows of S when all that is public is taken away: e_j [u; 1]."""
        left: FloatArray = sums / self.omega - self.added
        return left


def ratings_of_bayes(
    method: Bayes,
    public: PublicModel,
    rated: Int64Array,
    change: Mapping[str, FloatArray],
    totals: FloatArray,
) -> FloatArray:
    """Return the ratings behind the contribution of one user, NaN where its row was held back.

    Parameters
    ----------
    public
        The model that the participant had downloaded.
    rated
        Items that it rated, those included whose rows stayed at home, shape (n,).
    change
        The contribution to the items and their weights; zeros where a row stayed at home.
    totals
        What it contributed to the totals: its ratings from the middle of the scale, and their
        number, shape (2,).
    """
    sums = change[ITEMS][rated]
    held_back = ~sums.any(axis=1)
    known = PublicPart.of(method, public, rated, omega_of(change[WEIGHTS][rated]))
    left = known.left(sums)
    left[held_back] = 0.0
    errors = left[:, -1]
    user = errors @ left[:, :-1] / max(float(errors @ errors), 1e-300)
    # The normal equation of the bias says that the errors sum to noise / variance times how far the
    # bias is from its prior mean.
    stars = known.levels + known.extended[:, :-1] @ user
    per_rating = totals[0] / totals[1] if totals[1] else 0.0
    wanted = len(rated) * (per_rating + STARS / 2) + known.noise_over_bias * known.bias
    bias = (wanted - stars.sum()) / (len(rated) + known.noise_over_bias)
    ratings: FloatArray = method.scale.lowest + known.star * (stars + bias + errors)
    ratings[held_back] = np.nan
    return ratings


def omega_of(weights: FloatArray) -> float:
    """Return the omega that a user added to rows of weights, some of which may have stayed home."""
    told = weights[weights > 0]
    return float(np.median(told)) if len(told) else 1.0


def ratings_of_difference(
    method: Bayes,
    public: tuple[PublicModel, PublicModel],
    rated: Int64Array,
    difference: FloatArray,
    grown: float,
) -> FloatArray:
    """Return the ratings behind the difference of two contributions of one user.

    Parameters
    ----------
    public
        The models that the older and the newer contribution were made with.
    rated
        The items that changed, shape (n,): all that the user rated.
    difference
        z_new - z_old of these items, shape (n, d + 1).
    grown
        omega_new - omega_old, which stands beside it.
    """
    kept, best = np.zeros(len(rated)), np.inf
    # Ratings that fit best with some omega tell another one, with which they fit better still.
    omegas = list(OMEGAS)
    for step in range(len(OMEGAS) + NOISE_STEPS):
        older = omegas[step]
        ratings, left = _fitted(method, public, rated, difference, (older, older + grown))
        if left < best:
            kept, best = ratings, left
        if step + 1 >= len(OMEGAS):
            telling = method.posterior(public[0], rated.astype(np.int32), kept)
            omegas.append(float(telling.omega[0]))
    return kept


def _fitted(
    method: Bayes,
    public: tuple[PublicModel, PublicModel],
    rated: Int64Array,
    difference: FloatArray,
    omegas: tuple[float, float],
) -> tuple[FloatArray, float]:
    """Return the ratings that fit best with these omegas, and how far they are from fitting."""
    old, new = (
        PublicPart.of(method, one, rated, max(omega, LEAST_OMEGA))
        for one, omega in zip(public, omegas, strict=True)
    )
    wanted = difference - new.omega * new.added + old.omega * old.added
    sides = (_Side.of(new), new.omega), (_Side.of(old), -old.omega)
    stars, left = _solved(sides, new.levels, wanted)
    return method.scale.lowest + new.star * stars, left


def _solved(
    sides: tuple[tuple[_Side, float], ...], stars: FloatArray, wanted: FloatArray
) -> tuple[FloatArray, float]:
    """Return the ratings that a start leads to, and how far the equations are from holding."""
    damping, (apart, slopes) = 1e-2, _equations(sides, stars, wanted)
    for _ in range(MOST_STEPS):
        square, downhill = slopes.T @ slopes, slopes.T @ apart
        scale = damping * (np.diag(square).mean() or 1.0)
        step = np.linalg.solve(square + scale * np.eye(len(stars)), downhill)
        tried = _equations(sides, stars - step, wanted)
        if tried[0] @ tried[0] < apart @ apart:
            stars, (apart, slopes), damping = stars - step, tried, max(damping / 5, LEAST_DAMPING)
            if np.abs(step).max() < 1e-4:
                break
        else:
            damping *= 5
    return stars, float(np.sqrt(np.mean(apart**2)))


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class _Side:
    """Mean and errors of one contribution, as linear functions of the ratings in stars."""

    to_mean: FloatArray
    mean_of_nothing: FloatArray
    to_errors: FloatArray
    errors_of_nothing: FloatArray

    @classmethod
    def of(cls, known: PublicPart) -> _Side:
        to_mean = np.linalg.solve(known.precision, known.extended.T).astype(np.float64)
        nothing = -to_mean @ known.levels - np.linalg.solve(known.precision, known.shift)
        to_errors = np.eye(len(known.levels)) - known.extended @ to_mean
        return cls(to_mean, nothing, to_errors, -known.levels - known.extended @ nothing)


def _equations(
    sides: tuple[tuple[_Side, float], ...], stars: FloatArray, wanted: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return how far the equations are from holding, and their slopes in each rating."""
    apart, slopes = -wanted, np.zeros((*wanted.shape, len(stars)))
    for side, sign in sides:
        user = side.to_mean @ stars + side.mean_of_nothing
        errors = side.to_errors @ stars + side.errors_of_nothing
        user[-1] = 1.0
        apart = apart + sign * np.outer(errors, user)
        slopes += sign * side.to_errors[:, np.newaxis, :] * user[:, np.newaxis]
        slopes[:, :-1] += sign * errors[:, np.newaxis, np.newaxis] * side.to_mean[:-1]
    return apart.reshape(-1), slopes.reshape(apart.size, len(stars))
