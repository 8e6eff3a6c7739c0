"""Symmetric matrices: as rows of the table, and as sums n P + Q that are inverted for every n.

What lies below the diagonal is not sent twice, and no matrix is inverted item by item.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fedmf.model.rows import FloatArray

BLOCK = 512


def to_upper(matrix: FloatArray) -> FloatArray:
    """Return the upper triangle of a symmetric matrix, row by row, shape (k (k + 1) / 2,)."""
    return matrix[triangle(len(matrix))]


def from_upper(upper: FloatArray, size: int) -> FloatArray:
    """Return the symmetric matrix, shape (size, size), whose upper triangle this is."""
    matrix = np.zeros((size, size))
    matrix[triangle(size)] = upper
    return matrix + np.triu(matrix, 1).T


@functools.cache
def upper_places(size: int) -> NDArray[np.int64]:
    """Return where in the upper triangle row <= column stands, shape (size, size); -1 below it."""
    numbers = np.full((size, size), -1)
    numbers[triangle(size)] = np.arange(size * (size + 1) // 2)
    numbers.flags.writeable = False
    return numbers


@functools.cache
def triangle(size: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return rows and columns of the upper triangle; finding them takes longer than their use."""
    rows, columns = np.triu_indices(size)
    for places in (rows, columns):
        places.flags.writeable = False
    return rows, columns


def blockwise_product(left: FloatArray, right: FloatArray) -> FloatArray:
    """Return left' right, summed over blocks of rows that are the same for any number of threads.

    Over many rows a library splits the sum over its threads, and the last bits follow.
    """
    total = np.zeros((left.shape[1], right.shape[1]))
    for start in range(0, len(left), BLOCK):
        rows = slice(start, start + BLOCK)
        total += left[rows].T @ right[rows]
    return total


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
        solved: FloatArray = (rows @ self.basis * self.weights(counts)) @ self.basis.T
        return solved

    def traces(self, counts: FloatArray, matrix: FloatArray) -> FloatArray:
        """Return tr(M (n P + Q)^-1) for each n in `counts`, shape (r,)."""
        diagonal = np.einsum("ak,ab,bk->k", self.basis, matrix, self.basis)
        traces: FloatArray = self.weights(counts) @ diagonal
        return traces

    def weights(self, counts: FloatArray) -> FloatArray:
        """Return 1 / (1 + n s) for each n in `counts`, shape (r, k)."""
        weights: FloatArray = 1.0 / (1.0 + counts[:, np.newaxis] * self.spreads)
        return weights
