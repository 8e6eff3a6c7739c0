"""``fedmf report``: a run directory as one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from fedmf.cli.console import ends_with_error_number, output, print_json
from fedmf.report import write_report


@ends_with_error_number
def report(
    run: Annotated[Path, typer.Argument(metavar="DIR", help="Run directory of a training.")],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The page.", show_default="DIR/report.html")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Write one HTML page on a run: errors, costs, who learns what, proof of the protection.

    The page needs no network and holds no ratings, ids or keys.
    """
    path = write_report(run, out)
    if as_json:
        print_json({"report": str(path)})
    else:
        output().print(f"{escape(str(path))} is the report; open it in a browser")
