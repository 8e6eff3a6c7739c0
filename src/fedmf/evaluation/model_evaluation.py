"""A model against ratings it has not seen: errors and full rankings, each with its interval."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fedmf.errors import DataError
from fedmf.evaluation.baselines import GlobalMean, Popularity, UserItemBias
from fedmf.evaluation.intervals import Interval, bootstrap_interval, bootstrap_ratio, bootstrap_rmse
from fedmf.evaluation.ranking_metrics import (
    coverage_at,
    hit_rate_at,
    ndcg_at,
    novelty_at,
    recall_at,
    reciprocal_rank,
)
from fedmf.figures import BASELINES, MEASURES, interval_text
from fedmf.markup import table
from fedmf.model import FactorModel
from fedmf.ratings import Id, Ratings, codes_by_text

BEHIND, ROUNDING = 1.01, 1e-9


@dataclass(frozen=True, slots=True, repr=False)
class ModelEvaluation:
    """How a model does on unseen ratings.

    Errors are of predictions clipped to the scale, and NaN where the method predicts no ratings.
    Rankings are over the whole catalogue less what a user had rated in training; every unseen
    rating counts as relevant, however low it is. Intervals are 95 % bootstrap intervals over
    users; with a single user they are NaN.
    """

    rmse: Interval
    mae: Interval
    ndcg_at_10: Interval
    recall_at_10: Interval
    mrr_at_10: Interval
    hr_at_10: Interval
    """Errors in units of the rating scale; measures of rankings from 0 to 1."""
    novelty_at_10: Interval
    """In bits, as `novelty_at` says, with the raters among the users whom the model holds."""
    coverage_at_10: float
    held: float | None
    """Share of the ratings that lie within their 90 % intervals (`FactorModel.intervals`); None
    with methods that have none."""
    baselines: Mapping[str, Mapping[str, float]]
    """Predictor -> measure -> value, on the same ratings and users: ``"popularity"``, the most
    rated items first, has the ranking measures; ``"bias"`` (user and item bias) and
    ``"global_mean"`` have ``"rmse"`` and ``"mae"``, unclipped, where there were training ratings to
    fit them to."""
    baseline_intervals: Mapping[str, Mapping[str, Interval]]
    """The same, with intervals over users, where there are any."""
    users: int
    ratings: int
    notes: tuple[str, ...]

    @property
    def intervals(self) -> dict[str, Interval]:
        """Measure -> the model's own figure with its interval, of the measures that it has."""
        found = {name: getattr(self, name) for name in MEASURES}
        return {name: one for name, one in found.items() if not math.isnan(one.value)}

    @property
    def ranks_below_popularity(self) -> bool:
        """Whether the same list of the most rated items for everybody ranks better."""
        popular = self.baselines["popularity"].get("ndcg_at_10", math.nan)
        return self.ndcg_at_10.value < popular

    @property
    def knows_less_than(self) -> str | None:
        """The baseline whose RMSE the model's exceeds by more than 1 %, the better of two."""
        known = {name: one["rmse"] for name, one in self.baselines.items() if "rmse" in one}
        if not known:
            return None
        best = min(known, key=known.__getitem__)
        # Where a baseline is right everywhere, rounding is no failure.
        return best if self.rmse.value > max(BEHIND * known[best], ROUNDING) else None

    def __repr__(self) -> str:
        """Every figure of the model, with its interval."""
        figures = [f"{MEASURES[name]} {text_of(one)}" for name, one in self.intervals.items()]
        sample = f"{self.ratings:,} ratings of {self.users:,} users"
        return f"ModelEvaluation({sample}: {', '.join(figures)})"

    def _repr_html_(self) -> str:
        """Return a table of all figures beside those of the baselines, for notebooks."""
        beside = self.baseline_intervals.values()
        rows = [
            (
                MEASURES[name],
                text_of(one),
                *(text_of(other[name]) if name in other else "" for other in beside),
            )
            for name, one in self.intervals.items()
        ]
        headings = ("measure", "model", *map(BASELINES.__getitem__, self.baseline_intervals))
        return table(f"{self.ratings:,} ratings of {self.users:,} users", headings, rows)


def text_of(interval: Interval) -> str:
    """Return a figure with the ends of its interval."""
    return interval_text(interval.value, interval.low, interval.high)


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class _Measured:
    """The ratings that count."""

    users: NDArray[np.int32]
    items: NDArray[np.int32]
    values: NDArray[np.float64]
    """The model's codes of users and items, and the ratings, each of shape (n,)."""
    notes: tuple[str, ...]
    """Sentences on what was left out."""


def evaluate_model(
    model: FactorModel, unseen: Ratings, *, training: Ratings | None = None, seed: int = 0
) -> ModelEvaluation:
    """Measure a model on ratings that it was not trained on.

    Parameters
    ----------
    model
        Users and items are matched by their original ids.
    unseen
        Ratings of users whom the model knows; others are left out, which a note says.
    training
        What the model was trained on, for the baselines of methods that predict ratings: a model
        knows what its users rated, not how high. Users and items that it does not know are left
        out.
    seed
        Of the bootstrap.

    Raises
    ------
    DataError
        No rating is left of a user and an item that the model knows.
    """
    measured = _measured(model, unseen)
    users, counts = np.unique(measured.users, return_counts=True)
    unknown = Interval(math.nan, math.nan, math.nan, 0.95, len(users))
    rng = np.random.default_rng(seed)
    rmse_interval, mae_interval = _rating_intervals(model, measured, rng) or (unknown, unknown)
    order = np.argsort(measured.users, kind="stable")
    relevant = np.split(measured.items[order], np.cumsum(counts)[:-1])
    raters = Popularity.fit(model.rated_items, len(model.item_ids))
    rated = np.split(model.rated_items, model.rated_starts[1:-1])
    popular = raters.rank([rated[user] for user in users], 10)
    # Drawn apart from the model's, whose intervals do not depend on what stands beside them.
    apart = np.random.default_rng((seed, 1))
    beside = {
        "popularity": {
            name: _interval(bootstrap_interval, figures, rng=apart)
            for name, figures in _ranking(model, raters, popular, relevant).items()
            if len(figures)
        }
    }
    if training is not None and model.method.predicts_ratings:
        beside |= _rating_baselines(model, training, measured, apart)
    baselines = {
        name: {measure: one.value for measure, one in figures.items()}
        for name, figures in beside.items()
    }
    baselines["popularity"]["coverage_at_10"] = coverage_at(10, popular, len(model.item_ids))
    ranked = model.rank(users, 10)
    return ModelEvaluation(
        rmse=rmse_interval,
        mae=mae_interval,
        **{
            name: _interval(bootstrap_interval, figures, rng=rng) if len(figures) else unknown
            for name, figures in _ranking(model, raters, ranked, relevant).items()
        },
        coverage_at_10=coverage_at(10, ranked, len(model.item_ids)),
        held=_share_held(model, measured),
        baselines=baselines,
        baseline_intervals=beside,
        users=len(users),
        ratings=len(measured.values),
        notes=measured.notes,
    )


def measured_model(model: FactorModel, heldout: Ratings) -> FactorModel:
    """Return a model that knows how many held-out ratings lie within its intervals.

    Parameters
    ----------
    heldout
        Of users and items that the model knows, by the same codes.
    """
    if not len(heldout):
        return model
    measured = _Measured(heldout.users, heldout.items, heldout.values, ())
    return replace(model, held=_share_held(model, measured))


def _share_held(model: FactorModel, measured: _Measured) -> float | None:
    order = np.argsort(measured.users, kind="stable")
    users, starts = np.unique(measured.users[order], return_index=True)
    inside = 0
    for user, own in zip(users, np.split(order, starts[1:]), strict=True):
        vector, rated = model.user_factors[user], model.rated_by(user)
        ends = model.intervals(vector, rated, measured.items[own])
        if ends is None:
            return None
        values = measured.values[own]
        inside += int(np.sum((ends[0] <= values) & (values <= ends[1])))
    return inside / len(order)


def _measured(model: FactorModel, unseen: Ratings) -> _Measured:
    """Return the ratings of pairs that the model knows and was not trained on."""
    users, items, known = _known(model, unseen)
    notes = []
    if not known.all():
        notes.append(
            f"{int((~known).sum()):,} of {len(unseen):,} ratings are of users or items that the "
            "model does not know; they were left out"
        )
    if not known.any():
        raise DataError(
            "the model knows no user and item of these ratings; new users can be folded in with "
            "fedmf recommend --ratings"
        )
    of_user = np.repeat(np.arange(len(model.user_ids)), np.diff(model.rated_starts))
    seen = np.isin(
        users.astype(np.int64) * len(model.item_ids) + items,
        of_user * len(model.item_ids) + model.rated_items,
    )
    if (known & seen).any():
        notes.append(
            f"{int((known & seen).sum()):,} ratings are of pairs that the model was trained on; "
            "they were left out"
        )
    left = known & ~seen
    if not left.any():
        raise DataError("the model was trained on all of these ratings; none is left to measure")
    return _Measured(users[left], items[left], unseen.values[left], tuple(notes))


def _rating_intervals(
    model: FactorModel, measured: _Measured, rng: np.random.Generator
) -> tuple[Interval, Interval] | None:
    """Return RMSE and MAE; None where the method predicts no ratings."""
    if not model.method.predicts_ratings:
        return None
    return _error_intervals(measured, model.predict(measured.users, measured.items), rng)


def _error_intervals(
    measured: _Measured, predicted: NDArray[np.float64], rng: np.random.Generator
) -> tuple[Interval, Interval]:
    errors = measured.values - predicted
    _, position, counts = np.unique(measured.users, return_inverse=True, return_counts=True)
    squared = np.bincount(position, weights=errors**2)
    absolute = np.bincount(position, weights=np.abs(errors))
    return (
        _interval(bootstrap_rmse, squared, counts, rng=rng),
        _interval(bootstrap_ratio, absolute, counts, rng=rng),
    )


def _ranking(
    model: FactorModel,
    raters: Popularity,
    ranked: NDArray[np.int64],
    relevant: Sequence[NDArray[np.int32]],
) -> dict[str, NDArray[np.float64]]:
    """Return the ranking measures of `ranked`, a number for each user who has one."""
    novelty = novelty_at(10, ranked, raters.scores.astype(np.int64), len(model.user_ids))
    return {
        "ndcg_at_10": ndcg_at(10, ranked, relevant),
        "recall_at_10": recall_at(10, ranked, relevant),
        "mrr_at_10": reciprocal_rank(ranked, relevant),
        "hr_at_10": hit_rate_at(10, ranked, relevant),
        "novelty_at_10": novelty[~np.isnan(novelty)],
    }


def _rating_baselines(
    model: FactorModel, training: Ratings, measured: _Measured, rng: np.random.Generator
) -> dict[str, dict[str, Interval]]:
    their_users, their_items, known = _known(model, training)
    bias = UserItemBias.fit(
        their_users[known],
        their_items[known],
        training.values[known],
        len(model.user_ids),
        len(model.item_ids),
    )
    predicted = {
        "bias": bias.predict(measured.users, measured.items),
        "global_mean": GlobalMean.fit(training.values[known]).predict(
            measured.users, measured.items
        ),
    }
    return {
        name: dict(zip(("rmse", "mae"), _error_intervals(measured, one, rng), strict=True))
        for name, one in predicted.items()
    }


def _known(
    model: FactorModel, ratings: Ratings
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.bool_]]:
    """Return the model's codes of users and items of ratings, and where it knows both."""
    users = _codes(ratings.user_ids, model.user_ids)[ratings.users]
    items = _codes(ratings.item_ids, model.item_ids)[ratings.items]
    return users, items, (users >= 0) & (items >= 0)


def _codes(ids: tuple[Id, ...], known: tuple[Id, ...]) -> NDArray[np.int32]:
    codes = codes_by_text(known)
    return np.array([codes.get(str(one), -1) for one in ids], dtype=np.int32)


def _interval(
    bootstrap: Callable[..., Interval], *figures: NDArray[np.generic], rng: np.random.Generator
) -> Interval:
    if len(figures[0]) > 1:
        return bootstrap(*figures, rng=rng)
    # A single user shows no spread: the bootstrap of the user twice has the right value.
    twice = bootstrap(*(np.repeat(figure, 2) for figure in figures), rng=rng)
    return replace(twice, low=math.nan, high=math.nan, n=1)
