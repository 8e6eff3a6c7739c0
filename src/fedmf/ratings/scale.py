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

    @classmethod
    def parsed(cls, text: str) -> RatingScale:
        """Return the scale that a text such as ``0.5:5`` names.

        Raises
        ------
        SettingsError
            If it is none.
        """
        low, colon, high = text.partition(":")
        try:
            limits = float(low), float(high)
        except ValueError:
            limits = None
        if limits is None or not colon or "_" in text:
            raise SettingsError(f"{text!r} is not a scale; write LOW:HIGH, such as 0.5:5")
        return cls(*limits)

    @property
    def width(self) -> float:
        """How far the highest rating is from the lowest."""
        return self.highest - self.lowest

    @property
    def option(self) -> str:
        """The scale as the command line takes it."""
        return f"{self.lowest:.12g}:{self.highest:.12g}"

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
    levels, counts = _counted(values)
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


def _counted(
    values: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Return the different values in order, and how often each occurs."""
    from fedmf.ratings.cells import from_numpy

    # Millions of ratings have a few values: no need to sort them all.
    found = from_numpy(values).value_counts()
    levels = np.asarray(np.from_dlpack(found.field("values")), dtype=np.float64)
    counts = np.asarray(np.from_dlpack(found.field("counts")), dtype=np.int64)
    order = np.argsort(levels)
    return levels[order], counts[order]
