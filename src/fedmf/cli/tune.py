"""``fedmf tune``: a small search over settings that never sees the test ratings."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.console import RenderableType
from rich.table import Table

from fedmf.cli.console import print_answer, say
from fedmf.cli.options import Holdout, Json, RatingsSource
from fedmf.cli.reading_options import options_said, takes_reading
from fedmf.cli.train_report import interval_json
from fedmf.figures import MEASURES, measure_text, seconds_text
from fedmf.model import METHODS
from fedmf.ratings import Reading, read_ratings
from fedmf.tuning import Tuning, Validation, read_choice
from fedmf.tuning import tune as search

OPTION_OF = {"opened_by": "open"}


@takes_reading()
def tune(
    reading: Reading,
    source: RatingsSource = "movielens-small",
    choices: Annotated[
        list[str] | None,
        typer.Option("--try", metavar="NAME=A,B,...", help="Values of a setting; may repeat."),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(help="Measure that decides.", show_default="rmse; of rankings ndcg_at_10"),
    ] = None,
    draws: Annotated[
        int | None,
        typer.Option(help="Try this many combinations, drawn at random.", show_default="all"),
    ] = None,
    folds: Annotated[int, typer.Option(help="Folds of each combination.")] = 3,
    holdout: Holdout = 0.2,
    users: Annotated[
        int | None, typer.Option(help="Number of users to take: the first ones.")
    ] = None,
    items: Annotated[
        int | None, typer.Option(help="Number of items to take: the most rated ones.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of split, folds and draws.")] = 0,
    silos: Annotated[int, typer.Option(help="Divide the users among this many silos.")] = 3,
    workers: Annotated[
        int | None, typer.Option(help="Processes.", show_default="cores", min=1)
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
    as_json: Json = False,
) -> None:
    """Try settings in cross-validation, and measure the best once on test ratings.

    Example: fedmf tune ratings.csv --try factors=8,16,32 --try rounds=6,12. Trains without
    protection, which changes no figure, and so needs all ratings in one place.
    """
    chosen = dict(map(read_choice, choices or ["factors=8,16,32"]))
    fixed: dict[str, Any] = {} if "silos" in chosen else {"silos": silos}
    ranks = any(
        not METHODS[one].predicts_ratings for one in chosen.get("method", ()) if one in METHODS
    )
    ratings = read_ratings(source, reading, interactions=ranks).take(users, items)
    if ratings.interactions and "method" not in chosen:
        fixed["method"] = "implicit"  # as `fedmf train` does
        if not quiet:
            say(
                "these are interactions, which method implicit is for: --try method=... says others"
            )

    def after_trial(one: Validation) -> None:
        if not quiet:
            say(f"{_settings(one.chosen)}: {seconds_text(one.seconds)}")

    found = search(
        ratings, chosen, by=by, draws=draws, folds=folds, holdout=holdout, seed=seed,
        workers=workers, after_trial=after_trial, **fixed,
    )  # fmt: skip
    said = [shlex.quote(source), *map(shlex.quote, options_said(reading))]
    taken = {"users": users, "items": items}
    print_answer(_document(found), _lines(found, " ".join(said), taken), as_json=as_json)


def _settings(chosen: Any) -> str:
    return ", ".join(f"{name} {value}" for name, value in chosen.items())


def _lines(found: Tuning, source: str, taken: dict[str, int | None]) -> Iterator[RenderableType]:
    table = Table(title=f"Over {len(found.best.folds)} folds, best first", title_justify="left")
    table.add_column("settings")
    for name in (MEASURES[found.by], "spread", "time"):
        table.add_column(name, justify="right")
    for one in found.trials:
        table.add_row(
            _settings(one.chosen),
            measure_text(one.mean(found.by)),
            measure_text(one.spread(found.by)),
            seconds_text(one.seconds),
        )
    yield table
    test = getattr(found.test, found.by)
    yield (
        f"{MEASURES[found.by]} of the best on {found.test.ratings:,} test ratings, which the "
        f"search never saw: {measure_text(test.value)} ({measure_text(test.low)} to "
        f"{measure_text(test.high)} with 95 %). Train it with:"
    )
    options = " ".join(
        f"--{OPTION_OF.get(name, name).replace('_', '-')} {value}"
        for name, value in {**taken, **found.best.chosen}.items()
        if value is not None
    )
    yield f"  fedmf train {source} {options}"


def _document(found: Tuning) -> dict[str, object]:
    return {
        "by": found.by,
        "trials": [
            {
                "settings": dict(one.chosen),
                "mean": one.mean(found.by),
                "spread": one.spread(found.by),
                "folds": [getattr(fold, found.by).value for fold in one.folds],
                "seconds": one.seconds,
            }
            for one in found.trials
        ],
        "best": dict(found.best.chosen),
        "test": {
            name: interval_json(one)
            for name, one in found.test.intervals.items()
            if not math.isnan(one.value)
        },
    }
