"""From what `sgd` uploads back to ratings: the user's step, walked again.

The authors' step takes the ratings one by one, in time order. With u before a rating, the error
e = r - u.v is taken at the downloaded v, then u moves, then v's gradient is taken at the new u::

    u' = (1 - 2 gamma lambda) u + 2 gamma e v        move of v = 2 gamma (e u' - lambda v)

A move, v being known, therefore shows y = e u'. Every y points along u at some moment of the walk,
so that the directions sort the ratings by time, and anyone who knows where u starts can walk along:
each y gives its e, and each e the next u. Where u starts shows in two consecutive uploads: its
direction from the first ones, its length because the rating that a walk finds must be the same in
both rounds.

For steps on whole batches there is a closed form, the paper's theorem: `ratings_of_batch_steps`.
There all errors and gradients are taken at one u::

    e = r - V u        y_j = e_j u        u' = u + 2 gamma (V' e - n lambda u)

The y of a round form a matrix of rank one, which shows u and e up to a factor: u = s a, e = x / s.
The step to the next round fixes it. With u' = s' a' and c = 1 - 2 gamma n lambda, s times the step
is linear in s s' and s^2::

    s s' a' - s^2 c a = 2 gamma V' x
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fedmf.model import FloatArray
from fedmf.model.sgd import Sgd

Order = NDArray[np.int64]
# Lengths that are tried relative to the one at which predictions fall in the middle of the scale.
LENGTHS = np.geomspace(0.5, 1.8, 9)
# Mean difference of the ratings that two rounds show: below it no other length is tried.
CLEARLY_FOUND = 0.02


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class Walk:
    """A walk along one upload."""

    order: Order
    """The items in the order in which they were walked."""
    ratings: FloatArray
    """What it finds, item by item."""
    errors: FloatArray
    users: FloatArray
    """e and the u after it, in the order of the walk."""


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class Trace:
    """What one upload shows of a user's steps."""

    ys: FloatArray
    """y of every rated item, shape (n, d)."""
    vectors: FloatArray
    """v of the same items as downloaded, shape (n, d)."""
    learning_rate: float
    reg: float
    """The public constants of the step: gamma and lambda."""

    @classmethod
    def of(cls, method: Sgd, moves: FloatArray, vectors: FloatArray) -> Trace:
        """Return what the moves of some items show whose vectors were downloaded."""
        ys = moves / (2 * method.learning_rate) + method.scaled_reg * vectors
        return cls(ys, vectors, method.learning_rate, method.scaled_reg)

    @property
    def kept(self) -> float:
        """What a rating leaves of u: 1 - 2 gamma lambda."""
        return 1 - 2 * self.learning_rate * self.reg

    def follow(self, start: FloatArray) -> Walk:
        """Walk from a known start, u before the first rating; find the order of the ratings."""
        return self.reordered(start, self._greedy_order(start), 4)

    def reordered(self, start: FloatArray, order: Order, times: int) -> Walk:
        """Walk, sort the items by where on the walk they point, and walk again."""
        walk = self.walk(start, order)
        for _ in range(times):
            cosines = np.abs(units(self.ys) @ units(walk.users).T)
            order = np.argsort(cosines.argmax(axis=1), kind="stable").astype(np.int64)
            if np.array_equal(order, walk.order):
                break
            walk = self.walk(start, order)
        return walk

    def walk(self, start: FloatArray, order: Order) -> Walk:
        """Walk along the upload in a given order."""
        twice_rate, kept = 2 * self.learning_rate, self.kept
        errors, users = np.empty(len(self.ys)), np.empty(self.ys.shape)
        ratings = np.empty(len(self.ys))
        user = start
        for k, item in enumerate(order):
            y, vector = self.ys[item], self.vectors[item]
            shrunk = kept * user
            moved = shrunk
            # y = e u' and u' = shrunk + 2 gamma e v: a fixed point, reached to 1e-9 in three steps.
            for _ in range(3):
                error = float(y @ moved) / max(float(moved @ moved), 1e-300)
                moved = shrunk + twice_rate * error * vector
            ratings[item] = error + user @ vector
            errors[k], users[k] = error, moved
            user = moved
        return Walk(order, ratings, errors, users)

    def turned(self, start: FloatArray, order: Order) -> FloatArray:
        """Return a start of the same length whose direction fits a walk best, by least squares."""
        # Given the errors, every y is linear in the start: y = e (kept^k start + what was added).
        walk = self.walk(start, order)
        left = self.kept ** np.arange(1, len(order) + 1)
        added = walk.users - left[:, np.newaxis] * start
        weights = (left * walk.errors)[:, np.newaxis]
        fitted = np.sum(weights * (self.ys[order] - walk.errors[:, np.newaxis] * added), axis=0)
        length = float(np.linalg.norm(fitted))
        return fitted * (float(np.linalg.norm(start)) / length) if length > 0 else start

    def _greedy_order(self, start: FloatArray) -> Order:
        """Return the items in order: always the one next that points best along u as it moves."""
        twice_rate, kept = 2 * self.learning_rate, self.kept
        left, order, user = np.arange(len(self.ys)), [], start
        squares = np.maximum(np.einsum("nd,nd->n", self.ys, self.ys), 1e-300)
        while len(left):
            y, candidates = self.ys[left], self.vectors[left]
            moved = np.broadcast_to(kept * user, y.shape)
            for _ in range(2):
                norms = np.maximum(np.einsum("nd,nd->n", moved, moved), 1e-300)
                errors = np.einsum("nd,nd->n", y, moved) / norms
                moved = kept * user + twice_rate * errors[:, np.newaxis] * candidates
            norms = np.maximum(np.einsum("nd,nd->n", moved, moved), 1e-300)
            cosines = np.einsum("nd,nd->n", y, moved) ** 2 / (norms * squares[left])
            best = int(np.argmax(cosines))
            order.append(left[best])
            user, left = moved[best], np.delete(left, best)
        return np.array(order, dtype=np.int64)


def recover(first: Trace, second: Trace, middle: float) -> FloatArray:
    """Return the ratings behind two consecutive uploads of one user, as real numbers.

    Parameters
    ----------
    first, second
        What they show of the same items, one at least.
    middle
        Middle of the public scale: the sign of u, which nothing else shows, and a first guess of
        its length.
    """
    guess = _first_guess(first, second)
    direction = guess / np.linalg.norm(guess)
    level = float(np.mean(first.vectors @ direction))
    if level < 0:
        direction, level = -direction, -level
    usual = middle / level if level > 0 else 1.0
    best = None
    for length in (float(np.linalg.norm(guess)), *(usual * LENGTHS)):
        start = length * direction
        found = _improved(first, second, start, first.follow(start).order, 3)
        if best is None or found.difference < best.difference:
            best = found
        if best.difference < CLEARLY_FOUND:
            break
    assert best is not None  # noqa: S101 - lengths are tried
    return _improved(first, second, best.start, best.order, 10).ratings


def _first_guess(first: Trace, second: Trace) -> FloatArray:
    """Return a u, up to its sign, as if it stood still over both rounds.

    Then u = s a and e = x / s, and a rating that is the same in both rounds gives an equation that
    is linear in s^2: x1 - x2 = s^2 (a2.v2 - a1.v1).
    """
    direction, errors = rank_one(first.ys)
    later, later_errors = rank_one(second.ys)
    if direction @ later < 0:
        later, later_errors = -later, -later_errors
    apart = second.vectors @ later - first.vectors @ direction
    squared = (errors - later_errors) @ apart / max(float(apart @ apart), 1e-300)
    return float(np.sqrt(squared)) * direction if squared > 0 else direction


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class _Found:
    """A start of a walk, and the mean ratings that both rounds show with it, so far apart."""

    start: FloatArray
    order: Order
    ratings: FloatArray
    difference: float


def _improved(first: Trace, second: Trace, start: FloatArray, order: Order, times: int) -> _Found:
    """Improve a start: its direction by least squares, its length by Newton's method."""

    def rounds(start: FloatArray) -> tuple[FloatArray, FloatArray]:
        walk = first.walk(start, order)
        return walk.ratings, second.walk(walk.users[-1], order).ratings

    for _ in range(times):
        start = first.turned(start, order)
        apart = np.subtract(*rounds(start))
        slope = (np.subtract(*rounds(start * (1 + 1e-4))) - apart) / 1e-4
        change = float(np.clip(-(slope @ apart) / max(float(slope @ slope), 1e-300), -0.3, 0.3))
        start = start * (1 + change)
        order = first.reordered(start, order, 1).order
        if abs(change) < 1e-5:
            break
    one, other = rounds(start)
    return _Found(start, order, (one + other) / 2, float(np.abs(one - other).mean()))


def units(rows: FloatArray) -> FloatArray:
    """Return rows of length 1 in the same directions."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    units: FloatArray = rows / np.maximum(lengths, 1e-300)
    return units


def ratings_of_batch_steps(
    uploads: tuple[FloatArray, FloatArray],
    download: FloatArray,
    learning_rate: float,
    reg: float,
    middle: float,
) -> FloatArray:
    """Return the ratings behind two consecutive uploads of batch gradients.

    Parameters
    ----------
    uploads
        y of every rated item in both rounds, each of shape (n, d).
    download
        V of these items in the first round, shape (n, d).
    learning_rate, reg
        gamma and lambda.
    middle
        Middle of the public scale, which decides the sign of u: (u, e) and (-u, -e) look alike.
    """
    direction, errors = rank_one(uploads[0])
    later, _ = rank_one(uploads[1])
    kept = 1 - 2 * learning_rate * len(errors) * reg
    unknown = np.column_stack([later, -kept * direction])
    (_, squared), *_ = np.linalg.lstsq(unknown, 2 * learning_rate * download.T @ errors, rcond=None)
    length = float(np.sqrt(max(squared, 1e-300)))
    ratings = errors / length + length * (download @ direction)
    return ratings if ratings.mean() * middle >= 0 else -ratings


def rank_one(seen: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return a unit vector a and x such that x a' comes nearest to the rows of a matrix."""
    direction: FloatArray = np.linalg.svd(seen, full_matrices=False)[2][0]
    return direction, seen @ direction
