"""``fedmf evaluate``: a trained model against ratings that it has not seen."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from fedmf.cli.console import ends_with_error_number, output, print_json
from fedmf.cli.figures import interval_text
from fedmf.cli.trained import ratings_of, trained_model_in
from fedmf.errors import DataError
from fedmf.evaluation import Interval, ModelEvaluation, evaluate_model
from fedmf.ratings import load_ratings

MEASURES = (
    "rmse",
    "mae",
    "ndcg_at_10",
    "recall_at_10",
    "mrr_at_10",
    "hr_at_10",
    "novelty_at_10",
)
NAMES = ("RMSE", "MAE", "NDCG@10", "Recall@10", "MRR@10", "HR@10", "novelty@10 (bits)")
PREDICTORS = {
    "popularity": "most rated first",
    "bias": "user and item bias",
    "global_mean": "global mean",
}


@ends_with_error_number
def evaluate(
    run: Annotated[Path, typer.Argument(metavar="DIR", help="Run directory, or a silo's folder.")],
    ratings: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Ratings to measure with; default: those held out."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Measure a model on ratings it has not seen, with 95 % intervals over users."""
    model = trained_model_in(run)
    training = None
    if ratings is not None:
        unseen = load_ratings(ratings)
    else:
        training, unseen = ratings_of(run)
        if len(unseen) == 0:
            raise DataError("the training held nothing out; name ratings with --ratings FILE")
    # Methods without predicted ratings have nothing to hold beside rating baselines.
    rates = model.method.predicts_ratings
    found = evaluate_model(model, unseen, training=training if rates else None)
    if rates and training is None:
        note = (
            "user and item bias and the global mean take the values of the training ratings, "
            "which a model does not hold; without --ratings they are measured, too"
        )
        found = replace(found, notes=(*found.notes, note))
    if as_json:
        print_json(evaluation_json(found))
        return
    output().print(_table(found))
    for note in found.notes:
        output().print(f"note: {escape(note)}")


def _table(found: ModelEvaluation) -> Table:
    table = Table(title=f"{found.ratings:,} ratings of {found.users:,} users", title_justify="left")
    table.add_column("measure")
    table.add_column("value (95 % interval over users)")
    for predictor in found.baselines:
        table.add_column(PREDICTORS[predictor], justify="right")
    for measure, name in zip(MEASURES, NAMES, strict=True):
        if not math.isnan(getattr(found, measure).value):
            text = interval_text(getattr(found, measure))
            table.add_row(name, text, *_beside(found, measure))
    coverage = f"{found.coverage_at_10:.4f}"
    table.add_row("coverage@10", coverage, *_beside(found, "coverage_at_10"))
    return table


def _beside(found: ModelEvaluation, measure: str) -> list[str]:
    values = [figures.get(measure) for figures in found.baselines.values()]
    return ["" if value is None else f"{value:.4f}" for value in values]


def evaluation_json(found: ModelEvaluation) -> dict[str, object]:
    """Return an evaluation as JSON values."""
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
