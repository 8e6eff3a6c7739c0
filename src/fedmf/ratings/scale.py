"""The scale that people rate on, given or found in their ratings."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fedmf.errors import SettingsError

# Ratings that lie this many times the length of the others' scale beyond it, and are so few of
# them, are mistakes of typing and not another end of the scale.
FAR, MOST_OUTLIERS = 10.0, 0.001


@dataclass(frozen=True, slots=True)
class RatingScale:
    """The lowest and the highest rating a person can give.

    Raises
    ------
    SettingsError
        If a limit is not finite, or `lowest` is above `highest`.
    """

    lowest: float
    highest: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.lowest) and math.isfinite(self.highest)):
            raise SettingsError(f"the rating scale {self} needs two finite numbers")
        if self.lowest > self.highest:
            raise SettingsError(f"the rating scale {self} is upside down; give the lowest first")

    def __str__(self) -> str:
        return f"{self.lowest:g} to {self.highest:g}"


def find_scale(values: npt.NDArray[np.float64]) -> tuple[RatingScale, npt.NDArray[np.bool_]]:
    """Return the scale that ratings seem to be on, and which of them are outliers, shape (n,).

    The scale reaches from the lowest to the highest rating that is no outlier. Outliers are one
    rating in a thousand at the most, or a single one, beyond a gap of more than ten times the
    length of the scale: 500 among 1 to 5, but not the tail of play counts.

    Parameters
    ----------
    values
        The ratings, finite, shape (n,) with n > 0.
    """
    levels, counts = np.unique(values, return_counts=True)
    few = min(max(1, math.floor(MOST_OUTLIERS * len(values))), (len(values) - 1) // 2)
    ranks = np.cumsum(counts)
    inner = slice(*np.searchsorted(ranks, [few, len(values) - 1 - few], side="right"))
    highest = _end(levels[inner.start], levels[inner.stop :])
    lowest = -_end(-levels[inner.stop], -levels[inner.start :: -1])
    scale = RatingScale(lowest, highest)
    return scale, (values < lowest) | (values > highest)


def _end(other: float, levels: npt.NDArray[np.float64]) -> float:
    """Return the last of ascending levels before a gap that is long beside what lies before it."""
    lengths = levels[:-1] - other
    far = np.flatnonzero((np.diff(levels) > FAR * lengths) & (lengths > 0))
    return float(levels[far[0] if len(far) else -1])
