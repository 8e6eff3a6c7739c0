"""What ``fedmf train`` prints before and after, and its JSON document."""

from __future__ import annotations

import math
import shlex
import textwrap
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from fedmf.benchmarking.machine import this_machine
from fedmf.evaluation import Interval, ModelEvaluation
from fedmf.federation import Forecast, TrainingPlan, TrainingResult, TrainingSettings
from fedmf.figures import BASELINES, MEASURES, NEAR, bytes_text, measure_text, seconds_text
from fedmf.protocol import protection_named
from fedmf.protocol.threat_model import Threat
from fedmf.ratings import Ratings

PACKAGES = ("fedmf", "numpy", "cryptography", "gmpy2", "pyarrow")
"""Whose versions a result names."""


@dataclass(frozen=True, eq=False, slots=True)
class FinishedTraining:
    """A finished training and everything that it is held against."""

    ratings: Ratings
    training: Ratings
    heldout: Ratings
    """All chosen ratings and the two parts."""
    result: TrainingResult
    """The protected run."""
    evaluation: ModelEvaluation | None
    """Of its model, and of baselines, on the held-out ratings; None if nothing was held out."""
    unprotected: TrainingResult | None
    """The same run with protection none; None if that is what `result` is."""
    seconds: float
    """Wall time of the whole command."""
    run: Path
    """The run directory."""


def lines_before(
    ratings: Ratings, training: Ratings, plan: TrainingPlan, predicted: Forecast
) -> Iterator[RenderableType]:
    """Return data set, settings, threat model and forecast."""
    settings = plan.settings
    yield Text.from_markup(
        f"[bold]{escape(ratings.name)}[/]: {ratings.n_users:,} users, {ratings.n_items:,} items, "
        f"{len(ratings):,} ratings from {ratings.scale} ({ratings.density:.2%} of all pairs), "
        f"{len(ratings) - len(training):,} of them held out"
    )
    yield from understood_lines(ratings, plan.method.predicts_ratings)
    for note in ratings.notes:
        yield from textwrap.wrap(f"note: {note}", 80, initial_indent="  ", subsequent_indent="    ")
    group = plan.session.shape.groups[0]
    key = f", {settings.key_bits}-bit key" if plan.session.public_key else ""
    cohort = plan.cohort(plan.session.rounds)
    yield Text.from_markup(
        f"[bold]{settings.method}[/] with {settings.factors} factors over {settings.rounds} rounds "
        f"of {len(cohort):,} participants; protection [bold]{settings.protection}[/]{key}, "
        f"upload {_upload(settings)}, words of {group.word_bits} bits"
    )
    if plan.counts_raters:
        yield _few_raters(settings.min_raters, training)
    if (terms := plan.session.committee) is not None:
        lot = f"{terms.smallest_lot} uploads"
        waiting = "participants that join, come back late, renew or leave wait for a lot"
        if terms.lone_lots:
            lot = "1 upload"
            waiting = "a silo that joins, comes back late, renews or leaves is alone"
        yield (
            f"smallest lot: {lot}, in sets of {terms.smallest_cohort} or more, against "
            f"{terms.corrupt} participants who work with the server; {waiting}"
        )
    yield "who learns what (all follow the protocol, unless a line says otherwise):"
    yield from (f"  {threat.adversary}: {threat.learns}" for threat in _threats(plan))
    if settings.sums_show is not None:
        yield f"  anyone who opens the sum of method {settings.method}: {settings.sums_show}"
    yield (
        f"forecast: {seconds_text(predicted.participant_seconds)}, "
        f"{bytes_text(predicted.upload_bytes)} up and {bytes_text(predicted.download_bytes)} down "
        "per participant and round; "
        f"about {seconds_text(predicted.total_seconds)} in all on this machine"
    )


def _few_raters(least: int, training: Ratings) -> str:
    raters = np.bincount(training.items, minlength=training.n_items)
    few = int((raters < least).sum())
    counted = "a set-up round counts the raters first"
    if few == 0:
        return f"every item has at least {least} raters; {counted}"
    return (
        f"{few:,} of {training.n_items:,} items have fewer than {least} raters: their rows never "
        f"leave a participant, and nothing is learned about them; {counted}"
    )


def understood_lines(ratings: Ratings, rates: bool) -> Iterator[str]:
    """Return in a few lines how a file was read."""
    found = {guess.what: guess for guess in ratings.guesses}
    if not found:
        return
    written = [
        found[what].found if what in ("separator", "encoding") else f"{what} {found[what].found}"
        for what in ("separator", "encoding", "header", "layout", "decimal mark", "not rated")
        if what in found and found[what].found not in ("long", "no value")
    ]
    columns = [
        f"{what} {found[what].found}"
        for what in ("user", "item", "rating", "timestamp")
        if what in found
    ]
    if not ratings.interactions:
        feedback = f"explicit: ratings on a scale from {ratings.scale}"
    elif rates:
        feedback = f"note: --method implicit fits better: {found['feedback'].why}"
    else:
        feedback = f"implicit, which method implicit is for: {found['feedback'].why}"
    for line in (
        f"read as {', '.join(written)} (fedmf data says why)",
        f"columns: {', '.join(columns)}",
        feedback,
    ):
        yield from textwrap.wrap(line, 80, initial_indent="  ", subsequent_indent="    ")


def _upload(settings: TrainingSettings) -> str:
    if settings.upload == "slices":
        return f"slices (a round carries one of {settings.slice_count})"
    return settings.upload


def _threats(plan: TrainingPlan) -> tuple[Threat, ...]:
    settings = plan.settings
    rounds = range(1, plan.session.rounds + 1)
    smallest = min(len(plan.cohort(number)) for number in rounds)
    protection = protection_named(settings.protection)
    return protection.threats(plan.session, settings.key_bits, smallest)


def outcome_lines(outcome: FinishedTraining) -> Iterator[RenderableType]:
    """Return errors beside their comparisons, costs, and what to try next."""
    if outcome.evaluation is not None:
        yield _accuracy(outcome, outcome.evaluation)
        yield from _ranking_hint(outcome.result.plan, outcome.evaluation)
        yield from judgements(outcome.evaluation, outcome.result.plan.method.name)
    rounds = len(outcome.result.rounds)
    if rounds < outcome.result.plan.settings.rounds:
        yield f"the training converged: nothing has moved since round {rounds}"
    last = outcome.result.rounds[-1]
    if last.frozen or last.waiting:
        yield (
            f"at the end {last.frozen:,} participants were frozen, because they were away for too "
            f"long, and the uploads of {last.waiting:,} waited for a lot"
        )
    yield _costs(outcome)
    if outcome.unprotected is not None:
        yield (
            "final integer table equals the unprotected run's bit for bit: "
            f"{outcome.result.table_sha256[:16]}..."
        )
    run = shlex.quote(str(outcome.run))
    user = shlex.quote(str(outcome.training.user_ids[0]))
    yield Text.from_markup(
        f"[bold]{escape(str(outcome.run))}[/] holds the run "
        f"({seconds_text(outcome.seconds)}); next:"
    )
    yield f"  fedmf recommend {run} --user {user}"
    yield f"  fedmf evaluate {run}"
    yield f"  fedmf report {run}"
    yield "  fedmf train YOUR_RATINGS.csv"


def judgements(found: ModelEvaluation, method: str) -> Iterator[str]:
    """Return sentences on whether predictions are worth having, and as sure as they say."""
    less = found.knows_less_than
    if less is not None:
        figures = measure_text(found.rmse.value), measure_text(found.baselines[less]["rmse"])
        remedy = "method bayes" if method != "bayes" else "method implicit, if these are counts,"
        yield (
            f"the model knows less than {BASELINES[less]}: RMSE {figures[0]} beside {figures[1]}. "
            f"Method {method} cannot learn these ratings with these settings; try {remedy} or take "
            f"{BASELINES[less]} instead"
        )
    if found.held is not None:
        yield f"intervals of 90 % held {found.held:.1%} of the ratings" + (
            "" if abs(found.held - 0.9) <= NEAR else ": take them for that"
        )


def result_json(outcome: FinishedTraining) -> dict[str, object]:
    """Return the figures of a training as JSON values; the keys are a contract."""
    found = outcome.evaluation
    final = None
    if found is not None:
        values = {name: getattr(found, name).value for name in MEASURES}
        final = {name: None if math.isnan(value) else value for name, value in values.items()}
    unprotected = None
    if outcome.unprotected is not None:
        last = outcome.unprotected.rounds[-1].as_json()
        unprotected = {
            "rmse": last["rmse"],
            "mae": last["mae"],
            "ndcg_at_10": last["ndcg_at_10"],
            "rounds": [record.as_json() for record in outcome.unprotected.rounds],
            "table_sha256": outcome.unprotected.table_sha256,
        }
    return {
        "dataset": {
            "name": outcome.ratings.name,
            "users": outcome.ratings.n_users,
            "items": outcome.ratings.n_items,
            "ratings": len(outcome.ratings),
            "held_out": len(outcome.heldout),
            "scale": str(outcome.ratings.scale),
            "given": given_text(outcome.ratings).removeprefix(", given "),
        },
        "settings": outcome.result.plan.settings.as_json(),
        "protection": outcome.result.plan.settings.protection,
        "method": outcome.result.plan.settings.method,
        "setup": None if outcome.result.setup is None else outcome.result.setup.cost_as_json(),
        "rounds": [record.as_json() for record in outcome.result.rounds],
        "final": final,
        "unprotected": unprotected,
        "intervals": None if found is None else _intervals(found),
        "intervals_held": None if found is None else found.held,
        "knows_less_than": None if found is None else found.knows_less_than,
        "baselines": _baselines(found, "rmse"),
        "baselines_mae": _baselines(found, "mae"),
        "baselines_ndcg_at_10": _baselines(found, "ndcg_at_10"),
        "table_sha256": outcome.result.table_sha256,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": outcome.seconds,
        "run_dir": str(outcome.run),
        "machine": asdict(this_machine(PACKAGES)),
    }


def given_text(ratings: Ratings) -> str:
    """Return from when to when ratings were given, to follow what they are; may be empty."""
    if ratings.timestamps is None or len(ratings) == 0:
        return ""
    try:
        first, last = (
            datetime.fromtimestamp(int(one), UTC).date()
            for one in (ratings.timestamps.min(), ratings.timestamps.max())
        )
    except (ValueError, OverflowError, OSError):
        # Any numbers may stand for an order in time; these are no dates of the calendar.
        return ""
    return f", given {first} to {last}"


def interval_json(interval: Interval) -> dict[str, float | None]:
    """Return a figure and the ends of its interval as JSON values."""
    figures = {"value": interval.value, "low": interval.low, "high": interval.high}
    return {name: None if math.isnan(figure) else figure for name, figure in figures.items()}


def _intervals(found: ModelEvaluation) -> dict[str, dict[str, dict[str, float | None]]]:
    """Return the figures of the model and the baselines with their intervals."""
    everybody = {"model": found.intervals, **found.baseline_intervals}
    return {
        name: {measure: interval_json(one) for measure, one in figures.items()}
        for name, figures in everybody.items()
    }


def _baselines(found: ModelEvaluation | None, measure: str) -> dict[str, float] | None:
    """Return a measure of the baselines that have it; None if nothing was held out."""
    if found is None:
        return None
    return {name: one[measure] for name, one in found.baselines.items() if measure in one}


def _accuracy(outcome: FinishedTraining, found: ModelEvaluation) -> Table:
    rates = outcome.result.plan.method.predicts_ratings
    measure = "rmse" if rates else "ndcg_at_10"
    table = Table(title=f"On {found.ratings:,} held-out ratings", title_justify="left")
    table.add_column("predictor")
    table.add_column(MEASURES[measure], justify="right")
    own = measure_text(getattr(found, measure).value)
    table.add_row(f"this model ({outcome.result.plan.settings.protection})", f"[bold]{own}[/]")
    if outcome.unprotected is not None:
        last = getattr(outcome.unprotected.rounds[-1], measure)
        table.add_row("the same, unprotected", measure_text(last))
    compared = _baselines(found, measure) or {}
    for name in BASELINES:
        if name in compared:
            table.add_row(f"{BASELINES[name]}, pooled data", measure_text(compared[name]))
    return table


def _ranking_hint(plan: TrainingPlan, found: ModelEvaluation) -> Iterator[str]:
    if plan.method.predicts_ratings and found.ranks_below_popularity:
        own, popular = found.ndcg_at_10.value, found.baselines["popularity"]["ndcg_at_10"]
        yield (
            f"as a ranking (NDCG@10 {measure_text(own)}) this model is worse than the most rated "
            f"items first ({measure_text(popular)}): it predicts ratings, and --method implicit "
            "ranks"
        )


def _costs(outcome: FinishedTraining) -> Table:
    table = Table(title="Median round", title_justify="left")
    for name in ("protection", "participant", "upload", "download", "server"):
        table.add_column(name, justify="left" if name == "protection" else "right")
    for result in (outcome.result, outcome.unprotected):
        if result is None:
            continue
        middle = sorted(result.rounds, key=lambda record: record.seconds)[len(result.rounds) // 2]
        table.add_row(
            result.plan.settings.protection,
            seconds_text(middle.participant_seconds_median),
            bytes_text(middle.upload_bytes_median),
            bytes_text(middle.download_bytes_median),
            seconds_text(middle.server_seconds),
        )
    return table
