"""Symmetric matrices as rows of the table: what lies above the diagonal is not sent twice."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from fedmf.model.method import FloatArray


def to_upper(matrix: FloatArray) -> FloatArray:
    """Return the upper triangle of a symmetric matrix, row by row, shape (k (k + 1) / 2,)."""
    return matrix[_places(len(matrix))]


def from_upper(upper: FloatArray, size: int) -> FloatArray:
    """Return the symmetric matrix, shape (size, size), whose upper triangle this is."""
    matrix = np.zeros((size, size))
    matrix[_places(size)] = upper
    return matrix + np.triu(matrix, 1).T


@functools.cache
def _places(size: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return rows and columns of the upper triangle; finding them takes longer than their use."""
    rows, columns = np.triu_indices(size)
    for places in (rows, columns):
        places.flags.writeable = False
    return rows, columns
