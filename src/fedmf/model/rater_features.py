"""Who rated what, summed up: principal components that nobody has to see the ratings for.

The matrix P with p_ij = 1 / sqrt(n_i) where user i rated item j has one row a user, which nobody
else may see. Its leading right singular vectors come out of orthogonal iteration, and each step of
that is a sum over users: with a public probe Q, shape (items, c), user i forms p = Q' P_i, adds
p / sqrt(n_i) to the rows of its items, and p p' to one matrix. The first sum is P'PQ, the second
makes its columns orthonormal over the users; with unit columns it is the next probe.

What is left in the end is one vector f_j an item: the mean of its raters' p, whitened. Items with
like raters have like vectors, however they were rated.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fedmf.model.rows import FloatArray
from fedmf.ratings import OwnedRatings

PROBE_STREAM = 3
SPREAD = 0.4
"""About the standard deviation of a feature."""
LEAST_VARIANCE = 1e-4
"""Of a component that counts, over the mean one."""


def first_probe(seed: int, raters: FloatArray, columns: int) -> FloatArray:
    """Return a random probe with unit columns; items without raters have no part in it."""
    rng = np.random.default_rng((seed, PROBE_STREAM))
    probe = rng.normal(size=(len(raters), columns))
    probe[raters == 0] = 0.0
    return _unit_columns(probe)


def projected(probe: FloatArray, ratings: OwnedRatings, users: NDArray[np.int64]) -> FloatArray:
    """Return p of some users of these ratings, shape (b, c): no entry is beyond 1."""
    found = np.empty((len(users), probe.shape[1]))
    for place, user in enumerate(users):
        items = ratings.items[ratings.starts[user] : ratings.starts[user + 1]]
        found[place] = probe[items].sum(axis=0) / np.sqrt(max(len(items), 1))
    return found


def whitened(sums: FloatArray, gram: FloatArray, step: float) -> FloatArray:
    """Return sums over raters in coordinates in which users have unit variance.

    Parameters
    ----------
    sums
        Sum over the raters of each item of p / sqrt(n_i), shape (items, c).
    gram
        Mean over all users of p p', shape (c, c).
    step
        To what each user's p p' was rounded.
    """
    columns = len(gram)
    # Rounding moves no eigenvalue further down than this. A Cholesky factor, because it is unique
    # and everybody's is the same: the signs of eigenvectors differ between libraries.
    ridge = LEAST_VARIANCE * np.trace(gram) / columns + columns * step
    root = np.linalg.cholesky(gram + ridge * np.eye(columns))
    return sums @ np.linalg.inv(root).T


def next_probe(sums: FloatArray) -> FloatArray:
    """Return the probe of the next step, from whitened sums."""
    return _unit_columns(sums)


def features(sums: FloatArray, raters: FloatArray) -> FloatArray:
    """Return f_j, shape (items, c), from whitened sums."""
    found: FloatArray = SPREAD * sums / np.sqrt(np.maximum(raters, 1.0))[:, np.newaxis]
    return found


def _unit_columns(probe: FloatArray) -> FloatArray:
    lengths = np.sqrt(np.square(probe).sum(axis=0))
    unit: FloatArray = probe / np.where(lengths > 0, lengths, 1.0)
    return unit
