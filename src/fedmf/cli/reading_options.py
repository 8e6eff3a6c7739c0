"""Options that say how a file of ratings is to be read, for every command that reads one."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from fedmf.cli.options import options_for
from fedmf.ratings import Reading

OPTIONS: Mapping[str, tuple[Any, Any]] = {
    "user_column": (str, typer.Option(metavar="COLUMN", help="Users: a name, or from 1.")),
    "item_column": (str, typer.Option(metavar="COLUMN", help="Items, likewise.")),
    "rating_column": (str, typer.Option(metavar="COLUMN", help="Ratings; none: who met what.")),
    "time_column": (str, typer.Option(metavar="COLUMN", help="Times; none: not used.")),
    "separator": (
        str,
        typer.Option(help="Such as ';', or comma, semicolon, tab, pipe, blanks."),
    ),
    "header": (bool, typer.Option("--header/--no-header", help="Does line 1 name columns?")),
    "encoding": (str, typer.Option(help="Of text, such as utf-8, cp1252, utf-16.")),
    "decimal": (str, typer.Option(help="point or comma.")),
    "scale": (str, typer.Option(metavar="LOW:HIGH", help="Lowest and highest rating.")),
    "not_rated": (
        list[str],
        typer.Option(metavar="VALUE", help="Means that there is no rating; may repeat."),
    ),
    "layout": (
        str,
        typer.Option(help="long: a row a rating. wide: a column an item. lists: user, items."),
    ),
}


def takes_reading(
    parameter: str = "reading",
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command an option for each field of `Reading`, in place of a parameter."""
    options = [
        inspect.Parameter(
            name,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            default=None,
            annotation=Annotated[kind | None, _guessed(option)],
        )
        for name, (kind, option) in OPTIONS.items()
    ]
    return options_for(parameter, options, _reading)


def options_said(reading: Reading) -> list[str]:
    """Return the options that say again what was said of a file."""
    found = []
    for name, (kind, _) in OPTIONS.items():
        said = getattr(reading, name)
        option = name.replace("_", "-")
        if kind is bool:
            found += [] if said is None else [f"--{option}" if said else f"--no-{option}"]
            continue
        for one in said if kind == list[str] else [said]:
            found += [] if one is None else [f"--{option}", str(one)]
    return found


def _guessed(option: Any) -> Any:
    option.show_default = "guessed"
    return option


def _reading(given: Mapping[str, Any]) -> Reading:
    return Reading(**{**given, "not_rated": tuple(given["not_rated"] or ())})
