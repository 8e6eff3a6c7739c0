"""Symmetric matrices as rows of the table: what lies above the diagonal is not sent twice."""

from __future__ import annotations

import numpy as np

from fedmf.model.method import FloatArray


def to_upper(matrix: FloatArray) -> FloatArray:
    """Return the upper triangle of a symmetric matrix, row by row, shape (k (k + 1) / 2,)."""
    return matrix[np.triu_indices(len(matrix))]


def from_upper(upper: FloatArray, size: int) -> FloatArray:
    """Return the symmetric matrix, shape (size, size), whose upper triangle this is."""
    matrix = np.zeros((size, size))
    matrix[np.triu_indices(size)] = upper
    return matrix + np.triu(matrix, 1).T
