"""From unchecked blocks to a rating table: every check, then scale, duplicates and their kind."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from fedmf.ratings.blocks import Unchecked
from fedmf.ratings.gathering import GatheredColumns, Gathering
from fedmf.ratings.kinds import interactions_why, unrated_value
from fedmf.ratings.problems import count_of
from fedmf.ratings.reading import Guess
from fedmf.ratings.scale import RatingScale, find_scale
from fedmf.ratings.table import Ratings

NAMED_OUTLIERS = 3


def assembled(
    name: str,
    source: Unchecked,
    *,
    titles: Mapping[str, str] | None = None,
    usual_scale: RatingScale | None = None,
) -> Ratings:
    """Check all cells and build the rating table.

    Parameters
    ----------
    name
        What to call the table.
    source
        Blocks of ``user``, ``item``, ``rating`` and ``timestamp``. Without users, all ratings
        belong to one user without a name; without ratings, each row says who met what.
    titles
        Titles by item identifier as text; those of unrated items are left out.
    usual_scale
        The scale of the data set that the source seems to be, where nobody said one and all
        ratings lie in it.

    Raises
    ------
    DataError
        If anything is wrong with the table; lists everything that is.
    """
    gathering = Gathering.of(source)
    for block in source.blocks():
        gathering.add(block)
    columns = gathering.finished()
    scale = source.reading.rating_scale
    has_values = "rating" in source.names or source.empty_is_unrated
    if has_values:
        _leave_out_unrated(columns, source, scale)
    repeated = _without_repetitions(columns)
    why = interactions_why(
        columns.values if has_values else None,
        repeated=repeated,
        name=source.value_name,
        scale=scale,
    )
    _describe(columns, repeated, why)
    scale, how = _scale(columns, scale, usual_scale, is_explicit=why is None)
    if has_values:
        columns.guesses.append(Guess("scale", str(scale), how, "--scale"))
    for column in (columns.users, columns.items, columns.values, columns.timestamps):
        if column is not None:
            column.flags.writeable = False  # nobody else has it: no need for a copy
    texts = {} if titles is None else {one: titles.get(str(one)) for one in columns.item_ids}
    return Ratings(
        name=name,
        user_ids=columns.user_ids,
        item_ids=columns.item_ids,
        users=columns.users,
        items=columns.items,
        values=columns.values,
        timestamps=columns.timestamps,
        titles={one: title for one, title in texts.items() if title},
        scale=scale,
        notes=tuple(columns.notes),
        interactions=why is not None,
        guesses=(*source.guesses, *columns.guesses),
    )


def _scale(
    columns: GatheredColumns,
    said: RatingScale | None,
    usual: RatingScale | None,
    *,
    is_explicit: bool,
) -> tuple[RatingScale, str]:
    """Return the scale and how it is known; leave out ratings far outside the scale found."""
    if said is not None:
        return said, "you said so"
    values = columns.values
    lowest, highest = float(values.min()), float(values.max())
    if usual is not None and usual.lowest <= lowest and highest <= usual.highest:
        return usual, "that of this data set"
    if not is_explicit:
        return RatingScale(lowest, highest), "the lowest and highest value found"
    scale, outliers = find_scale(values)
    if outliers.any():
        columns.notes.append(_about_outliers(columns, np.flatnonzero(outliers), scale))
        columns.keep(~outliers)
    return scale, "the lowest and highest rating found"


def _about_outliers(
    columns: GatheredColumns, rows: npt.NDArray[np.int64], scale: RatingScale
) -> str:
    named = ", ".join(
        f"{columns.values[row]:g} (user {columns.user_ids[columns.users[row]]!r}, "
        f"item {columns.item_ids[columns.items[row]]!r})"
        for row in rows[:NAMED_OUTLIERS]
    )
    more = f" and {len(rows) - NAMED_OUTLIERS:,} more" if len(rows) > NAMED_OUTLIERS else ""
    what = "rating lies" if len(rows) == 1 else "ratings lie"
    return (
        f"{len(rows):,} {what} far outside the scale of the others, {scale}: {named}{more}; left "
        "out, unless you say what the scale is with --scale"
    )


def _leave_out_unrated(
    columns: GatheredColumns, source: Unchecked, scale: RatingScale | None
) -> None:
    """Leave out ratings whose value can only mean that there is none."""
    found = unrated_value(
        columns.values,
        source.names.get("rating", ""),
        scale=scale,
        said=bool(source.reading.not_rated),
        # In a cell for each item, zeros stand for nothing more often.
        most_zeros=0.2 if source.empty_is_unrated else 0.4,
    )
    if found.ask:
        source.problems.add(found.ask)
        source.problems.raise_if_any()
    if found.value is None:
        if all(one.what != "not rated" for one in columns.guesses):
            nothing = Guess("not rated", "no value", "each row has a rating", "--not-rated")
            columns.guesses.append(nothing)
        return
    rated = columns.values != found.value
    count = len(rated) - int(rated.sum())
    columns.notes.append(
        f"{count_of(count, 'value')} of {found.value:g} in place of a rating: left out as not rated"
    )
    columns.guesses.append(
        Guess("not rated", f"{found.value:g}", f"{count:,} of them; {found.why}", "--not-rated")
    )
    columns.keep(rated)


def _without_repetitions(columns: GatheredColumns) -> int:
    """Keep the last rating of each user and item; return how many others there were."""
    kept = _last_of_each_pair(columns.users, columns.items, columns.timestamps)
    if kept is None:
        return 0
    repeated = len(columns.values) - len(kept)
    columns.keep(kept)
    return repeated


def _describe(columns: GatheredColumns, repeated: int, why: str | None) -> None:
    """Say how often pairs were repeated, and whether ratings are explicit or implicit."""
    if repeated and why is None:
        what = count_of(repeated, "duplicate rating")
        columns.notes.append(f"{what}: the last one of each user and item was kept")
    elif repeated:
        columns.notes.append(
            f"{count_of(repeated, 'row repeats', 'rows repeat')} a user and item that met before: "
            "each pair counts once"
        )
    values = columns.values
    if why is None and (values == values[0]).all():
        columns.notes.append(
            f"all ratings are {values[0]:g}: nothing can be learned from their differences"
        )
    found = "explicit: ratings say how much" if why is None else "implicit: rows say who met what"
    columns.guesses.append(Guess("repeated", f"{repeated:,} rows", "the last one counts", ""))
    columns.guesses.append(
        Guess("feedback", found, why or "values differ as ratings do", "--method")
    )


def _pairs(users: npt.NDArray[np.int32], items: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """Return a number for each row that says its user and its item."""
    pairs = users.astype(np.int64)
    pairs <<= 32
    pairs |= items
    return pairs


def _last_of_each_pair(
    users: npt.NDArray[np.int32],
    items: npt.NDArray[np.int32],
    timestamps: npt.NDArray[np.int64] | None,
) -> npt.NDArray[np.int64] | None:
    """Return the rows to keep in file order, of each user and item the last one in time.

    None if every pair occurs once.
    """
    in_order = _pairs(users, items)
    in_order.sort(kind="stable")  # which is quick where users stand together
    repeated = np.unique(in_order[1:][in_order[1:] == in_order[:-1]])
    del in_order
    if len(repeated) == 0:
        return None
    pairs = _pairs(users, items)
    # Only rows of repeated pairs have to be sorted by time.
    places = np.minimum(np.searchsorted(repeated, pairs), len(repeated) - 1)
    rows = np.flatnonzero(repeated[places] == pairs)
    pairs = pairs[rows]
    # lexsort is stable: of rows with equal keys, the last in the file ends up last.
    order = np.lexsort((pairs,) if timestamps is None else (timestamps[rows], pairs))
    goes_on = np.diff(pairs[order]) == 0
    kept = np.ones(len(users), dtype=np.bool_)
    kept[rows[order[:-1][goes_on]]] = False
    return np.flatnonzero(kept)
