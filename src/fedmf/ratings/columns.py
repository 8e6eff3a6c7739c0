"""The columns of a table: which is what, and whether a row is a rating, a user, or a list."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fedmf.ratings.column_names import places_by_name, plain_name
from fedmf.ratings.problems import Problems, listed
from fedmf.ratings.reading import NONE, Guess, Reading, option_of
from fedmf.ratings.sample import NUMBER, Sample

EMPTY_CELLS = frozenset(("", "?", "na", "nan", "n/a", "null", "none", "-"))
"""What stands in a table with a column for each item where nothing is rated."""
LEAST_WIDE = 3
YES_OR_NO = frozenset(("true", "false", "yes", "no", "like", "dislike", "liked", "disliked"))
"""Words that say how much, so that rows with either are not only who met what."""
INNER = "#|;, "
"""What separates the items of a list."""


@dataclass(frozen=True, slots=True)
class Columns:
    """What was understood of the columns of a table."""

    layout: str
    places: Mapping[str, int]
    """Role -> place of its column. In a wide table and in lists only the user may have one."""
    items: tuple[int, ...] = ()
    """Places of the columns of a wide table that are items."""
    inner: str = ""
    """What separates the items of a list."""
    guesses: tuple[Guess, ...] = ()


@dataclass(slots=True)
class _Choice:
    sample: Sample
    reading: Reading
    problems: Problems
    roles: Sequence[str]
    places: dict[str, int] = field(default_factory=dict)
    whys: dict[str, str] = field(default_factory=dict)

    def take(self, role: str, place: int, why: str) -> None:
        self.places[role], self.whys[role] = place, why

    def open(self, role: str) -> bool:
        """Whether nobody said or found the column of a role yet."""
        return role in self.roles and role not in self.places and not self.denied(role)

    def denied(self, role: str) -> bool:
        return self.reading.column(role) == NONE

    @property
    def left(self) -> list[int]:
        """Places of columns without a role."""
        return [k for k in range(len(self.sample.names)) if k not in self.places.values()]

    def guesses(self) -> list[Guess]:
        found = [
            Guess(role, self.sample.shown(place), self.whys[role], option_of(role))
            for role, place in self.places.items()
        ]
        for role, missing in (
            ("rating", "no column: who met what"),
            ("timestamp", "no column"),
        ):
            if role in self.roles and role not in self.places:
                why = "you said so" if self.denied(role) else "no column is left for it"
                found.append(Guess(role, missing, why, option_of(role)))
        return found


def columns_of(
    sample: Sample,
    reading: Reading,
    problems: Problems,
    *,
    roles: Sequence[str] = ("user", "item", "rating", "timestamp"),
    interactions: bool = False,
) -> Columns:
    """Return which column is what; what cannot be told is added to the problems.

    Parameters
    ----------
    roles
        What to look for. All but the times are needed; ratings are not where a table holds
        nothing but who met what.
    interactions
        Whether it was said that ratings are not needed.
    """
    choice = _Choice(sample, reading, problems, roles)
    _take_said(choice)
    if sample.header:
        for role in roles:
            if choice.open(role):
                _take_named(choice, role)
    layout, why = _layout(choice)
    layout_guess = Guess("layout", layout, why, "--layout")
    if layout == "lists":
        return _lists(choice, layout_guess)
    if layout == "wide":
        return _wide(choice, layout_guess)
    if not sample.header:
        _take_by_position(choice)
    _check_complete(choice, interactions=interactions)
    return Columns("long", choice.places, guesses=(layout_guess, *choice.guesses()))


def _take_said(choice: _Choice) -> None:
    names = choice.sample.names
    for role in choice.roles:
        said = choice.reading.column(role)
        if said is None or said == NONE:
            continue
        places = [k for k, name in enumerate(names) if name == said]
        places = places or [
            k for k, name in enumerate(names) if plain_name(name) == plain_name(str(said))
        ]
        if not places and str(said).isdigit() and 1 <= int(said) <= len(names):
            places = [int(said) - 1]
        if len(places) == 1:
            choice.take(role, places[0], "you said so")
            continue
        wrong = "there is no column" if not places else "several columns have the name"
        found = listed(names) if choice.sample.header else f"columns 1 to {len(names)}"
        choice.problems.add(
            f"{wrong} {str(said)!r} for {option_of(role)}; give a name or a position from 1 "
            f"(columns found: {found})"
        )
        choice.take(role, places[0] if places else -1, "")
    taken = [place for place in choice.places.values() if place >= 0]
    for place in sorted({one for one in taken if taken.count(one) > 1}):
        twice = [role for role, one in choice.places.items() if one == place]
        choice.problems.add(
            f"the column {names[place]!r} is taken for the {' and the '.join(twice)}"
        )


def _take_named(choice: _Choice, role: str) -> None:
    names = choice.sample.names
    places = [k for k in places_by_name(names, role) if k in choice.left]
    if len(places) == 1:
        choice.take(role, places[0], "its name")
    elif places:
        candidates = listed([names[k] for k in places])
        choice.problems.add(
            f"the columns {candidates} could each be the {role}; say which one is meant with "
            f"{option_of(role)} (columns found: {listed(names)})"
        )
        choice.take(role, places[0], "")


def _layout(choice: _Choice) -> tuple[str, str]:
    sample, reading = choice.sample, choice.reading
    if reading.layout is not None:
        return reading.layout, "you said so"
    if sample.ragged:
        return "lists", "rows are numbers and differ in length"
    if "rating" not in choice.places and len(sample.names) == 2:
        user = choice.places.get("user", 0)
        users = sample.cells(user)
        if len(set(users)) == len(users) and _inner(sample, 1 - user):
            return "lists", "each row has another user, and most have several items"
    named = {"item", "rating"} & choice.places.keys()
    if not named and "user" in choice.roles and _is_wide(choice):
        return "wide", "all columns but one are numbers or empty, on one scale"
    return "long", "a row for each user and item"


def _is_wide(choice: _Choice) -> bool:
    sample = choice.sample
    others = [k for k in choice.left if k > 0 or "user" in choice.places]
    marked = any(one in ("", "99") for row in sample.rows for one in row[1:])
    least = LEAST_WIDE if sample.header or marked else 8
    if len(others) < least or "timestamp" in choice.places or len(sample.rows) < 2:
        return False
    values: list[float] = []
    for place in others:
        cells = [one for one in sample.cells(place) if one.lower() not in EMPTY_CELLS]
        if not all(NUMBER.fullmatch(one) for one in cells):
            return False
        values += map(_rough, cells)
    return bool(values) and max(values) - min(values) <= 200


def _inner(sample: Sample, place: int) -> str:
    """Return what separates several items in the cells of a column, "" if nothing does."""
    cells = sample.cells(place)
    for separator in INNER:
        parts = [len(one.split(separator)) for one in cells]
        several = sum(count > 1 for count in parts)
        if cells and several * 2 > len(cells) and (len(set(parts)) > 1 or max(parts) > 2):
            return separator
    return ""


def _lists(choice: _Choice, layout: Guess) -> Columns:
    sample = choice.sample
    user = choice.places.get("user", 0)
    inner = "" if sample.ragged or len(sample.names) != 2 else _inner(sample, 1 - user)
    return Columns(
        "lists",
        {"user": user},
        inner=inner,
        guesses=(
            layout,
            Guess("user", "the first of each row", "lists begin with it", "--user-column"),
            Guess("rating", "no column: who met what", "lists have none", "--layout"),
        ),
    )


def _wide(choice: _Choice, layout: Guess) -> Columns:
    sample = choice.sample
    items = [k for k in choice.left if k > 0 or "user" in choice.places]
    if "user" in choice.places:
        user = Guess(
            "user", sample.shown(choice.places["user"]), choice.whys["user"], "--user-column"
        )
    elif choice.denied("user"):
        items = choice.left
        user = Guess("user", "the number of the row", "you said so", "--user-column")
    else:
        user = _wide_user(choice, items)
    if not items:
        choice.problems.add(
            "layout wide needs a column for each item, and none is left; say --layout long if a "
            "row is a rating"
        )
    found = f"{len(items):,} columns, each an item"
    item = Guess("item", found, "all columns that are left", "--layout")
    return Columns("wide", choice.places, items=tuple(items), guesses=(layout, user, item))


def _wide_user(choice: _Choice, items: Sequence[int]) -> Guess:
    """Take the first column of a wide table for its users, unless it counts something."""
    sample = choice.sample
    first = [row[0] for row in sample.rows]
    rated = [
        {"all": len(items), "99": sum(row[k] not in ("99", "") for k in items if k < len(row))}
        for row in sample.rows
    ]
    counts = all(one.isdigit() for one in first) and all(
        int(one) == count["99"] for one, count in zip(first, rated, strict=True)
    )
    if counts:
        return Guess(
            "user",
            "the number of the row",
            "the first column counts a row's ratings",
            "--user-column",
        )
    if len(set(first)) == len(first) and "" not in first:
        choice.take("user", 0, "its cells are all different")
        return Guess("user", sample.shown(0), "its cells are all different", "--user-column")
    choice.problems.add(
        "each row seems to be a user, and nobody can tell which column names it; say "
        "--user-column with a name or a position from 1, or none to number the rows"
    )
    return Guess("user", "", "", "--user-column")


def _take_by_position(choice: _Choice) -> None:
    """Give the columns of a table without a header their usual order, where values agree."""
    sample = choice.sample
    left = choice.left
    for role in ("user", "item"):
        if choice.open(role) and left and (role != "user" or len(left) > 1):
            if sample.is_date(left[0]):
                return
            choice.take(role, left.pop(0), "its position")
    if len(left) > 2 or "item" not in choice.places:
        return
    times = [k for k in left if sample.is_time(k)]
    values = [k for k in left if k not in times and sample.is_number(k)]
    if len(values) == 2 and _then_times(sample, *values):
        times.append(values.pop())
    if choice.open("rating") and len(values) == 1:
        choice.take("rating", values[0], "its position, and it holds numbers")
    if choice.open("timestamp") and len(times) == 1 and (values or len(left) == 1):
        choice.take("timestamp", times[0], "its position, and it holds times")


def _then_times(sample: Sample, rating: int, time: int) -> bool:
    """Whether a column of small numbers stands before one of whole numbers that are all large."""
    small = [one for one in sample.cells(rating) if NUMBER.fullmatch(one)]
    large = sample.cells(time)
    most = sum(one.isdigit() and int(one) > 1000 for one in large)
    return max(map(_rough, small)) <= 100 and most * 2 > len(large)


def _rough(number: str) -> float:
    """Return about what a number is, whatever its decimal mark."""
    whole = re.match(r"[+-]?\d+", number)
    return float(whole[0]) if whole else 0.0


def _says_yes_or_no(cells: Sequence[str]) -> bool:
    words = {one.lower() for one in cells}
    return len(words) > 1 and words <= YES_OR_NO


def _check_complete(choice: _Choice, *, interactions: bool) -> None:
    sample = choice.sample
    names = sample.names
    missing = [role for role in ("user", "item") if choice.open(role)]
    unclear = [k for k in choice.left if sample.is_number(k) and not sample.is_time(k) and names[k]]
    unclear += [k for k in choice.left if _says_yes_or_no(sample.cells(k))]
    if not sample.header:
        unclear = choice.left  # nobody called them anything that would tell
    no_rating = choice.open("rating") and not interactions
    if no_rating and (unclear or len(names) == 1 or (not sample.rows and choice.left)):
        missing.append("rating")
    if not missing:
        return
    found = listed(names) if sample.header else f"{len(names)} without names"
    remedy = " and ".join(option_of(role) for role in missing)
    also = ""
    if missing == ["rating"]:
        also = "; --rating-column none where a row only says who met what"
        if not sample.header and len(names) > 4:
            also += "; --layout lists where it is a user and all items that it met"
    elif len(names) == 1:
        also = "; if it holds several, say --separator (such as ';' or tab)"
    if not sample.header and sample.rows:
        row = ", ".join(sample.rows[0][:8])
        also += f"; the first row is {row}"
    choice.problems.add(
        f"no column for the {' and '.join(missing)} (columns found: {found}); say which with "
        f"{remedy}, by name or by position from 1{also}"
    )
