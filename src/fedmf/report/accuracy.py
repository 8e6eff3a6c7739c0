"""How good the model is: held-out errors of every round beside what they are held against."""

from __future__ import annotations

import math
from collections.abc import Sequence

from fedmf.federation import RoundRecord
from fedmf.figures import BASELINES, MEASURES, interval_text, measure_text
from fedmf.markup import Markup, element, joined, table
from fedmf.report.charts import Curve, Level, line_chart
from fedmf.report.reading import Run

DRAWN = ("rmse", "mae", "ndcg_at_10")
RANKING = ("ndcg_at_10", "recall_at_10", "mrr_at_10", "hr_at_10")


def accuracy(run: Run) -> Markup:
    """Return the section on errors."""
    if not run.rounds:
        return element("p", "No round is over yet, so there is nothing to draw.")
    charts = [
        _chart(run, f"Held-out {MEASURES[measure]}", measure)
        for measure in DRAWN
        if _points(run.rounds, measure)
    ]
    parts = [_predictors(run), _ranking(run)]
    if not charts:
        charts = [_chart(run, "Training loss (mean squared error)", "training_loss")]
        parts = [element("p", "Nothing was held out: the errors are those on training ratings.")]
    if run.is_protected and run.result is not None:
        parts.append(
            element(
                "p",
                "The unprotected run starts from the same settings and seed. Where the two curves "
                "lie on each other, protection costs no accuracy.",
                class_="note",
            )
        )
    return joined(element("div", *charts, class_="charts"), *parts)


def _chart(run: Run, title: str, measure: str) -> Markup:
    levels = [
        Level(f"{BASELINES[name]}, pooled data", name.replace("_", "-"), value)
        for name, value in run.baselines.get(measure, {}).items()
        if name in BASELINES
    ]
    own = Curve(run.label, "own", _points(run.rounds, measure))
    other = Curve("the same, unprotected", "unprotected", _points(run.unprotected, measure))
    return line_chart(title, [other, own] if other.points else [own], levels)


def _points(records: Sequence[RoundRecord], measure: str) -> list[tuple[int, float]]:
    found = [(one.round, float(getattr(one, measure))) for one in records]
    return [(number, value) for number, value in found if math.isfinite(value)]


def _predictors(run: Run) -> Markup:
    if not math.isfinite(run.rounds[-1].rmse):
        return joined()
    rows: list[tuple[str, float, float]] = [(run.label, run.rounds[-1].rmse, run.rounds[-1].mae)]
    rows += [("the same, unprotected", one.rmse, one.mae) for one in run.unprotected[-1:]]
    rows += [
        (f"{label}, pooled data", run.baselines["rmse"][name], run.baselines["mae"][name])
        for name, label in BASELINES.items()
        if all(name in run.baselines.get(measure, {}) for measure in ("rmse", "mae"))
    ]
    return table(
        f"After round {run.rounds[-1].round}",
        ("predictor", "RMSE", "MAE"),
        [(label, measure_text(rmse), measure_text(mae)) for label, rmse, mae in rows],
        numbers=(1, 2),
    )


def _ranking(run: Run) -> Markup:
    if run.result is None or not run.result.intervals:
        return joined()
    own, popular = (run.result.intervals[name] for name in ("model", "popularity"))
    rows = [
        (MEASURES[name], interval_text(*own[name]), interval_text(*popular[name]))
        for name in RANKING
        if name in own and name in popular
    ]
    caption = "Rankings of items not rated in training, with 95 % intervals over users"
    return table(caption, ("measure", run.label, BASELINES["popularity"]), rows, numbers=(1, 2))
