"""One user's posterior under method `bayes`, and what the user contributes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fedmf.model.method import FloatArray


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class UserPosterior:
    """One user given the items: private, all of it."""

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
