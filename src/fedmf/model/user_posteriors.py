"""Users' posteriors under method `bayes`, many at a time.

A user's numbers depend on nobody it is computed with, to the last bit: users are padded to sizes
that follow from their own number of ratings alone, every product is one of small matrices of that
one user, and sums over ratings are products of `CHUNK` rows at a time, which no BLAS splits over
threads. So one by one, in batches, and at a silo the same integers come out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fedmf.model.public_model import PublicModel
from fedmf.model.rows import FloatArray
from fedmf.model.symmetric_matrices import SharedBasis

CELLS = 4096
"""Ratings of a batch, padding included: its arrays stay in a processor's cache."""
CHUNK = 512
LEAST_SIZE = 4
# A user's own noise is an average over its ratings and as many that have the noise of all.
PRIOR_RATINGS = 30.0
NOISE_STEPS = 2
"""How often the posterior is found, each time with the noise that the last one tells."""
MOST_OMEGA, OMEGA_FRACTION_BITS = 3.0, 8
LOG_CENTRE = 4.0
"""About the mean logarithm of a number of ratings."""


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class KnownItems:
    """What is public of the items and their users, as a user's step reads it."""

    vectors: FloatArray
    """[v_j, 1, b_j, 0] in stars, shape (items, d + 3)."""
    weights: FloatArray
    """o_j, shape (items,): their posterior covariance is noise (o_j C + R)^-1."""
    raters: FloatArray
    """n_j, shape (items,)."""
    shared: SharedBasis
    """Of C and R."""
    gram: FloatArray
    """C, shape (d + 1, d + 1)."""
    noise: float
    """tau."""
    user_prior: FloatArray
    """A, shape (d + 1, d + 4): the prior mean of a user is A times its facts."""
    user_bias_variance: float
    """s_u."""

    @classmethod
    def of(cls, public: PublicModel, user_bias_variance: float) -> KnownItems:
        """Return what a public model of the method says."""
        known = public.statistics
        return cls(
            public.item_factors,
            known["weights"],
            known["raters"],
            SharedBasis(known["basis"], known["spreads"]),
            known["gram"],
            float(known["noise"][0]),
            known["user_prior"],
            user_bias_variance,
        )

    @property
    def factors(self) -> int:
        """Number d of factors."""
        return len(self.gram) - 1


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class Posteriors:
    """Posteriors of a batch of users given the items: private, all of it."""

    users: NDArray[np.int64]
    """Which of the users, shape (b,)."""
    counts: FloatArray
    """Their numbers of ratings, shape (b,)."""
    rated: FloatArray
    """[v_j, 1, b_j, r - m] of what they rated, padded with zeros, shape (b, q, d + 3)."""
    facts: FloatArray
    """g_i, shape (b, d + 4)."""
    mean: FloatArray
    covariance: FloatArray
    """[u; b_i], shape (b, d + 1), and Phi, shape (b, d + 1, d + 1)."""
    noise: FloatArray
    """tau_i that these were found with, shape (b,)."""
    told_noise: FloatArray
    """tau_i as they tell it, shape (b,)."""
    omega: FloatArray
    """How much their ratings weigh: tau / tau_i within limits, shape (b,)."""

    @property
    def squares(self) -> FloatArray:
        """u+ u+' + [Phi[u,u], 0; 0, 0] with u+ = [u; 1], shape (b, d + 1, d + 1)."""
        return _expected_squares(self.mean, self.covariance)

    def item_sums(self, gram: FloatArray, unit: float) -> FloatArray:
        """Return z_j = unit omega (e_j u+ - [Phi[u,u] v_j + Phi[u,b]; 0] + C W_j).

        Of what was rated, shape (b, q, d + 1); zeros where a user is padded. Each is one small
        matrix of the user times [v_j, 1, b_j, r - m].
        """
        d = len(gram) - 1
        user = self.mean.copy()
        user[:, d] = 1.0
        errors = np.concatenate([-self.mean, np.full((len(user), 2), (-1.0, 1.0))], axis=1)
        matrix = user[:, :, np.newaxis] * errors[:, np.newaxis, :]
        matrix[:, :d, : d + 1] -= self.covariance[:, :d]
        matrix[:, :, :d] += gram[:, :d]
        matrix[:, :, d + 1] += gram[:, d]
        matrix *= (unit * self.omega)[:, np.newaxis, np.newaxis]
        turned = matrix.transpose(0, 2, 1)
        sums = np.empty((*self.rated.shape[:2], d + 1))
        for start in range(0, sums.shape[1], CHUNK):
            rows = slice(start, start + CHUNK)
            np.matmul(self.rated[:, rows], turned, out=sums[:, rows])
        return sums


def posteriors(
    known: KnownItems,
    starts: NDArray[np.int64],
    items: NDArray[np.int32],
    values: FloatArray,
    noise: FloatArray | None = None,
) -> Iterator[Posteriors]:
    """Yield the posteriors of users, batch by batch, in an order of their own.

    Parameters
    ----------
    starts
        The ratings of user k stand at ``starts[k]:starts[k + 1]``.
    items, values
        What they rated, shape (n,), and how, in stars from the mean of all ratings.
    noise
        The users' own, shape (users,); None: it is found with the posterior.
    """
    counts = np.diff(starts)
    sizes = _padded(counts)
    order = np.argsort(sizes, kind="stable")
    first = 0
    while first < len(order):
        size = int(sizes[order[first]])
        alike = int(np.searchsorted(sizes[order], size, side="right"))
        users = order[first : min(first + max(1, CELLS // size), alike)]
        batch = _Batch.of(known, users, size, starts, items, values)
        yield batch.solved(known, None if noise is None else noise[users])
        first += len(users)


def _padded(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return to what sizes users are padded: at most a quarter more, a function of each alone."""
    least = np.maximum(counts, LEAST_SIZE)
    steps = 2 ** np.maximum(np.log2(least).astype(np.int64) - 2, 0)
    padded: NDArray[np.int64] = -(-least // steps) * steps
    return padded


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class _Batch:
    """What users of about as many ratings rated, padded with zeros."""

    users: NDArray[np.int64]
    counts: FloatArray
    rated: FloatArray
    weights: FloatArray
    """Of the items, shape (b, q)."""
    logs: FloatArray
    """Sums of the logarithms of their numbers of raters, shape (b,)."""
    squares: FloatArray
    """Sums of squared ratings, shape (b,)."""

    @classmethod
    def of(
        cls,
        known: KnownItems,
        users: NDArray[np.int64],
        size: int,
        starts: NDArray[np.int64],
        items: NDArray[np.int32],
        values: FloatArray,
    ) -> _Batch:
        rated = np.zeros((len(users), size, known.factors + 3))
        weights, logs = np.zeros((len(users), size)), np.zeros(len(users))
        squares = np.zeros(len(users))
        counts = (starts[users + 1] - starts[users]).astype(np.float64)
        for place, user in enumerate(users):
            own = slice(starts[user], starts[user + 1])
            count = own.stop - own.start
            codes, stars = items[own], values[own]
            np.take(known.vectors, codes, axis=0, out=rated[place, :count])
            rated[place, :count, -1] = stars
            weights[place, :count] = known.weights[codes]
            logs[place] = np.log1p(known.raters[codes]).sum()
            squares[place] = np.square(stars).sum()
        return cls(users, counts, rated, weights, logs, squares)

    def solved(self, known: KnownItems, noise: FloatArray | None) -> Posteriors:
        d = known.factors
        products = _products(self.rated[:, :, : d + 2], self.rated)
        uncertain = _uncertain(known, self.rated[:, :, d : d + 2], self.weights)
        facts = _facts(products, self.counts, self.logs)
        regression = _Regression.of(known, products, self.squares, uncertain, facts)
        steps = NOISE_STEPS if noise is None else 1
        used = np.full(len(self.users), known.noise) if noise is None else noise
        mean, covariance = regression.solved(used)
        told = regression.told_noise(mean, covariance, known.noise)
        for _ in range(1, steps):
            used = told
            mean, covariance = regression.solved(used)
            told = regression.told_noise(mean, covariance, known.noise)
        omega = np.clip(known.noise / used, 1 / MOST_OMEGA, MOST_OMEGA)
        # Rounded as it travels, so that the sums of rows and of weights fit each other.
        omega = np.ldexp(np.rint(np.ldexp(omega, OMEGA_FRACTION_BITS)), -OMEGA_FRACTION_BITS)
        return Posteriors(
            self.users, self.counts, self.rated, facts, mean, covariance, used, told, omega
        )


def _products(left: FloatArray, right: FloatArray) -> FloatArray:
    """Return left' right of each user, summed over its ratings, shape (b, columns, columns)."""
    turned = left.transpose(0, 2, 1)
    total: FloatArray = np.matmul(turned[:, :, :CHUNK], right[:, :CHUNK])
    for start in range(CHUNK, right.shape[1], CHUNK):
        rows = slice(start, start + CHUNK)
        total += np.matmul(turned[:, :, rows], right[:, rows])
    return total


def _uncertain(known: KnownItems, ones: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the sum of the covariances of what each user rated, shape (b, d + 1, d + 1).

    `ones` are two columns, because a product with one is no product of matrices, which other
    numbers of threads would sum in another order; the first is 1, and 0 where a user is padded.
    """
    spread = weights[:, :, np.newaxis] * known.shared.spreads
    spread += 1.0
    np.reciprocal(spread, out=spread)
    total = known.noise * _products(ones, spread)[:, :1]
    basis = known.shared.basis
    uncertain: FloatArray = np.matmul(basis * total, basis.T)
    return uncertain


def _facts(gram: FloatArray, counts: FloatArray, logs: FloatArray) -> FloatArray:
    """Return what a user's prior mean is a linear function of, shape (b, d + 4).

    1, the logarithm of its number of ratings, the sums of the factors and of the biases of what it
    rated, and the mean logarithm of their numbers of raters.
    """
    d = gram.shape[1] - 2
    facts = np.empty((len(counts), d + 4))
    facts[:, 0] = 1.0
    facts[:, 1] = np.log1p(counts) - LOG_CENTRE
    facts[:, 2 : d + 2] = gram[:, :d, d] / np.sqrt(counts + 10.0)[:, np.newaxis]
    facts[:, d + 2] = gram[:, d, d + 1] / (counts + 10.0)
    facts[:, d + 3] = logs / np.maximum(counts, 1.0) - LOG_CENTRE
    facts[counts == 0, 1:] = 0.0
    return facts


def _expected_squares(mean: FloatArray, covariance: FloatArray) -> FloatArray:
    user = mean.copy()
    user[:, -1] = 1.0
    squares: FloatArray = user[:, :, np.newaxis] * user[:, np.newaxis, :]
    squares[:, :-1, :-1] += covariance[:, :-1, :-1]
    return squares


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class _Regression:
    """The users' regressions on what they rated, as far as they do not depend on their noise."""

    counts: FloatArray
    precision: FloatArray
    """The sum of w w' + Psi, shape (b, d + 1, d + 1)."""
    gram: FloatArray
    uncertain: FloatArray
    """Its two terms."""
    left: FloatArray
    """The sum of w times what is left of the rating, shape (b, d + 1)."""
    right: FloatArray
    """The same, less what the items' uncertainty takes off."""
    squares: FloatArray
    """The sum of the squares of what is left, shape (b,)."""
    prior: FloatArray
    """The prior mean, shape (b, d + 1)."""
    prior_precision: FloatArray
    """1 over the prior variances, shape (d + 1,)."""

    @classmethod
    def of(
        cls,
        known: KnownItems,
        products: FloatArray,
        squares: FloatArray,
        uncertain: FloatArray,
        facts: FloatArray,
    ) -> _Regression:
        d = known.factors
        gram = products[:, : d + 1, : d + 1]
        precision = gram.copy()
        precision[:, :d, :d] += uncertain[:, :d, :d]
        left = products[:, : d + 1, d + 2] - products[:, : d + 1, d + 1]
        right = left.copy()
        right[:, :d] -= uncertain[:, :d, d]
        squares = squares - 2.0 * products[:, d + 1, d + 2] + products[:, d + 1, d + 1]
        prior = np.matmul(facts[:, np.newaxis, :], known.user_prior.T)[:, 0]
        prior_precision = np.append(np.ones(d), 1.0 / known.user_bias_variance)
        return cls(
            products[:, d, d],
            precision,
            gram,
            uncertain,
            left,
            right,
            squares,
            prior,
            prior_precision,
        )

    def solved(self, noise: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return means and covariances with each user's own noise, shape (b,)."""
        ridge = noise[:, np.newaxis] * self.prior_precision
        precision = self.precision.copy()
        size = precision.shape[1]
        precision.reshape(len(noise), size * size)[:, :: size + 1] += ridge
        covariance: FloatArray = np.linalg.inv(precision).astype(np.float64, copy=False)
        mean = np.matmul(covariance, (self.right + ridge * self.prior)[:, :, np.newaxis])[:, :, 0]
        covariance *= noise[:, np.newaxis, np.newaxis]
        return mean, covariance

    def told_noise(self, mean: FloatArray, covariance: FloatArray, noise: float) -> FloatArray:
        """Return the expected squared error of each user, averaged with `noise`, shape (b,)."""
        fitted = np.matmul(self.gram, mean[:, :, np.newaxis])[:, :, 0]
        total = self.squares + (mean * (fitted - 2.0 * self.left)).sum(axis=1)
        total += (covariance * self.gram).sum(axis=(1, 2))
        total += (_expected_squares(mean, covariance) * self.uncertain).sum(axis=(1, 2))
        told: FloatArray = (np.maximum(total, 0.0) + PRIOR_RATINGS * noise) / (
            self.counts + PRIOR_RATINGS
        )
        return told
