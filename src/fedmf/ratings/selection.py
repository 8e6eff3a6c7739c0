"""Smaller tables: the most rated items, the first users."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from fedmf.errors import DataError, SettingsError

if TYPE_CHECKING:
    from fedmf.ratings.table import Ratings


def selected(
    ratings: Ratings, users: int | None = None, items: int | None = None, min_ratings: int = 1
) -> Ratings:
    """Return the table of the most rated items and the first users; see `Ratings.take`."""
    for name, number, smallest in (
        ("users", users, 1),
        ("items", items, 1),
        ("min_ratings", min_ratings, 0),
    ):
        if number is not None and number < smallest:
            raise SettingsError(f"{name} is {number}; it must be at least {smallest}")

    # The sort is stable: of items rated equally often, the one with the lower code comes first.
    by_count = np.argsort(-np.bincount(ratings.items, minlength=ratings.n_items), kind="stable")
    kept_items = by_count[:items]
    new_item_code = np.full(ratings.n_items, -1, dtype=np.int32)
    new_item_code[kept_items] = np.arange(len(kept_items), dtype=np.int32)

    n_first = ratings.n_users if users is None else min(users, ratings.n_users)
    in_both = (ratings.users < n_first) & (new_item_code[ratings.items] >= 0)
    counts = np.bincount(ratings.users[in_both], minlength=n_first)
    kept_users = np.flatnonzero(counts[:n_first] >= min_ratings)
    if len(kept_users) == 0:
        raise DataError(
            f"ratings {ratings.name!r}: none of the first {n_first:,} users has {min_ratings:,} "
            f"ratings of the {len(kept_items):,} most rated items; take more users or items, or "
            "ask for fewer ratings per user"
        )
    new_user_code = np.full(ratings.n_users, -1, dtype=np.int32)
    new_user_code[kept_users] = np.arange(len(kept_users), dtype=np.int32)

    rows = in_both & (new_user_code[ratings.users] >= 0)
    item_ids = tuple(ratings.item_ids[code] for code in kept_items)
    dropped = n_first - len(kept_users)
    too_few = "none" if min_ratings == 1 else f"fewer than {min_ratings:,}"
    note = (
        f"{dropped:,} of the first {n_first:,} users left out: {too_few} of their ratings remained"
    )
    return replace(
        ratings,
        user_ids=tuple(ratings.user_ids[code] for code in kept_users),
        item_ids=item_ids,
        users=new_user_code[ratings.users[rows]],
        items=new_item_code[ratings.items[rows]],
        values=ratings.values[rows],
        timestamps=None if ratings.timestamps is None else ratings.timestamps[rows],
        titles={one: ratings.titles[one] for one in item_ids if one in ratings.titles},
        notes=(*ratings.notes, note) if dropped else ratings.notes,
    )
