"""What a learning method is: rows of one shared table, and the private step that changes them.

The server keeps one table. Participants download it, work on their private ratings and upload
an additive change; the server adds. A method says which rows the table has, how item factors
are read off it, and what one participant contributes to it. It works on real numbers and has
never heard of a key: ``federation`` turns its contributions into integers and back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fedmf.ratings import OwnedRatings, RatingScale

FloatArray = NDArray[np.float64]
FloatTable = Mapping[str, FloatArray]
"""Row group name -> float array of shape (rows, columns)."""


@dataclass(frozen=True, slots=True)
class RowGroup:
    """Rows of the table that share their columns, their step and their range.

    Parameters
    ----------
    name
        How the group is called in a `FloatTable` and a `Contribution`.
    rows, columns
        Shape of the group.
    fraction_bits
        The fixed-point step is ``2 ** -fraction_bits``.
    limit
        Largest absolute value that the contribution of one *user* may have anywhere in the
        group; a silo of k users may reach ``k * limit``.
    start_limit
        Largest absolute value in the start table.
    """

    name: str
    rows: int
    columns: int
    fraction_bits: int
    limit: float
    start_limit: float


@dataclass(frozen=True, slots=True, repr=False)
class RowValues:
    """Some rows of one row group.

    Parameters
    ----------
    rows
        int64 row numbers, ascending, each at most once, shape (k,).
    values
        Their values, shape (k, columns). Every row that is not listed is zero.
    """

    rows: NDArray[np.int64]
    values: FloatArray


Contribution = Mapping[str, RowValues]
"""Row group name -> the rows to which one participant contributes anything but zero."""


@dataclass(frozen=True, slots=True, repr=False)
class PrivateStep:
    """What one participant's step yields: nothing of it leaves the participant unprotected.

    Parameters
    ----------
    user_factors
        The new user vectors, shape (users of the participant, factors).
    contribution
        The participant's new contribution. It takes the place of the last included one: the
        upload is the difference of the two.
    """

    user_factors: FloatArray
    contribution: Contribution


class Method(Protocol):
    """A learning method, configured for one federation; every parameter of it is public."""

    @property
    def name(self) -> str:
        """The name that command line, JSON and documentation use."""
        ...

    @property
    def factors(self) -> int:
        """Length of a user vector."""
        ...

    @property
    def scale(self) -> RatingScale:
        """The public rating scale."""
        ...

    def settings(self) -> dict[str, object]:
        """Return all settings as JSON values; `fedmf.model.restore_method` reads them."""
        ...

    def row_groups(self) -> tuple[RowGroup, ...]:
        """Return the rows of the table, group by group."""
        ...

    def start_table(self) -> FloatTable:
        """Return the public table before the first round."""
        ...

    def decode(self, table: FloatTable) -> FloatArray:
        """Return the item factors that a table stands for, shape (items, factors)."""
        ...

    def start_user_factors(self, users: NDArray[np.int32]) -> FloatArray:
        """Return the user vectors of these user codes before the first round."""
        ...

    def rows_needed(self, ratings: OwnedRatings) -> Mapping[str, NDArray[np.int64]]:
        """Return, group by group, the table rows that a participant's step reads, ascending."""
        ...

    def participant_step(
        self,
        item_factors: FloatArray,
        ratings: OwnedRatings,
        user_factors: FloatArray,
        previous: Contribution | None,
    ) -> PrivateStep:
        """Return what one participant makes of the item factors and its own ratings.

        Parameters
        ----------
        item_factors
            Decoded from the downloaded table, shape (items, factors). Only what `rows_needed`
            names has to be filled.
        ratings
            The participant's own ratings.
        user_factors
            Its user vectors as of the last round that included it.
        previous
            Its contribution as of that round; None before the first.
        """
        ...

    def fold_in(
        self, item_factors: FloatArray, items: NDArray[np.int32], values: FloatArray
    ) -> FloatArray:
        """Return the vector of a new user from its ratings alone, shape (factors,)."""
        ...
