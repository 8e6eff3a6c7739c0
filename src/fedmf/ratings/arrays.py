"""Arrays that nobody can change by accident."""

from typing import Any

import numpy as np
import numpy.typing as npt


def frozen(values: npt.ArrayLike, dtype: type[np.generic]) -> npt.NDArray[Any]:
    """Return `values` as a read-only, contiguous, one-dimensional array of `dtype`.

    An array that is still writeable is copied, so that the caller's own array stays writeable and
    later changes to it cannot reach the copy.
    """
    array = np.ascontiguousarray(values, dtype=dtype)
    if array.flags.writeable:
        array = array.copy()
        array.flags.writeable = False
    return array
