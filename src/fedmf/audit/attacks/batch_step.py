"""From two consecutive batch gradients back to ratings, in closed form: the paper's theorem.

In a batch step all errors and gradients are taken at one u::

    e = r - V u        y_j = e_j u        u' = u + 2 gamma (V' e - n lambda u)

The y of a round form a matrix of rank one, which shows u and e up to a factor: u = s a, e = x / s.
The step to the next round fixes it. With u' = s' a' and c = 1 - 2 gamma n lambda, s times the step
is linear in s s' and s^2::

    s s' a' - s^2 c a = 2 gamma V' x
"""

from __future__ import annotations

import numpy as np

from fedmf.model import FloatArray


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
