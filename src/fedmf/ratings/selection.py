"""Which part of a table to take: the most rated items, the first users."""

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
