"""Options and arguments that several commands take, each declared once."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]

# Ratings, and what was trained on them.
RatingsSource = Annotated[
    str,
    typer.Argument(
        metavar="RATINGS",
        help="movielens-small (bundled), a file (text, JSON, Parquet), a folder or a zip.",
    ),
]
FileOrder = Annotated[
    bool,
    typer.Option(
        "--file-order", help="Rows are in the order in which people rated; ignore timestamps."
    ),
]
Holdout = Annotated[float, typer.Option(help="Share of ratings kept back to measure.")]
TrainedFolder = Annotated[
    Path, typer.Argument(metavar="DIR", help="Run directory, or a silo's folder.")
]


def _recency(text: str) -> float:
    try:
        found = 0.0 if text == "off" else float(text)
    except ValueError:
        found = math.nan
    if not 0 <= found < math.inf:
        raise typer.BadParameter(f"{text!r} is neither a number from 0 on, such as 4, nor off")
    return found


# Of rankings.
RECENCY = typer.Option(
    parser=_recency,
    metavar="NUMBER|off",
    help="implicit, gram: how much more a user's latest items weigh in its own vector.",
    show_default="4 if the order is known and the split is not random",
)
TrainedRecency = Annotated[
    float | None,
    typer.Option(
        parser=_recency,
        metavar="NUMBER|off",
        help="implicit, gram: how much more a user's latest items weigh.",
        show_default="as trained",
    ),
]

# Federations.
ServerFolder = Annotated[Path, typer.Argument(metavar="FOLDER", help="The server's folder.")]
SiloFolder = Annotated[Path, typer.Argument(metavar="FOLDER", help="The silo's folder.")]

# Keys.
Name = Annotated[str, typer.Option(help="What the others call you.")]
NewFolder = Annotated[Path, typer.Option(metavar="DIR", help="Folder to make.")]
DirectoryFolder = Annotated[
    Path, typer.Argument(metavar="DIRECTORY", help="The key directory's folder.")
]
EnrolmentFolder = Annotated[
    Path, typer.Option(metavar="DIR", help="Your enrolment, made by accept.")
]
SealedFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Your sealed reader secret.", show_default="the key directory's"
    ),
]


def options_for(
    parameter: str, options: Sequence[inspect.Parameter], gather: Callable[[Mapping[str, Any]], Any]
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command some options in place of one of its parameters.

    Parameters
    ----------
    parameter
        The parameter's name.
    options
        What the command line takes instead.
    gather
        From the options' values by name to what the parameter gets.
    """

    def expand(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def expanded(**given: Any) -> None:
            chosen = {option.name: given.pop(option.name) for option in options}
            command(**{parameter: gather(chosen)}, **given)

        own = inspect.signature(command, eval_str=True).parameters.values()
        before = [one for one in own if one.name != parameter and one.default is one.empty]
        after = [one for one in own if one.default is not one.empty]
        # What typer reads.
        expanded.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [*before, *options, *after]
        )
        return expanded

    return expand
