"""The command line: one small file per command, put together here."""

from __future__ import annotations

from typing import Annotated

import typer

import fedmf
from fedmf.cli.audit import audit
from fedmf.cli.bench import bench
from fedmf.cli.console import commands
from fedmf.cli.data import data
from fedmf.cli.doctor import doctor
from fedmf.cli.error import error
from fedmf.cli.evaluate import evaluate
from fedmf.cli.federation import federation
from fedmf.cli.join import join
from fedmf.cli.keys import keys
from fedmf.cli.recommend import recommend
from fedmf.cli.report import report
from fedmf.cli.reproduce import reproduce
from fedmf.cli.server import server
from fedmf.cli.train import train
from fedmf.cli.tune import tune

app = commands(
    "Train a recommender over ratings that never leave their owners.",
    *(
        data,
        train,
        tune,
        recommend,
        evaluate,
        audit,
        reproduce,
        report,
        bench,
        doctor,
        error,
        server,
        join,
    ),
    completion=True,
)
app.add_typer(keys, name="keys")
app.add_typer(federation, name="federation")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"fedmf {fedmf.__version__}")
        raise typer.Exit


@app.callback(
    epilog="Every error has a number, which is the exit status; fedmf error NUMBER says more."
)
def _root(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del show_version
