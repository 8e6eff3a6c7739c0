"""``fedmf train``: from ratings to a model in a run directory, with forecast and comparison."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from fedmf.cli.console import GoingOn, output, print_answer, print_lines, progress, resumable, say
from fedmf.cli.options import FileOrder, Holdout, Json, RatingsSource
from fedmf.cli.reading_options import takes_reading
from fedmf.cli.settings_options import ChosenSettings, takes_settings
from fedmf.cli.train_report import FinishedTraining, lines_before, outcome_lines, result_json
from fedmf.crypto.participants_key import ParticipantsKey
from fedmf.errors import OpenError, SettingsError, WorkerError
from fedmf.evaluation import evaluate_model
from fedmf.federation import (
    DataChoice,
    RunDirectory,
    TrainingPlan,
    TrainingResult,
    forecast,
    make_plan,
    train_locally,
    trained_model,
)
from fedmf.interrupts import HeldInterrupts
from fedmf.model import METHODS
from fedmf.progress import AfterRound, round_bar
from fedmf.protocol import protection_named
from fedmf.ratings import BUNDLED_NAMES, Ratings, Reading
from fedmf.workers import usable_workers

RUNS = Path("fedmf-runs")
# Options that say how to run and not what to train; the rest comes from the resumed run.
FREE_WITH_RESUME = {"resume", "workers", "quiet", "as_json"}


@takes_reading()
@takes_settings()
def train(
    context: typer.Context,
    settings: ChosenSettings,
    reading: Reading,
    source: RatingsSource = "movielens-small",
    users: Annotated[
        int | None,
        typer.Option(help="Number of users to take: the first ones.", show_default="all"),
    ] = None,
    items: Annotated[
        int | None,
        typer.Option(help="Number of items to take: the most rated ones.", show_default="all"),
    ] = None,
    holdout: Holdout = 0.2,
    split: Annotated[str, typer.Option(help="Held out: random, or each user's last.")] = "random",
    file_order: FileOrder = False,
    workers: Annotated[
        int | None, typer.Option(help="Processes.", show_default="cores", min=1)
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Run directory.", show_default="fedmf-runs/N")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Go on with the run in this directory.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only the run directory.")] = False,
    as_json: Json = False,
) -> None:
    """Train on ratings with every participant on this machine.

    Prints what will be done, what each adversary learns and what it will cost; then trains, and
    compares with an unprotected run and simple baselines. Ctrl-C leaves a run that --resume goes
    on with.
    """
    with resumable() as going_on:
        if resume is not None:
            _refuse_options_beside_resume(context)
            started = _Started.again(resume, going_on)
        else:
            data = DataChoice(
                _located(source),
                reading,
                interactions=not METHODS[settings.checked().method].predicts_ratings,
                users=users,
                items=items,
                holdout=holdout,
                split=split,
                seed=settings.checked().seed,
                file_order=file_order,
            )
            started = _Started.anew(settings, data, out, going_on)
        with started.run.locked():
            try:
                outcome = _carry_out(started, _usable(workers), quiet=quiet, as_json=as_json)
                document = result_json(outcome)
                started.run.keep_result(document)
            except (WorkerError, OSError):
                say(f"the rounds so far are kept; go on with:\n  {going_on.command}")
                raise
        lines = [str(outcome.run)] if quiet else outcome_lines(outcome)
        print_answer(document, lines, as_json=as_json)


@dataclass(frozen=True, eq=False, slots=True)
class _Started:
    """A training whose run directory is there."""

    run: RunDirectory
    plan: TrainingPlan
    key: ParticipantsKey | None
    ratings: Ratings
    training: Ratings
    heldout: Ratings

    @classmethod
    def anew(
        cls, chosen: ChosenSettings, data: DataChoice, out: Path | None, going_on: GoingOn
    ) -> _Started:
        ratings, training, heldout = data.load()
        fits = "implicit" if ratings.interactions else "bayes"
        settings = chosen.checked() if chosen.says("method") else chosen.checked(method=fits)
        plan, key = make_plan(settings, training, measured=len(heldout) > 0)
        with HeldInterrupts():
            parts = (training, heldout)
            run = RunDirectory.create(out or _next_directory(), plan, data, parts, key)
            going_on.command = _resuming(run)
        return cls(run, plan, key, ratings, training, heldout)

    @classmethod
    def again(cls, folder: Path, going_on: GoingOn) -> _Started:
        run = RunDirectory.find(folder)
        going_on.command = _resuming(run)
        ratings, training, heldout = run.described.ratings()
        plan = run.described.plan(training, heldout)
        return cls(run, plan, run.key(), ratings, training, heldout)


def _resuming(run: RunDirectory) -> str:
    return f"fedmf train --resume {run.path}"


def _carry_out(started: _Started, workers: int, *, quiet: bool, as_json: bool) -> FinishedTraining:
    """Train with a forecast before and a progress bar during, and measure what came of it."""
    began = time.perf_counter()
    plan, key = started.plan, started.key
    training, heldout = started.training, started.heldout
    if not quiet:
        predicted = forecast(plan, key, training, heldout, workers=workers)
        print_lines(
            progress() if as_json else output(),
            lines_before(started.ratings, training, plan, predicted),
        )
    with _bar("training", plan, quiet=quiet) as after_round:
        result = train_locally(
            plan, key, training, heldout, workers=workers, run=started.run, after_round=after_round
        )
    model = trained_model(result, training, heldout)
    started.run.keep_model(model)
    unprotected = None
    if protection_named(plan.settings.protection).protects:
        with _bar("the same without protection", plan, quiet=quiet) as after_round:
            # A committee ends a converged training early.
            played = len(result.rounds)
            unprotected = _unprotected_run(plan, training, heldout, workers, after_round, played)
        if unprotected.table_sha256 != result.table_sha256:
            raise OpenError(
                "the final table differs from the unprotected run's: a fault of fedmf or of this "
                f"machine, please report it ({result.table_sha256}, {unprotected.table_sha256})"
            )
    return FinishedTraining(
        ratings=started.ratings,
        training=training,
        heldout=heldout,
        result=result,
        evaluation=evaluate_model(model, heldout, training=training) if len(heldout) else None,
        unprotected=unprotected,
        seconds=time.perf_counter() - began,
        run=started.run.path,
    )


def _unprotected_run(
    plan: TrainingPlan,
    training: Ratings,
    heldout: Ratings,
    workers: int,
    after_round: AfterRound | None,
    rounds: int,
) -> TrainingResult:
    """Train once more for so many rounds without protection, to hold the result against."""
    settings = replace(plan.settings, protection="none")
    open_plan = TrainingPlan.make(settings, training, public_key=None, measured=len(heldout) > 0)
    return train_locally(
        open_plan,
        None,
        training,
        heldout,
        workers=workers,
        after_round=after_round,
        until=rounds,
    )


def _bar(
    what: str, plan: TrainingPlan, *, quiet: bool
) -> contextlib.AbstractContextManager[AfterRound | None]:
    """Show a bar on standard error; yield what to call each round."""
    if quiet:
        return contextlib.nullcontext()
    return round_bar(what, plan.settings.rounds, progress())


def _usable(workers: int | None) -> int:
    usable = usable_workers(workers)
    if workers is not None and workers > usable:
        say(f"note: {workers} workers were asked for; {usable} run, one for each core")
    return usable


def _refuse_options_beside_resume(context: typer.Context) -> None:
    given = [
        "RATINGS" if one.param_type_name == "argument" else one.opts[0]
        for one in context.command.params
        if one.name not in FREE_WITH_RESUME
        and getattr(context.get_parameter_source(str(one.name)), "name", "") == "COMMANDLINE"
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
