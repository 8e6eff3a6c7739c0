"""Options and arguments that several commands take, each declared once."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]

# Ratings, and what was trained on them.
RatingsSource = Annotated[
    str,
    typer.Argument(
        metavar="RATINGS",
        help="movielens-small (bundled), a MovieLens folder or zip, a .csv or a .parquet file.",
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
