"""``fedmf evaluate``: a trained model against ratings that it has not seen."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.table import Table

from fedmf.cli.console import print_answer
from fedmf.cli.options import Json, TrainedFolder, TrainedRecency
from fedmf.cli.reading_options import takes_reading
from fedmf.cli.train_report import given_text, interval_json, judgements
from fedmf.cli.trained import of_model, ratings_of, trained_model_in
from fedmf.errors import DataError
from fedmf.evaluation import Interval, ModelEvaluation, evaluate_model
from fedmf.evaluation.model_evaluation import text_of
from fedmf.figures import BASELINES, MEASURES, measure_text
from fedmf.model import FactorModel
from fedmf.ratings import Ratings, Reading, read_ratings


@takes_reading()
def evaluate(
    run: TrainedFolder,
    reading: Reading,
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
        unseen = read_ratings(
            ratings, of_model(reading, model), interactions=not model.method.predicts_ratings
        )
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
    print_answer(_document(found), _lines(model, unseen, found), as_json=as_json)


def _lines(model: FactorModel, unseen: Ratings, found: ModelEvaluation) -> Iterator[RenderableType]:
    about = f"{found.ratings:,} ratings from {unseen.scale}, of {found.users:,} users"
    yield f"{about}{given_text(unseen)}; intervals of 95 % over users"
    own = ("this model", found.intervals)
    others = [(BASELINES[name], one) for name, one in found.baseline_intervals.items()]
    if not math.isnan(found.rmse.value):
        yield _errors([own, *others])
    yield _rankings(found)
    if model.method.predicts_ratings and found.ranks_below_popularity:
        yield (
            "This model ranks worse than the same list for everybody. It was trained to predict "
            "ratings; for rankings, train with --method implicit."
        )
    yield from judgements(found, model.method.name)
    yield from (f"note: {note}" for note in found.notes)


def _errors(predictors: Sequence[tuple[str, Mapping[str, Interval]]]) -> Table:
    table = Table(title="Errors of predicted ratings", title_justify="left")
    table.add_column("predictor")
    for measure in ("rmse", "mae"):
        table.add_column(MEASURES[measure], justify="right")
    for name, figures in predictors:
        if "rmse" in figures:
            table.add_row(name, text_of(figures["rmse"]), text_of(figures["mae"]))
    return table


def _rankings(found: ModelEvaluation) -> Table:
    table = Table(title="Rankings of items not rated in training", title_justify="left")
    table.add_column("measure")
    for name in ("this model", BASELINES["popularity"]):
        table.add_column(name, justify="right")
    popular = found.baseline_intervals["popularity"]
    for measure, own in found.intervals.items():
        if measure in popular:
            table.add_row(MEASURES[measure], text_of(own), text_of(popular[measure]))
    beside = found.baselines["popularity"]["coverage_at_10"]
    table.add_row("coverage@10", measure_text(found.coverage_at_10), measure_text(beside))
    return table


def _document(found: ModelEvaluation) -> dict[str, object]:
    measures: dict[str, object] = {name: interval_json(getattr(found, name)) for name in MEASURES}
    return {
        **measures,
        "coverage_at_10": found.coverage_at_10,
        "intervals_held": found.held,
        "knows_less_than": found.knows_less_than,
        "baselines": {name: dict(figures) for name, figures in found.baselines.items()},
        "baseline_intervals": {
            name: {measure: interval_json(one) for measure, one in figures.items()}
            for name, figures in found.baseline_intervals.items()
        },
        "users": found.users,
        "ratings": found.ratings,
        "notes": list(found.notes),
    }
