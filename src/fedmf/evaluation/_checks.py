"""Checks of the arrays that this package is given, with a sentence for each problem.

Each check yields the problems it finds, so that one error can tell those of all arguments.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from fedmf.errors import DataError

FloatArray = NDArray[np.float64]
CodeArray = NDArray[np.integer]


def refuse(problems: Iterable[str]) -> None:
    """Raise one `DataError` that tells all `problems`, if there are any."""
    if found := list(problems):
        raise DataError("; ".join(found))


def number_problems(name: str, numbers: FloatArray) -> Iterator[str]:
    """Tell what keeps `numbers` from being a vector of finite numbers."""
    if numbers.ndim != 1:
        yield f"{name} must be one-dimensional and has the shape {numbers.shape}"
    elif not numbers.size:
        yield f"{name} is empty; give at least one value"
    elif (bad := np.flatnonzero(~np.isfinite(numbers))).size:
        yield (
            f"{name} holds {bad.size:,} of {numbers.size:,} values that are not finite numbers, "
            f"the first at position {bad[0]:,}; leave them out"
        )


def code_problems(name: str, codes: CodeArray, count: int | None = None) -> Iterator[str]:
    """Tell what keeps `codes` from being a vector of codes, in 0..`count`-1 where it is given."""
    if codes.ndim != 1 or codes.dtype.kind not in "iu":
        yield (
            f"{name} must be a one-dimensional array of integers and is an array of "
            f"{codes.dtype} with the shape {codes.shape}"
        )
    elif count is not None and (bad := np.flatnonzero((codes < 0) | (codes >= count))).size:
        yield (
            f"{name} holds {bad.size:,} codes outside 0..{count - 1}, the first, "
            f"{codes[bad[0]]}, at position {bad[0]:,}"
        )


def length_problems(**arrays: NDArray[np.generic]) -> Iterator[str]:
    """Tell when `arrays`, given by name, are not equally long."""
    lengths = {name: array.size for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {length:,}" for name, length in lengths.items())
        yield f"the arrays must be equally long and are not: {told}"
