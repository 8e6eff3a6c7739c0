"""What values mean: ratings, counts of meetings, or that nothing was rated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fedmf.ratings.column_names import COUNTS, RATINGS, plain_name
from fedmf.ratings.scale import RatingScale

MOST_STEPS = 101
"""The most steps that a scale of whole numbers has: 0 to 100."""
SAMPLED = 1 << 17
"""About how many values are looked at, because sorting all of them takes long."""
REPEATED = 0.1
RERATED = 0.5
"""From these shares of rows on that repeat a pair, rows are events and no ratings; the second is
for columns that are called ratings."""


@dataclass(frozen=True, slots=True)
class Unrated:
    """The value that stands where nothing was rated."""

    value: float | None = None
    """None: there is none."""
    why: str = ""
    ask: str = ""
    """What to ask where nobody can tell."""


def unrated_value(
    values: npt.NDArray[np.float64],
    name: str,
    *,
    scale: RatingScale | None,
    said: bool,
    most_zeros: float = 0.4,
) -> Unrated:
    """Return the value that can only mean "not rated", if one does.

    Known ones are 99 beside -10 to 10 (Jester), -1 beside numbers from 0 on (anime), and 0 in
    Book-Crossing. More zeros than `most_zeros`, a share, have to be explained. Nothing is guessed
    where a scale or such values were said.
    """
    if said or scale is not None or len(values) == 0:
        return Unrated()
    for candidate in (99.0, -1.0, 0.0):
        is_it = values == candidate
        if not is_it.any() or is_it.all():
            continue
        others = values[~is_it]
        lowest, highest = float(others.min()), float(others.max())
        if candidate == 99 and lowest >= -10 and highest <= 10:
            return Unrated(99.0, f"all others are from {lowest:g} to {highest:g}")
        several = lowest < highest
        if candidate == -1 and several and (lowest > 0 or (lowest == 0 and highest >= 5)):
            return Unrated(-1.0, f"all others are from {lowest:g} to {highest:g}")
        if candidate == 0 and lowest > 0:
            return _zeros(values, others, name, most_zeros)
    return Unrated()


def _zeros(
    values: npt.NDArray[np.float64], others: npt.NDArray[np.float64], name: str, most: float
) -> Unrated:
    if plain_name(name) == "bookrating":
        return Unrated(0.0, "Book-Crossing marks what was only met with 0")
    share = 1 - len(others) / len(values)
    steps = np.unique(others)
    if share > most and steps[0] >= 1 and len(steps) > 2 and others.max() <= 100:
        low, high = f"{steps[0]:g}", f"{steps[-1]:g}"
        return Unrated(
            ask=(
                f"{share:.0%} of the ratings are 0 and the others go from {low} to {high}; say "
                f"--not-rated 0 if 0 means not rated, or --scale 0:{high} if it is the lowest "
                "rating"
            )
        )
    return Unrated()


def interactions_why(
    values: npt.NDArray[np.float64] | None,
    *,
    repeated: int,
    name: str,
    scale: RatingScale | None,
) -> str | None:
    """Return why rows say who met what, and not how much they liked it; None: they are ratings.

    Parameters
    ----------
    values
        One for each pair of user and item; None if there is no column of them.
    repeated
        How many rows repeat a pair.
    name
        The plain name of the column.
    scale
        What ratings lie in, if somebody said it: then they are ratings.
    """
    if values is None:
        return "there is no column of ratings"
    if scale is not None:
        return None
    most = RERATED if name in RATINGS else REPEATED
    if repeated > max(1, most * (repeated + len(values))):
        return f"{repeated:,} rows repeat a user and item"
    lowest, highest = float(values.min()), float(values.max())
    if lowest == highest and len(values) > 1:
        return f"all values are {lowest:g}"
    if lowest < 0:
        return None
    if name in COUNTS:
        return "the column's name is one of counts"
    values = values[:: 1 + len(values) // SAMPLED]
    if not (np.floor(values) == values).all():
        return None
    large = float(np.quantile(values, 0.9))
    if large > MOST_STEPS - 1:
        return f"whole numbers up to {highest:,.0f} are counts"
    middle = max(1.0, float(np.median(values)))
    if large >= 10 * middle or len(np.unique(values)) > MOST_STEPS:
        return f"whole numbers from {lowest:g} to {highest:,.0f}, most of them small, are counts"
    return None
