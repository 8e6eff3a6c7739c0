"""Which column is the user, which the item: by the name asked for, or by a common one."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fedmf.ratings.unchecked import Problems, listed

COMMON_NAMES: Mapping[str, frozenset[str]] = {
    "user": frozenset(
        {"user", "userid", "uid", "customer", "customerid", "reviewer", "reviewerid"}
    ),
    "item": frozenset(
        {
            *("item", "itemid", "iid", "movie", "movieid", "film", "filmid", "book", "bookid"),
            *("isbn", "product", "productid", "asin", "track", "trackid", "song", "songid"),
        }
    ),
    "rating": frozenset({"rating", "ratings", "score", "stars", "bookrating", "ratingvalue"}),
    "timestamp": frozenset({"timestamp", "time", "datetime", "date", "unixtime", "ratedat"}),
    "title": frozenset({"title"}),
}
"""Names recognised for each role, in lower case and without anything but letters and digits."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The name to look for, and whether the input is unusable without that column."""

    name: str
    required: bool = True


def wanted_columns(user: str, item: str, rating: str, timestamp: str | None) -> dict[str, Wanted]:
    """Return the columns of a rating table; a timestamp is required only if it was named."""
    wanted = {"user": Wanted(user), "item": Wanted(item), "rating": Wanted(rating)}
    if timestamp is not None:
        wanted["timestamp"] = Wanted(timestamp, required=timestamp != "timestamp")
    return wanted


def find_columns(
    found: Sequence[str], wanted: Mapping[str, Wanted], problems: Problems
) -> dict[str, int]:
    """Return the place of every wanted column among those found.

    A column of exactly the wanted name is taken. Where the name is the default one (the role
    itself) and absent, the one column with a common name for that role is taken.
    """
    places: dict[str, int] = {}
    missing: list[str] = []
    for role, column in wanted.items():
        candidates = _candidates(found, role, column)
        if len(candidates) == 1:
            places[role] = candidates[0]
        elif candidates:
            names = [found[place] for place in candidates]
            problems.add(
                f"the columns {listed(names)} could each be the {role}; rename all but one, or say "
                f"which one is meant with {role}={names[0]!r} (columns found: {listed(found)})"
            )
        elif column.required:
            missing.append(role if column.name == role else f"{role} ({column.name!r})")
    if missing:
        problems.add(_about_missing(missing, found))
    for place in set(places.values()):
        roles = [role for role, taken in places.items() if taken == place]
        if len(roles) > 1:
            problems.add(f"the column {found[place]!r} is taken for the {' and the '.join(roles)}")
    return places


def _candidates(found: Sequence[str], role: str, column: Wanted) -> list[int]:
    exact = [place for place, name in enumerate(found) if name == column.name]
    if exact or column.name != role:
        return exact
    return [
        place
        for place, name in enumerate(found)
        if re.sub(r"[\W_]", "", name.lower()) in COMMON_NAMES[role]
    ]


def _about_missing(missing: Sequence[str], found: Sequence[str]) -> str:
    roles = " and ".join(missing)
    if any(re.fullmatch(r"-?\d+([.,]\d+)?", name) for name in found):
        remedy = "if the first line is already a rating, put a line with the column names above it"
    else:
        example = ", ".join(f"{role.split()[0]}=..." for role in missing)
        remedy = (
            "rename the columns; in Python, say which ones are meant with "
            f"load_ratings(..., {example})"
        )
    return f"no column for the {roles} (columns found: {listed(found)}); {remedy}"
