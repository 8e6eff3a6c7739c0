"""From z_new - z_old of one user, and nothing else of it, back to ratings.

Whoever renews a contribution uploads the difference to its last one, and where nobody else's
changed, the difference of two opened sums is just that. Both contributions are functions of the
same ratings: given which items were rated, the user's posterior mean is linear in the ratings, and
so are the errors e. That makes

    z_new - z_old - what is public = e_new [u_new; 1]' - e_old [u_old; 1]'

n (d + 1) equations, products of two linear functions, in n unknown ratings: Gauss-Newton with
Levenberg's and Marquardt's damping solves them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from fedmf.audit.attacks.bayes_step import PublicPart
from fedmf.audit.attacks.ratings_from_uploads import Estimates
from fedmf.audit.attacks.ratings_from_uploads import judge as judge_ratings
from fedmf.audit.opening import opened, opened_tables, uploads
from fedmf.model.bayes import ITEMS, Bayes

if TYPE_CHECKING:
    from fedmf.audit.observables import Observables
    from fedmf.audit.row import Row
    from fedmf.audit.truth import Truth
    from fedmf.model import FloatArray, PublicModel
    from fedmf.protocol import Int64Array

NAME = "a renewed contribution"

MOST_STEPS = 60
LEAST_DAMPING = 1e-9
MOST_STARTS = 5
CLEARLY_FOUND = 2.0**-7
"""Fixed point alone leaves a fifth of this, in stars; another minimum leaves a multiple."""


def attempt(seen: Observables, victims: Iterable[int]) -> Estimates:
    """Return estimated ratings from the second upload that learns, and no other, NaN without it."""
    method, first, codec = seen.plan.method, seen.plan.setup_rounds, seen.plan.codec
    items = seen.plan.session.shape.groups[codec.position(ITEMS)].rows
    found = {victim: np.full(items, np.nan) for victim in victims}
    tables = opened_tables(seen)
    if not isinstance(method, Bayes) or first not in tables or first + 1 not in tables:
        return found
    for upload in uploads(seen):
        if upload.round == first + 2 and upload.participant in found:
            change = opened(seen, upload)
            if change is not None:
                moved = codec.decode_table(change.change)[ITEMS]
                rated = np.flatnonzero(moved.any(axis=1))
                models = tables[first].model, tables[first + 1].model
                found[upload.participant][rated] = ratings_of_difference(
                    method, models, rated, moved[rated]
                )
    return found


def judge(seen: Observables, estimates: Estimates, truth: Truth) -> Row:
    """Count the ratings that came out."""
    setting = "the second upload that learns, and no other"
    return replace(judge_ratings(seen, estimates, truth, setting=setting), attack=NAME)


def ratings_of_difference(
    method: Bayes,
    public: tuple[PublicModel, PublicModel],
    rated: Int64Array,
    difference: FloatArray,
) -> FloatArray:
    """Return the ratings behind the difference of two contributions of one user.

    Parameters
    ----------
    method
        The method with its public parameters.
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
