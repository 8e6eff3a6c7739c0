"""One basis in which n P + Q is diagonal for every n: no matrix is inverted item by item."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fedmf.model.method import FloatArray


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class SharedBasis:
    """(n P + Q)^-1 = B diag(1 / (1 + n s)) B' for all n at once.

    With Q = L L' and the eigenvectors X and eigenvalues s of L^-1 P L'^-1, B is L'^-1 X (the
    generalised symmetric eigenproblem).
    """

    basis: FloatArray
    spreads: FloatArray
    """B, shape (k, k), and s, shape (k,)."""

    @classmethod
    def of(cls, growing: FloatArray, fixed: FloatArray) -> SharedBasis:
        """Return the basis for P, which n multiplies, and a positive definite Q."""
        left = np.linalg.inv(np.linalg.cholesky(fixed))
        spreads, vectors = np.linalg.eigh(left @ growing @ left.T)
        # P is a sum of squares; what rounding to fixed point takes below zero is no information.
        return cls(left.T @ vectors, np.maximum(spreads, 0.0))

    def solve(self, counts: FloatArray, rows: FloatArray) -> FloatArray:
        """Return (n P + Q)^-1 x for each n in `counts`, shape (r,), and row x, shape (r, k)."""
        solved: FloatArray = (rows @ self.basis * self._weights(counts)) @ self.basis.T
        return solved

    def inverse_sum(self, counts: FloatArray) -> FloatArray:
        """Return the sum of (n P + Q)^-1 over `counts`, shape (k, k)."""
        total: FloatArray = (self.basis * self._weights(counts).sum(axis=0)) @ self.basis.T
        return total

    def traces(self, counts: FloatArray, matrix: FloatArray) -> FloatArray:
        """Return tr(M (n P + Q)^-1) for each n in `counts`, shape (r,)."""
        diagonal = np.einsum("ak,ab,bk->k", self.basis, matrix, self.basis)
        traces: FloatArray = self._weights(counts) @ diagonal
        return traces

    def _weights(self, counts: FloatArray) -> FloatArray:
        weights: FloatArray = 1.0 / (1.0 + counts[:, np.newaxis] * self.spreads)
        return weights
