"""``fedmf report``: a run directory as one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fedmf.cli.console import print_answer
from fedmf.cli.options import Json
from fedmf.report import write_report


def report(
    run: Annotated[Path, typer.Argument(metavar="DIR", help="Run directory of a training.")],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The page.", show_default="DIR/report.html")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write one HTML page on a run: errors, costs, who learns what, proof of the protection.

    The page needs no network and holds no ratings, ids or keys.
    """
    path = write_report(run, out)
    print_answer(
        {"report": str(path)},
        [f"{path} is the report; open it in a browser"],
        as_json=as_json,
    )
