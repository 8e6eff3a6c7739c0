"""``fedmf train``: from ratings to a model in a run directory, with forecast and comparison."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from fedmf.cli.console import INTERRUPTED, ends_with_error_number, output, print_json, progress
from fedmf.cli.train_report import Outcome, print_before, print_outcome, result_json
from fedmf.crypto.participants_key import ParticipantsKey
from fedmf.errors import OpenError, SettingsError, WorkerError
from fedmf.evaluation import evaluate_model
from fedmf.federation import (
    DataChoice,
    RoundRecord,
    RunDirectory,
    TrainingPlan,
    TrainingResult,
    TrainingSettings,
    forecast,
    make_plan,
    train_locally,
    trained_model,
)
from fedmf.federation.settings import (
    DEFAULT_ROUNDS_TEXT,
    DEFAULT_SLICES,
    default_rounds,
)
from fedmf.ratings import BUNDLED_NAMES, Ratings
from fedmf.recommender import available_cores

RUNS = Path("fedmf-runs")
# Options that say how to run and not what to train; the rest comes from the resumed run.
FREE_WITH_RESUME = {"resume", "workers", "quiet", "as_json"}


@ends_with_error_number
def train(
    context: typer.Context,
    source: Annotated[
        str,
        typer.Argument(
            metavar="RATINGS",
            help="movielens-small (bundled), a MovieLens folder or zip, a .csv or a .parquet file.",
        ),
    ] = "movielens-small",
    protection: Annotated[
        str, typer.Option(help="committee, rlwe, paillier or none.")
    ] = "committee",
    opened_by: Annotated[
        str, typer.Option("--open", help="committee: participants or server open the sums.")
    ] = "participants",
    committee: Annotated[int, typer.Option(help="Members of the committee.")] = 4,
    threshold: Annotated[int, typer.Option(help="Members that have to answer.")] = 3,
    upload: Annotated[
        str,
        typer.Option(
            help="full: all items. slices: a public slice of them in turn. part: rated items only; "
            "shows which they are."
        ),
    ] = "full",
    slices: Annotated[
        int | None, typer.Option(help="Upload slices: how many.", show_default=str(DEFAULT_SLICES))
    ] = None,
    download_bits: Annotated[
        int | None,
        typer.Option(
            help="Bits of a value in opened tables (none; --open server): 4 to 12, 6 is enough.",
            show_default="exact",
        ),
    ] = None,
    key_bits: Annotated[
        int, typer.Option(help="Paillier: 3072, 2048, or 1024 (weak; to reproduce the paper).")
    ] = 3072,
    method: Annotated[
        str, typer.Option(help="bayes: ratings. implicit: ranking. sgd: the paper's.")
    ] = "bayes",
    factors: Annotated[int, typer.Option(help="Length of user and item vectors.")] = 32,
    rounds: Annotated[
        int | None,
        typer.Option(
            help="Number of rounds.",
            show_default=DEFAULT_ROUNDS_TEXT,
        ),
    ] = None,
    cohort: Annotated[
        int | None, typer.Option(help="Participants in each round.", show_default="all")
    ] = None,
    silos: Annotated[
        int | None,
        typer.Option(help="Deal the users out to so many silos.", show_default="a user each"),
    ] = None,
    seed: Annotated[int, typer.Option(help="Public seed of start, cohorts and split.")] = 0,
    learning_rate: Annotated[
        float | None, typer.Option(help="sgd: step size.", show_default="from users and scale")
    ] = None,
    reg: Annotated[
        float | None, typer.Option(help="sgd: regularisation.", show_default="0.05")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(help="sgd: random, or constant as the authors'.", show_default="random"),
    ] = None,
    min_raters: Annotated[
        int, typer.Option(help="Rows of items with fewer raters stay out of the table.")
    ] = 3,
    users: Annotated[
        int | None, typer.Option(help="Take the first so many users.", show_default="all")
    ] = None,
    items: Annotated[
        int | None, typer.Option(help="Take the so many most rated items.", show_default="all")
    ] = None,
    holdout: Annotated[float, typer.Option(help="Share of ratings kept back to measure.")] = 0.2,
    split: Annotated[str, typer.Option(help="Held out: random, or each user's last.")] = "random",
    workers: Annotated[
        int | None, typer.Option(help="Processes.", show_default="cores", min=1)
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Run directory.", show_default="fedmf-runs/N")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Go on with the run in this directory.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print the run directory alone.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Train on ratings with every participant on this machine.

    Prints what will be done, what each adversary learns and what it will cost; then trains, and
    compares with an unprotected run and simple baselines. Ctrl-C leaves a run that --resume goes
    on with.
    """
    count = workers or available_cores()
    if resume is not None:
        _refuse_options_beside_resume(context)
        run = RunDirectory.find(resume)
        ratings, training, heldout = run.ratings()
        key = run.key()
        plan = run.plan(training, heldout)
    else:
        settings = TrainingSettings(
            protection=protection,
            upload=upload,
            slices=slices,
            download_bits=download_bits,
            committee=committee,
            threshold=threshold,
            opened_by=opened_by,
            key_bits=key_bits,
            method=method,
            factors=factors,
            rounds=rounds or default_rounds(upload, slices),
            cohort=cohort,
            silos=silos,
            seed=seed,
            learning_rate=learning_rate,
            reg=reg,
            start=start,
            min_raters=min_raters,
        )
        data = DataChoice(_located(source), users, items, holdout, split, seed)
        ratings, training, heldout = data.load()
        plan, key = make_plan(settings, training, measured=len(heldout) > 0)
        run = RunDirectory.create(out or _next_directory(), plan, data, (training, heldout), key)
    try:
        with run.locked():
            outcome = _carry_out(
                run, plan, key, (ratings, training, heldout), count, quiet, as_json
            )
            document = result_json(outcome)
            run.keep_result(document)
    except KeyboardInterrupt:
        progress().print(f"stopped; go on with: fedmf train --resume {escape(str(run.path))}")
        raise typer.Exit(INTERRUPTED) from None
    except (WorkerError, OSError):
        progress().print(
            f"the rounds so far are kept: fedmf train --resume {escape(str(run.path))}"
        )
        raise
    if as_json:
        print_json(document)
    elif quiet:
        output().print(escape(str(run.path)))
    else:
        print_outcome(output(), outcome)


def _carry_out(
    run: RunDirectory,
    plan: TrainingPlan,
    key: ParticipantsKey | None,
    data: tuple[Ratings, Ratings, Ratings],
    workers: int,
    quiet: bool,
    as_json: bool,
) -> Outcome:
    """Train with a forecast before and a progress bar during, and measure what came of it."""
    began = time.perf_counter()
    ratings, training, heldout = data
    if not quiet:
        predicted = forecast(plan, key, training, heldout, workers=workers)
        print_before(progress() if as_json else output(), ratings, training, plan, predicted)
    with _bar("training", plan, quiet=quiet) as after_round:
        result = train_locally(
            plan, key, training, heldout, workers=workers, run=run, after_round=after_round
        )
    model = trained_model(result, training)
    run.keep_model(model)
    unprotected = None
    if plan.settings.protection != "none":
        with _bar("the same without protection", plan, quiet=quiet) as after_round:
            unprotected = _unprotected_run(plan, training, heldout, workers, after_round)
        if unprotected.table_sha256 != result.table_sha256:
            raise OpenError(
                "the final table differs from the unprotected run's: a fault of fedmf or of this "
                f"machine, please report it ({result.table_sha256}, {unprotected.table_sha256})"
            )
    return Outcome(
        ratings=ratings,
        training=training,
        heldout=heldout,
        result=result,
        evaluation=evaluate_model(model, heldout) if len(heldout) else None,
        unprotected=unprotected,
        seconds=time.perf_counter() - began,
        run=run.path,
    )


def _unprotected_run(
    plan: TrainingPlan,
    training: Ratings,
    heldout: Ratings,
    workers: int,
    after_round: Callable[[RoundRecord], None] | None,
) -> TrainingResult:
    """Train once more without protection, to hold the result against."""
    settings = replace(plan.settings, protection="none")
    open_plan = TrainingPlan.make(settings, training, public_key=None, measured=len(heldout) > 0)
    return train_locally(
        open_plan, None, training, heldout, workers=workers, after_round=after_round
    )


@contextmanager
def _bar(
    what: str, plan: TrainingPlan, *, quiet: bool
) -> Iterator[Callable[[RoundRecord], None] | None]:
    """Show round, held-out RMSE and time left on standard error; yield what to call each round."""
    if quiet:
        yield None
        return
    with Progress(
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("rounds"),
        TextColumn("{task.fields[error]}"),
        TimeRemainingColumn(),
        console=progress(),
    ) as bar:
        task = bar.add_task("training", total=plan.settings.rounds, error="")

        def after_round(record: RoundRecord) -> None:
            figures = (("RMSE", record.rmse), ("NDCG@10", record.ndcg_at_10))
            error = ", ".join(f"{name} {v:.4f}" for name, v in figures if not math.isnan(v))
            bar.update(task, completed=record.round, error=error)

        yield after_round


def _refuse_options_beside_resume(context: typer.Context) -> None:
    given = [
        "RATINGS" if name == "source" else "--" + name.replace("_", "-")
        for name in context.params
        if name not in FREE_WITH_RESUME
        and getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"
    ]
    if given:
        raise SettingsError(
            f"--resume takes everything from the run; leave out {', '.join(sorted(given))}"
        )


def _located(source: str) -> str:
    """Return the source so that a resumed run finds it from any folder."""
    if source in BUNDLED_NAMES or not Path(source).exists():
        return source
    return str(Path(source).resolve())


def _next_directory() -> Path:
    """Reserve the next number, also when several trainings start at once."""
    while True:
        taken = [int(path.name) for path in RUNS.glob("*") if path.name.isdigit()]
        path = RUNS / f"{max(taken, default=0) + 1:03d}"
        with contextlib.suppress(FileExistsError):
            path.mkdir(parents=True)
            return path
