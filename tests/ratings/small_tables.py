"""Small rating tables written down row by row, for tests."""

from collections.abc import Mapping, Sequence

from fedmf.ratings import Id, Ratings, RatingScale

Row = tuple[Id, Id, float] | tuple[Id, Id, float, int]


def table(rows: Sequence[Row], titles: Mapping[Id, str] | None = None) -> Ratings:
    """Build a table from rows of user, item, rating and perhaps timestamp."""
    user_ids = tuple(dict.fromkeys(row[0] for row in rows))
    item_ids = tuple(dict.fromkeys(row[1] for row in rows))
    times = [row[3] for row in rows if len(row) == 4]
    return Ratings(
        name="small",
        user_ids=user_ids,
        item_ids=item_ids,
        users=[user_ids.index(row[0]) for row in rows],  # type: ignore[arg-type]
        items=[item_ids.index(row[1]) for row in rows],  # type: ignore[arg-type]
        values=[row[2] for row in rows],  # type: ignore[arg-type]
        timestamps=times or None,  # type: ignore[arg-type]
        titles=titles or {},
        scale=RatingScale(1, 5),
    )


def rows_of(ratings: Ratings) -> list[tuple[Id, Id, float]]:
    """Return the rows of a table in its own order, with original identifiers."""
    return [
        (ratings.user_ids[user], ratings.item_ids[item], float(value))
        for user, item, value in zip(ratings.users, ratings.items, ratings.values, strict=True)
    ]
