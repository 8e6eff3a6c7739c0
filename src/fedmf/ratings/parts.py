"""Which rows make a part of a table: the most rated items, the first users, what is held out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fedmf.errors import SettingsError

Codes = npt.NDArray[np.int64]


def most_rated(items: npt.NDArray[np.int32], n_items: int, count: int | None) -> Codes:
    """Return the codes of the most rated items, most rated first; None: of all items.

    Of items rated equally often, the one with the lower code comes first.
    """
    return np.argsort(-np.bincount(items, minlength=n_items), kind="stable")[:count]


def first_with_enough(users: npt.NDArray[np.int32], n_first: int, min_ratings: int) -> Codes:
    """Return those of the first `n_first` users who occur at least `min_ratings` times."""
    return np.flatnonzero(np.bincount(users, minlength=n_first)[:n_first] >= min_ratings)


def renumbered(kept: Codes, total: int) -> npt.NDArray[np.int32]:
    """Return the new code of every old one, in the order of `kept`; -1 for those not kept."""
    codes = np.full(total, -1, dtype=np.int32)
    codes[kept] = np.arange(len(kept), dtype=np.int32)
    return codes


def check_sizes(users: int | None, items: int | None, min_ratings: int) -> None:
    """Raise SettingsError for numbers that select nothing."""
    for name, number, smallest in (
        ("users", users, 1),
        ("items", items, 1),
        ("min_ratings", min_ratings, 0),
    ):
        if number is not None and number < smallest:
            raise SettingsError(f"{name} is {number}; it must be at least {smallest}")


def any_held_out(count: int, holdout: float, seed: int) -> npt.NDArray[np.bool_]:
    """Return which of `count` rows to hold out: the first of a seeded permutation of all rows."""
    size = int(_test_sizes(np.array([count]), holdout)[0])
    held_out = np.zeros(count, dtype=np.bool_)
    held_out[np.random.default_rng(seed).permutation(count)[:size]] = True
    return held_out


def last_held_out(
    rows: npt.NDArray[np.int64], starts: npt.NDArray[np.int64], holdout: float
) -> npt.NDArray[np.bool_]:
    """Return which rows to hold out: the last of every user; rows are in its time order."""
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
