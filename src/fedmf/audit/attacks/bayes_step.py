"""From what `bayes` uploads back to ratings: from one upload, or from the difference of two.

Of every rated item a participant contributes z_j = e_j [u; 1] - [Phi_uu v_j + Phi_ub; 0] + C W_j.
C and W are public, and Phi follows from them and from *which* items were rated, the ratings play no
part. So the last column shows every error e_j as it is, the other columns show u, and the sum of
all ratings, which every participant uploads in the set-up round, shows the user's bias.

A participant that renews its contribution uploads the difference to its last one. Where nobody
else's changed, the difference of two opened sums is the same. Both contributions are functions of
the same ratings: given which items were rated, the user's posterior mean is linear in the ratings,
and so are the errors e. That makes

    z_new - z_old - what is public = e_new [u_new; 1]' - e_old [u_old; 1]'

n (d + 1) equations, products of two linear functions, in n unknown ratings: Gauss-Newton with
Levenberg's and Marquardt's damping solves them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fedmf.model import FloatArray, PublicModel
from fedmf.model.bayes import STARS, Bayes
from fedmf.model.symmetric_matrices import SharedBasis
from fedmf.protocol import Int64Array

MOST_STEPS = 60
LEAST_DAMPING = 1e-9
MOST_STARTS = 5
CLEARLY_FOUND = 2.0**-7
"""Fixed point alone leaves a fifth of this, in stars; another minimum leaves a multiple."""


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
    """-[Phi_uu v_j + Phi_ub; 0] + C W_j, shape (n, d + 1)."""
    star: float
    """What a star is on the scale of these ratings."""
    noise_over_bias: float
    """tau over the variance of users' biases."""

    @classmethod
    def of(cls, method: Bayes, public: PublicModel, rated: Int64Array) -> PublicPart:
        """Return the public part for a user who rated these items, shape (n,)."""
        return cls._of(method, public, rated, rated, np.ones(len(rated)))

    @classmethod
    def like_a_user(
        cls, method: Bayes, public: PublicModel, items: Int64Array, count: int
    ) -> PublicPart:
        """Return it for some items of a user of whom only the number of ratings is guessed.

        Its Phi is that of a user whose items are all that have raters, in proportion to these.
        """
        raters = public.statistics["raters"]
        popular = np.flatnonzero(raters)
        weights = count * raters[popular] / max(float(raters.sum()), 1.0)
        return cls._of(method, public, items, popular, weights)

    @classmethod
    def _of(
        cls,
        method: Bayes,
        public: PublicModel,
        items: Int64Array,
        rated: Int64Array,
        weights: FloatArray,
    ) -> PublicPart:
        known = public.statistics
        shared = SharedBasis(known["basis"], known["spreads"])
        scale, mean = method.scale, known["mean"][0]
        star = (scale.highest - scale.lowest) / STARS
        means = public.item_factors[:, :-1] / star
        means[:, -1] = (public.item_factors[:, -1] - scale.lowest) / star - mean
        extended = means.copy()
        extended[:, -1] = 1.0
        # The square roots are those of weights of ratings: all 1 where they are known.
        seen = extended[rated] * np.sqrt(weights)[:, np.newaxis]
        precision = seen.T @ seen
        spread = weights @ (1.0 / (1.0 + known["raters"][rated, np.newaxis] * shared.spreads))
        uncertain = method.noise * (shared.basis * spread) @ shared.basis.T
        precision[:-1, :-1] += uncertain[:-1, :-1]
        noise_over_bias = method.noise / method.user_bias_variance
        precision[np.diag_indices_from(precision)] += [method.noise] * method.factors + [
            noise_over_bias
        ]
        covariance = method.noise * np.linalg.inv(precision)
        added = means[items] @ known["gram"]
        added[:, :-1] -= extended[items] @ covariance[:, :-1]
        shift = np.append(uncertain[:-1, -1], 0.0)
        levels = mean + means[items, -1]
        return cls(levels, extended[items], precision, shift, added, star, noise_over_bias)


def ratings_of_bayes(
    method: Bayes,
    public: PublicModel,
    rated: Int64Array,
    sums: FloatArray,
    totals: FloatArray,
) -> FloatArray:
    """Return the ratings behind the contribution of one user, NaN where its row was held back.

    Parameters
    ----------
    public
        The model that the participant had downloaded.
    rated
        Items that it rated, those included whose rows stayed at home, shape (n,).
    sums
        The contribution to these items, shape (n, d + 1); zeros where the row stayed at home.
    totals
        What it contributed to the totals: its ratings from the middle of the scale, and their
        number, shape (2,).
    """
    known = PublicPart.of(method, public, rated)
    # What is left of z when all that is public is taken away: e_j [u; 1].
    left = sums - known.added
    left[~sums.any(axis=1)] = 0.0
    errors = left[:, -1]
    user = errors @ left[:, :-1] / max(float(errors @ errors), 1e-300)
    # The normal equation of the bias says that the errors sum to noise / variance times the bias.
    stars = known.levels + known.extended[:, :-1] @ user
    per_rating = totals[0] / totals[1] if totals[1] else 0.0
    wanted = len(rated) * (per_rating + STARS / 2)
    bias = (wanted - stars.sum()) / (len(rated) + known.noise_over_bias)
    ratings: FloatArray = method.scale.lowest + known.star * (stars + bias + errors)
    ratings[~sums.any(axis=1)] = np.nan
    return ratings


def ratings_of_difference(
    method: Bayes,
    public: tuple[PublicModel, PublicModel],
    rated: Int64Array,
    difference: FloatArray,
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
    """
    old, new = (PublicPart.of(method, one, rated) for one in public)
    wanted = difference - new.added + old.added
    sides = (_Side.of(new), 1.0), (_Side.of(old), -1.0)
    rng = np.random.default_rng(0)
    found, best = new.levels, np.inf
    for _ in range(MOST_STARTS):
        start = new.levels + rng.normal(0.0, 1.0 if np.isfinite(best) else 0.0, len(rated))
        stars, left = _solved(sides, start, wanted)
        if left < best:
            found, best = stars, left
        if best < CLEARLY_FOUND:
            break
    ratings: FloatArray = method.scale.lowest + new.star * found
    return ratings


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
