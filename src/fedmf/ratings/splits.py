"""Training and test ratings: at random over the table, or the last in time of every user."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from fedmf.errors import DataError, SettingsError

if TYPE_CHECKING:
    from fedmf.ratings.table import Ratings


def split_random(ratings: Ratings, holdout: float, seed: int) -> tuple[Ratings, Ratings]:
    """Hold out the first rows of a seeded permutation of all rows; see `Ratings.split`."""
    total = np.array([len(ratings)])
    size = int(_test_sizes(total, holdout)[0])
    held_out = np.zeros(len(ratings), dtype=np.bool_)
    held_out[np.random.default_rng(seed).permutation(len(ratings))[:size]] = True
    return _parts(ratings, held_out)


def split_last(ratings: Ratings, holdout: float) -> tuple[Ratings, Ratings]:
    """Hold out the last ratings in time of every user; see `Ratings.split`."""
    if ratings.timestamps is None:
        raise DataError(
            f"ratings {ratings.name!r} have no timestamps, so nobody knows which are the last; "
            "add a timestamp column, or split at random"
        )
    rows, starts = ratings.rows_by_user
    counts = np.diff(starts)
    first_held_out = starts[1:] - _test_sizes(counts, holdout)
    held_out = np.zeros(len(ratings), dtype=np.bool_)
    held_out[rows] = np.arange(len(ratings)) >= np.repeat(first_held_out, counts)
    return _parts(ratings, held_out)


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


def _parts(ratings: Ratings, held_out: npt.NDArray[np.bool_]) -> tuple[Ratings, Ratings]:
    return _rows(ratings, ~held_out), _rows(ratings, held_out)


def _rows(ratings: Ratings, rows: npt.NDArray[np.bool_]) -> Ratings:
    return replace(
        ratings,
        users=ratings.users[rows],
        items=ratings.items[rows],
        values=ratings.values[rows],
        timestamps=None if ratings.timestamps is None else ratings.timestamps[rows],
    )
