"""Which ratings are held out: any of the table, or the last in time of every user."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fedmf.errors import SettingsError


def any_held_out(count: int, holdout: float, seed: int) -> npt.NDArray[np.bool_]:
    """Return which of `count` rows to hold out: the first of a seeded permutation of all rows."""
    size = int(_test_sizes(np.array([count]), holdout)[0])
    held_out = np.zeros(count, dtype=np.bool_)
    held_out[np.random.default_rng(seed).permutation(count)[:size]] = True
    return held_out


def last_held_out(
    rows: npt.NDArray[np.int64], starts: npt.NDArray[np.int64], holdout: float
) -> npt.NDArray[np.bool_]:
    """Return which rows to hold out: the last in time of every user.

    Parameters
    ----------
    rows, starts
        Row numbers grouped by user, in time order, and where each group starts.
    """
    counts = np.diff(starts)
    first_held_out = starts[1:] - _test_sizes(counts, holdout)
    held_out = np.zeros(len(rows), dtype=np.bool_)
    held_out[rows] = np.arange(len(rows)) >= np.repeat(first_held_out, counts)
    return held_out


def _test_sizes(counts: npt.NDArray[np.int64], holdout: float) -> npt.NDArray[np.int64]:
    """Return how many of each count to hold out, such that one is left wherever there is one."""
    if isinstance(holdout, int | np.integer):
        if holdout < 0:
            raise SettingsError(f"holdout is {holdout}; a number of ratings must be 0 or more")
        sizes = np.full_like(counts, holdout)
    elif 0 <= holdout < 1:
        sizes = np.rint(counts * holdout).astype(np.int64)
    else:
        raise SettingsError(
            f"holdout is {holdout}; give a share from 0 to below 1, such as 0.2, or a whole number"
        )
    smaller: npt.NDArray[np.int64] = np.minimum(sizes, np.maximum(counts - 1, 0))
    return smaller
