"""Fixed point: tables of floating-point numbers become tables of integers, and back.

Protected sums are sums of integers, so a protected run equals the unprotected run over the same
integers bit for bit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fedmf.errors import FixedPointRangeError, SettingsError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True)
class FixedPoint:
    """A fixed-point number system: a number of fraction bits, and a declared range.

    Raises
    ------
    SettingsError
        If the figures are no fixed-point system, or the largest integer reaches 2^62.
    """

    fraction_bits: int
    """Number of bits after the binary point; one step is ``2**-fraction_bits``."""
    limit: float
    """Largest absolute value that may be encoded, in the unit of the values."""

    def __post_init__(self) -> None:
        problems = []
        if not 0 <= self.fraction_bits <= 62:
            problems.append(f"fraction_bits is {self.fraction_bits}; choose 0 to 62")
        if not (math.isfinite(self.limit) and self.limit >= 0):
            problems.append(f"limit is {self.limit}; choose a finite number, 0 or larger")
        elif not problems and self.limit >= math.ldexp(1.0, 62 - self.fraction_bits):
            problems.append(
                f"{self.limit:g} with {self.fraction_bits} fraction bits reaches 2^62 steps; "
                "lower limit or fraction_bits"
            )
        if problems:
            raise SettingsError("fixed point: " + "; ".join(problems))

    def encode(
        self, values: ArrayLike, *, what: str, rows: NDArray[np.integer] | None = None
    ) -> NDArray[np.int64]:
        """Round every value to the nearest step; ties go to the even one.

        Parameters
        ----------
        values
            Real numbers, shape (rows, columns) or (rows,).
        what
            Name of the table, for the error message.
        rows
            What the caller calls each row, shape (rows,); for the error message. Without it rows
            count from 0.

        Returns
        -------
        numpy.ndarray
            Whole numbers of steps, int64, in the shape of `values`.

        Raises
        ------
        FixedPointRangeError
            If any value is not a number or lies outside the declared range. Nothing has been
            encoded then.
        SettingsError
            If `values` has no such shape, or `rows` does not name each of its rows.
        """
        table = np.asarray(values, dtype=np.float64)
        if table.ndim not in (1, 2):
            raise SettingsError(f"{what}: a table has one or two dimensions, not {table.ndim}")
        if rows is not None and rows.shape != table.shape[:1]:
            raise SettingsError(
                f"{what}: names of shape {rows.shape} for the rows of a table of {table.shape}"
            )
        # Written so that NaN, which compares false with everything, counts as outside.
        outside = ~(np.abs(table) <= self.limit)
        if outside.any():
            raise FixedPointRangeError(self._describe(table, outside, what, rows))
        return np.rint(np.ldexp(table, self.fraction_bits)).astype(np.int64)

    def decode(self, integers: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the numbers that the integers stand for.

        Parameters
        ----------
        integers
            Whole numbers of steps, any shape. Sums of encoded tables may exceed `limit`.

        Returns
        -------
        numpy.ndarray
            float64, exact up to 2^53 steps and the nearest float64 beyond.
        """
        return np.ldexp(
            np.asarray(integers, dtype=np.int64).astype(np.float64), -self.fraction_bits
        )

    def _describe(
        self,
        table: NDArray[np.float64],
        outside: NDArray[np.bool_],
        what: str,
        rows: NDArray[np.integer] | None,
    ) -> str:
        first = np.argwhere(outside)[0]
        place = f"row {first[0] if rows is None else rows[first[0]]}"
        if table.ndim == 2:
            place += f", column {first[1]}"
        others = int(outside.sum()) - 1
        more = f" (and {others:,} more like it)" if others else ""
        return (
            f"{what}: the value {table[tuple(first)]} in {place}{more} lies outside the declared "
            f"range of -{self.limit} to {self.limit}"
        )
