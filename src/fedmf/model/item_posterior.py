"""What everybody knows of the items under method `bayes`: a mean each, and a shared covariance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fedmf.model.method import FloatArray, PublicModel


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class ItemPosterior:
    """The posterior N(W_j, tau (n_j C + R)^-1) of every item's factors and bias.

    All of them share one basis: with the eigenvectors Q and eigenvalues s of
    R^(-1/2) C R^(-1/2), and B = R^(-1/2) Q, (n C + R)^-1 = B diag(1 / (1 + n s)) B' for every n. So
    nothing is inverted item by item.

    Parameters
    ----------
    raters
        n_j, shape (items,); 0 for items of which nothing may be known.
    gram
        C, the average of [u; 1][u; 1]' and of u's posterior covariance, shape (k, k).
    basis, spreads
        B, shape (k, k), and s, shape (k,).
    """

    raters: FloatArray
    gram: FloatArray
    basis: FloatArray
    spreads: FloatArray

    @classmethod
    def of(cls, raters: FloatArray, gram: FloatArray, prior: FloatArray) -> ItemPosterior:
        """Return the posterior for these n, this C and the diagonal of R."""
        scaled = gram / np.sqrt(np.outer(prior, prior))
        spreads, vectors = np.linalg.eigh(scaled)
        # C is a sum of squares; what rounding to fixed point takes below zero is no information.
        return cls(raters, gram, vectors / np.sqrt(prior)[:, np.newaxis], np.maximum(spreads, 0.0))

    @classmethod
    def from_statistics(cls, public: PublicModel) -> ItemPosterior:
        """Return the posterior that `to_statistics` put into a public model."""
        known = public.statistics
        return cls(known["raters"], known["gram"], known["basis"], known["spreads"])

    def to_statistics(self) -> dict[str, FloatArray]:
        """Return the posterior as statistics of a public model."""
        return {
            "raters": self.raters,
            "gram": self.gram,
            "basis": self.basis,
            "spreads": self.spreads,
        }

    def weights(self, items: NDArray[np.integer] | slice) -> FloatArray:
        """Return 1 / (1 + n_j s) for some items, shape (items, k)."""
        return 1.0 / (1.0 + self.raters[items, np.newaxis] * self.spreads)

    def means(self, sums: FloatArray) -> FloatArray:
        """Return W_j = (n_j C + R)^-1 S_j for all items, shape (items, k)."""
        means: FloatArray = (sums @ self.basis * self.weights(slice(None))) @ self.basis.T
        return means

    def covariance_sum(self, items: NDArray[np.integer]) -> FloatArray:
        """Return the sum of (n_j C + R)^-1 over some items, shape (k, k)."""
        total: FloatArray = (self.basis * self.weights(items).sum(axis=0)) @ self.basis.T
        return total
