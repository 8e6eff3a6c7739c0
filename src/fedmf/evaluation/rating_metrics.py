"""How far predicted ratings are from the actual ones."""

import numpy as np
from numpy.typing import ArrayLike

from fedmf.evaluation._checks import FloatArray, length_problems, number_problems, refuse


def rmse(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Root mean squared error over all ratings, ``sqrt(mean((actual - predicted)^2))``.

    In units of the rating scale; 0 is perfect.

    Parameters
    ----------
    actual
        Ratings that were given, float64 (n,).
    predicted
        Predictions for the same ratings in the same order, float64 (n,).

    Raises
    ------
    DataError
        If the arrays are empty, differ in length or hold NaN or infinity.
    """
    return float(np.sqrt(np.mean(np.square(_errors(actual, predicted)))))


def mae(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Mean absolute error over all ratings, ``mean(|actual - predicted|)``.

    Parameters, unit and errors are those of `rmse`.
    """
    return float(np.mean(np.abs(_errors(actual, predicted))))


def _errors(actual: ArrayLike, predicted: ArrayLike) -> FloatArray:
    given = np.asarray(actual, dtype=np.float64)
    told = np.asarray(predicted, dtype=np.float64)
    refuse(
        [
            *number_problems("actual", given),
            *number_problems("predicted", told),
            *length_problems(actual=given, predicted=told),
        ]
    )
    return given - told
