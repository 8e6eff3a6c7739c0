"""``fedmf reproduce``: the paper's evaluation, ours beside the published figures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import RenderableType

from fedmf.benchmarking.machine import this_machine
from fedmf.cli.console import print_answer, progress, say
from fedmf.cli.options import Json
from fedmf.figures import seconds_text
from fedmf.reproduce.experiment import FULL, QUICK, Experiment, Reproduction
from fedmf.reproduce.report import notes, reproduction_json, tables
from fedmf.reproduce.setting import AUTHORS_DATA, find_source


def reproduce(
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help=f"Folder or zip of {AUTHORS_DATA}, the authors' ratings.",
            show_default="looks in ., data and home; else the bundled ratings",
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer sizes, smaller slices, one training.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Run the paper's evaluation and say which published figures come back, or are beaten."""
    source, extent = find_source(data), QUICK if quick else FULL
    console = progress()
    say(
        f"ratings: {source.ratings.name}; this takes about "
        f"{seconds_text(extent.foretold_seconds())} on this machine as busy as it is now"
        + ("" if quick else "; --quick is shorter")
    )
    with console.status("making keys") as status:
        # Where nobody sees a status move, a line for each step tells that it does.
        told = status.update if console.is_terminal else console.print
        found = Experiment(source, extent, told=told).run()
    document = reproduction_json(found, source=source, extent=extent, quick=quick)
    print_answer(document, _lines(found), as_json=as_json)


def _lines(found: Reproduction) -> Iterator[RenderableType]:
    yield from tables(found)
    yield from notes()
    yield from (f"left out: {missing.name} ({missing.reason})" for missing in found.left_out)
    yield f"machine: {this_machine()}; {seconds_text(found.seconds)}"
