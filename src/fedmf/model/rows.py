"""Rows of the shared table, group by group, and what a participant contributes to them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fedmf.ratings import OwnedRatings

FloatArray = NDArray[np.float64]
FloatTable = Mapping[str, FloatArray]
"""Row group name -> float array of shape (rows, columns)."""
SUM_BITS = 30
"""Bits of a sum over all users, sign included: every protection holds that many."""


@dataclass(frozen=True, slots=True)
class RowGroup:
    """Rows of the table that share their columns, their step and their range."""

    name: str
    """How the group is called in a `FloatTable` and a `Contribution`."""
    rows: int
    columns: int
    """Shape of the group."""
    fraction_bits: int
    """The fixed-point step is ``2 ** -fraction_bits``."""
    limit: float
    """Largest absolute value that the contribution of one *user* may have anywhere in the group; a
    silo of k users may reach ``k * limit``."""
    start_limit: float
    """Largest absolute value in the start table."""
    of_items: bool
    """Row j belongs to item j, so that anyone who sees the row learns something about the users who
    rated the item. Rows of items with too few raters never leave a participant."""
    prior_raters: int | None = None
    """Row j over the number of item j's raters plus this is about equally large for all items, so
    that rows can be rounded alike; None: rows do not grow with their raters."""

    def rounded(self, values: FloatArray) -> FloatArray:
        """Return values rounded to whole steps.

        What each user adds is rounded before it is added to anything: so a silo's contribution is,
        bit for bit, the sum of what its users would have contributed alone.
        """
        steps: FloatArray = np.rint(np.ldexp(values, self.fraction_bits))
        return np.ldexp(steps, -self.fraction_bits)


@dataclass(frozen=True, slots=True, repr=False)
class RowValues:
    """Some rows of one row group."""

    rows: NDArray[np.int64]
    """int64 row numbers, ascending, each at most once, shape (k,)."""
    values: FloatArray
    """Their values, shape (k, columns). Every row that is not listed is zero."""

    @classmethod
    def of_one_row(cls, values: FloatArray) -> RowValues:
        """Return the values, shape (columns,), of a group that has a single row."""
        return cls(np.zeros(1, dtype=np.int64), values[np.newaxis])

    @classmethod
    def summed_by_item(cls, ratings: OwnedRatings, changes: FloatArray) -> RowValues:
        """Return the sum for each rated item of what its ratings add, one row a rating."""
        rows = ratings.rated_items.astype(np.int64)
        places = np.searchsorted(rows, ratings.items)
        total = np.zeros((len(rows), changes.shape[1]))
        # Several users of a silo may have rated an item; no user rates one twice.
        for own in ratings.user_slices():
            total[places[own]] += changes[own]
        return cls(rows, total)


Contribution = Mapping[str, RowValues]
"""Row group name -> the rows to which one participant contributes anything but zero."""


def fraction_bits(largest_sum: float, most: int) -> int:
    """Return the finest fixed-point step, in bits, at which a sum still fits `SUM_BITS`.

    Parameters
    ----------
    largest_sum
        Largest absolute value of an entry of the table, over all users.
    most
        Bits beyond which a finer step gains nothing.
    """
    return max(0, min(most, math.floor(SUM_BITS - 1 - math.log2(largest_sum))))
