"""``fedmf data``: what would be understood of a file of ratings, before anything is done."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from fedmf.cli.console import print_answer
from fedmf.cli.options import Json
from fedmf.cli.reading_options import takes_reading
from fedmf.ratings import Ratings, Reading, read_ratings

ROWS = 5


@takes_reading()
def data(
    reading: Reading,
    source: Annotated[
        str, typer.Argument(metavar="FILE", help="A file, a folder, a zip, or bundled ratings.")
    ],
    as_json: Json = False,
) -> None:
    """Show what is understood of a file of ratings, why, and how to say that it is otherwise."""
    ratings = read_ratings(source, reading)
    print_answer(_document(ratings), _lines(ratings), as_json=as_json)


def _document(ratings: Ratings) -> dict[str, object]:
    return {
        "name": ratings.name,
        "users": ratings.n_users,
        "items": ratings.n_items,
        "ratings": len(ratings),
        "scale": None if ratings.interactions else [ratings.scale.lowest, ratings.scale.highest],
        "feedback": "implicit" if ratings.interactions else "explicit",
        "titles": len(ratings.titles),
        "understood": [
            {"what": one.what, "found": one.found, "why": one.why, "option": one.option or None}
            for one in ratings.guesses
        ],
        "sample": _sample(ratings),
        "notes": list(ratings.notes),
    }


def _sample(ratings: Ratings) -> list[dict[str, object]]:
    return [
        {
            "user": ratings.user_ids[ratings.users[row]],
            "item": ratings.item_ids[ratings.items[row]],
            "title": ratings.title(ratings.item_ids[ratings.items[row]])
            if ratings.titles
            else None,
            "rating": float(ratings.values[row]),
            "time": None if ratings.timestamps is None else int(ratings.timestamps[row]),
        }
        for row in range(min(ROWS, len(ratings)))
    ]


def _lines(ratings: Ratings) -> Iterator[RenderableType]:
    what = "pairs" if ratings.interactions else "ratings"
    yield (
        f"{ratings.name}: {len(ratings):,} {what} of {ratings.n_users:,} users and "
        f"{ratings.n_items:,} items"
        + (f"; {len(ratings.titles):,} titles" if ratings.titles else "")
    )
    if ratings.guesses:
        yield _understood(ratings)
    yield _first_rows(ratings)
    for note in ratings.notes:
        yield from textwrap.wrap(f"note: {note}", 80, subsequent_indent="  ")
    if ratings.interactions:
        yield "fedmf train takes method implicit for them, unless --method says another one"


def _understood(ratings: Ratings) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("what", no_wrap=True)
    table.add_column("understood as", overflow="fold", max_width=44)
    table.add_column("otherwise, say", overflow="fold", max_width=17)
    for one in ratings.guesses:
        table.add_row(one.what, escape(f"{one.found} ({one.why})"), one.option)
    return table


def _first_rows(ratings: Ratings) -> Table:
    table = Table(title="first rows", title_justify="left", box=None, padding=(0, 2, 0, 0))
    rows = _sample(ratings)
    columns = [name for name in rows[0] if rows[0][name] is not None]
    if ratings.interactions:
        columns.remove("rating")
    for name in columns:
        table.add_column(name, overflow="ellipsis", no_wrap=True, max_width=22)
    for row in rows:
        table.add_row(*(escape(_text(name, row[name])) for name in columns))
    return table


def _text(name: str, value: object) -> str:
    if name == "time" and isinstance(value, int):
        try:
            return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M:%S")
        except (ValueError, OverflowError, OSError):
            return str(value)
    return f"{value:g}" if isinstance(value, float) else str(value)
