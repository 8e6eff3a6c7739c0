"""``fedmf evaluate``: a trained model against ratings that it has not seen."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Annotated

import typer
from rich.table import Table

from fedmf.cli.console import print_answer
from fedmf.cli.options import Json, TrainedFolder, TrainedRecency
from fedmf.cli.trained import ratings_of, trained_model_in
from fedmf.errors import DataError
from fedmf.evaluation import Interval, ModelEvaluation, evaluate_model
from fedmf.figures import BASELINES, MEASURES, interval_text, measure_text
from fedmf.ratings import load_ratings


def evaluate(
    run: TrainedFolder,
    ratings: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Ratings to measure with; default: those held out."),
    ] = None,
    recency: TrainedRecency = None,
    as_json: Json = False,
) -> None:
    """Measure a model on ratings it has not seen, with 95 % intervals over users."""
    model = trained_model_in(run)
    if recency is not None:
        model = model.with_recency(recency)
    training = None
    if ratings is not None:
        unseen = load_ratings(ratings)
    else:
        training, unseen = ratings_of(run)
        if len(unseen) == 0:
            raise DataError("the training held nothing out; name ratings with --ratings FILE")
    found = evaluate_model(model, unseen, training=training)
    if model.method.predicts_ratings and training is None:
        note = (
            "user and item bias and the global mean take the values of the training ratings, "
            "which a model does not hold; without --ratings they are measured as well"
        )
        found = replace(found, notes=(*found.notes, note))
    notes = [f"note: {note}" for note in found.notes]
    print_answer(_document(found), [_table(found), *notes], as_json=as_json)


def _table(found: ModelEvaluation) -> Table:
    table = Table(title=f"{found.ratings:,} ratings of {found.users:,} users", title_justify="left")
    table.add_column("measure")
    table.add_column("value (95 % interval over users)")
    for predictor in found.baselines:
        table.add_column(BASELINES[predictor], justify="right")
    for measure, name in MEASURES.items():
        interval = getattr(found, measure)
        if not math.isnan(interval.value):
            text = interval_text(interval.value, interval.low, interval.high)
            table.add_row(name, text, *_beside(found, measure))
    coverage = measure_text(found.coverage_at_10)
    table.add_row("coverage@10", coverage, *_beside(found, "coverage_at_10"))
    return table


def _beside(found: ModelEvaluation, measure: str) -> list[str]:
    values = [figures.get(measure) for figures in found.baselines.values()]
    return ["" if value is None else measure_text(value) for value in values]


def _document(found: ModelEvaluation) -> dict[str, object]:
    measures: dict[str, object] = {name: _interval_json(getattr(found, name)) for name in MEASURES}
    return {
        **measures,
        "coverage_at_10": found.coverage_at_10,
        "baselines": {name: dict(figures) for name, figures in found.baselines.items()},
        "users": found.users,
        "ratings": found.ratings,
        "notes": list(found.notes),
    }


def _interval_json(interval: Interval) -> dict[str, float | None]:
    figures = {"value": interval.value, "low": interval.low, "high": interval.high}
    return {name: None if math.isnan(figure) else figure for name, figure in figures.items()}
