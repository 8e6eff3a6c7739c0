"""From unchecked columns to a rating table: every check, then scale and duplicates."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fedmf.ratings.cells import checked_ids, checked_timestamps, checked_values, report_outside
from fedmf.ratings.identifiers import Id
from fedmf.ratings.scale import RatingScale, find_scale
from fedmf.ratings.table import Ratings
from fedmf.ratings.unchecked import UncheckedTable

NAMED_OUTLIERS = 3


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class _Columns:
    user_ids: tuple[Id, ...]
    item_ids: tuple[Id, ...]
    users: npt.NDArray[np.int32]
    items: npt.NDArray[np.int32]
    values: npt.NDArray[np.float64]
    timestamps: npt.NDArray[np.int64] | None


def assembled(
    name: str,
    table: UncheckedTable,
    scale: RatingScale | None,
    titles: Mapping[Id, str] | None = None,
) -> Ratings:
    """Check all cells and build the rating table.

    Parameters
    ----------
    name
        What to call the table.
    table
        Columns ``user``, ``item``, ``rating`` and perhaps ``timestamp``. Without a user column
        that is not missed, all ratings belong to one user without a name; without a rating column
        that is not missed, all of them are 1.
    scale
        What ratings must lie in; None finds it (`find_scale`), and leaves outliers out.
    titles
        Titles by item identifier; those of unrated items are left out.

    Raises
    ------
    DataError
        If anything is wrong with the table; lists everything that is.
    """
    notes: list[str] = []
    columns = _checked(table, scale, notes)
    kept = _last_of_each_pair(columns.users, columns.items, columns.timestamps)
    if len(kept) < len(columns.values):
        notes.append(_about_duplicates(len(columns.values) - len(kept)))
    if scale is None:
        scale, outliers = find_scale(columns.values[kept])
        if outliers.any():
            notes.append(_about_outliers(columns, kept[outliers], scale))
            kept = kept[~outliers]
    values = columns.values[kept]
    if (values == values[0]).all():
        notes.append(
            f"all ratings are {values[0]:g}: nothing can be learned from their differences"
        )
    return Ratings(
        name=name,
        user_ids=columns.user_ids,
        item_ids=columns.item_ids,
        users=columns.users[kept],
        items=columns.items[kept],
        values=values,
        timestamps=None if columns.timestamps is None else columns.timestamps[kept],
        titles={one: titles[one] for one in columns.item_ids if one in titles} if titles else {},
        scale=scale,
        notes=tuple(notes),
    )


def _checked(table: UncheckedTable, scale: RatingScale | None, notes: list[str]) -> _Columns:
    """Return the columns of a table in which every cell is fit; add notes on what was noticed."""
    columns, problems = table.columns, table.problems
    ids = {
        role: checked_ids(columns[role], problems, notes)
        for role in ("user", "item")
        if role in columns
    }
    timestamps = None
    if "timestamp" in columns:
        timestamps = checked_timestamps(columns["timestamp"], problems)
    values = np.zeros(0)
    if "rating" in columns:
        values = checked_values(columns["rating"], problems)
        if scale is not None:
            outside = np.isfinite(values) & ((values < scale.lowest) | (values > scale.highest))
            report_outside(columns["rating"], outside, str(scale), problems)
        if len(values) == 0:
            problems.add("there is not a single rating in it; add some")
    problems.raise_if_any()
    items, item_ids = ids["item"]
    if "rating" not in columns:
        # None is needed: each row is an interaction.
        values = np.ones(len(items))
    users, user_ids = ids.get("user", (np.zeros(len(items), dtype=np.int32), ("",)))
    return _Columns(user_ids, item_ids, users, items, values, timestamps)


def _last_of_each_pair(
    users: npt.NDArray[np.int32],
    items: npt.NDArray[np.int32],
    timestamps: npt.NDArray[np.int64] | None,
) -> npt.NDArray[np.int64]:
    """Return the rows to keep in file order: of each user and item, the last one in time."""
    pairs = users * (np.int64(1) << 32) + items
    if np.diff(np.sort(pairs)).all():
        return np.arange(len(pairs))
    keys = (items, users) if timestamps is None else (timestamps, items, users)
    # lexsort is stable: of rows with equal keys, the last in the file ends up last.
    order = np.lexsort(keys)
    sorted_users, sorted_items = users[order], items[order]
    is_last = np.ones(len(order), dtype=np.bool_)
    is_last[:-1] = (np.diff(sorted_users) != 0) | (np.diff(sorted_items) != 0)
    return np.sort(order[is_last])


def _about_duplicates(count: int) -> str:
    what = "duplicate rating" if count == 1 else "duplicate ratings"
    return f"{count:,} {what}: the last one of each user and item was kept"


def _about_outliers(columns: _Columns, rows: npt.NDArray[np.int64], scale: RatingScale) -> str:
    named = ", ".join(
        f"{columns.values[row]:g} (user {columns.user_ids[columns.users[row]]!r}, "
        f"item {columns.item_ids[columns.items[row]]!r})"
        for row in rows[:NAMED_OUTLIERS]
    )
    more = f" and {len(rows) - NAMED_OUTLIERS:,} more" if len(rows) > NAMED_OUTLIERS else ""
    what = "rating lies" if len(rows) == 1 else "ratings lie"
    return (
        f"{len(rows):,} {what} far outside the scale of the others, {scale}: {named}{more}; left "
        "out, unless you say what the scale is"
    )
