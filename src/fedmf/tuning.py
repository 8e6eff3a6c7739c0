"""Cross-validation, and a small search over settings that never sees the test ratings.

Everything is trained without protection: a protected training ends with the same table, bit for
bit, so that the settings that win here win there.
"""

from __future__ import annotations

import itertools
import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args, get_type_hints

import numpy as np

from fedmf.errors import SettingsError, UnknownNameError
from fedmf.evaluation import ModelEvaluation
from fedmf.federation import TrainingSettings
from fedmf.figures import MEASURES, measure_text
from fedmf.markup import table
from fedmf.model import METHODS
from fedmf.ratings import Ratings
from fedmf.recommender import FederatedRecommender

LOWER_IS_BETTER = ("rmse", "mae")


@dataclass(frozen=True, slots=True, repr=False)
class Validation:
    """What one choice of settings reached in cross-validation."""

    settings: TrainingSettings
    """With protection none."""
    chosen: Mapping[str, Any]
    """What was asked for by name."""
    folds: tuple[ModelEvaluation, ...]
    """The model of each fold on the ratings that it was not trained on."""
    seconds: float
    """Wall time of all folds."""

    def mean(self, measure: str) -> float:
        """Return the mean of a measure, such as ``"rmse"``, over the folds; NaN if it has none."""
        return float(statistics.fmean(getattr(one, measure).value for one in self.folds))

    def spread(self, measure: str) -> float:
        """Return the standard deviation of a measure between the folds."""
        return float(statistics.stdev(getattr(one, measure).value for one in self.folds))

    def __repr__(self) -> str:
        """Say what was chosen and what it reached."""
        chosen = ", ".join(f"{name}={value!r}" for name, value in self.chosen.items())
        reached = [
            f"{MEASURES[name]} {measure_text(self.mean(name))}"
            for name in ("rmse", "ndcg_at_10")
            if not math.isnan(self.mean(name))
        ]
        return f"Validation({chosen}: {', '.join(reached)} over {len(self.folds)} folds)"


@dataclass(frozen=True, slots=True, repr=False)
class Tuning:
    """The outcome of a search."""

    by: str
    """The measure that decided."""
    trials: tuple[Validation, ...]
    """Every choice of settings, best first."""
    test: ModelEvaluation
    """The best choice, trained on all ratings but the test ratings, and measured on those once."""

    @property
    def best(self) -> Validation:
        """The choice that won."""
        return self.trials[0]

    def __repr__(self) -> str:
        """Name the winner and what it reaches on the test ratings."""
        return f"Tuning({len(self.trials)} choices; best: {self.best!r}; test: {self.test!r})"

    def _repr_html_(self) -> str:
        """Return a table of the choices for notebooks."""
        names = list(dict.fromkeys(name for one in self.trials for name in one.chosen))
        rows = [
            (
                measure_text(one.mean(self.by)),
                measure_text(one.spread(self.by)),
                *(str(one.chosen.get(name, "")) for name in names),
            )
            for one in self.trials
        ]
        return table(repr(self.test), (MEASURES[self.by], "spread between folds", *names), rows)


def cross_validate(
    ratings: Ratings,
    *,
    folds: int = 5,
    fold_seed: int = 0,
    workers: int | None = None,
    **settings: Any,
) -> Validation:
    """Train as often as there are folds, each time without one fold, and measure on it.

    Parameters
    ----------
    ratings
        Each of them is in one fold; all folds know all users and items.
    folds
        At least 2.
    fold_seed
        Seed of the division.
    workers
        As for `FederatedRecommender`.
    **settings
        Of `FederatedRecommender`. The protection does not matter to the result, and none is used.

    Raises
    ------
    SettingsError, UnknownNameError, DataError
        As `FederatedRecommender` and its `fit`; fewer than two folds, or more than ratings.
    """
    if not 2 <= folds <= len(ratings):
        raise SettingsError(f"folds are from 2 to the number of ratings, not {folds}")
    # What cannot work under the protection that was asked for is said before anything is trained.
    checked = FederatedRecommender(workers=workers).set_params(**settings)
    model = checked.set_params(protection="none")
    began = time.perf_counter()
    place = np.random.default_rng(fold_seed).permutation(len(ratings)) % folds
    found = []
    for fold in range(folds):
        model.fit(ratings.where(place != fold), progress=False)
        found.append(model.evaluate(ratings.where(place == fold)))
    return Validation(model.settings, settings, tuple(found), time.perf_counter() - began)


def tune(
    ratings: Ratings,
    choices: Mapping[str, Sequence[Any]],
    *,
    by: str | None = None,
    draws: int | None = None,
    folds: int = 3,
    holdout: float = 0.2,
    seed: int = 0,
    workers: int | None = None,
    after_trial: Callable[[Validation], object] | None = None,
    **settings: Any,
) -> Tuning:
    """Find the best of several settings, and measure it on ratings that the search never saw.

    Parameters
    ----------
    ratings
        Test ratings are split off first. The search works on the others, in folds.
    choices
        Setting -> values to try; all combinations are tried.
    by
        The measure that decides, such as ``"rmse"`` or ``"ndcg_at_10"``; None: RMSE, or NDCG@10
        where a method predicts no ratings.
    draws
        Try only this many combinations, drawn at random; None: all.
    folds
        Of each combination.
    holdout
        Share of test ratings.
    seed
        Of the split, of the folds and of what is drawn.
    workers
        As for `FederatedRecommender`.
    after_trial
        Called with each `Validation`.
    **settings
        Settings that stay the same, such as ``silos=3``, which is quicker than a participant for
        every user and has the same result up to rounding.

    Raises
    ------
    SettingsError, UnknownNameError, DataError
        As `cross_validate`; nothing to choose from, or a measure that a method does not have.
    """
    combinations = list(_combinations(choices, draws, seed))
    every = [FederatedRecommender().set_params(**(settings | one)).settings for one in combinations]
    rated = all(METHODS[one.method].predicts_ratings for one in every)
    measure = by or ("rmse" if rated else "ndcg_at_10")
    if measure not in MEASURES:
        raise UnknownNameError.among("measure", measure, MEASURES)
    if measure in LOWER_IS_BETTER and not rated:
        raise SettingsError(f"a method that only ranks has no {measure}: choose by ndcg_at_10")
    search, test = ratings.split(holdout, seed)
    if len(test) == 0:
        raise SettingsError("nothing is held out to test the best settings on: raise holdout")
    trials = []
    for one in combinations:
        found = cross_validate(
            search, folds=folds, fold_seed=seed, workers=workers, **(settings | one)
        )
        trials.append(replace(found, chosen=one))
        if after_trial is not None:
            after_trial(trials[-1])
    sign = 1 if measure in LOWER_IS_BETTER else -1
    trials.sort(key=lambda one: sign * one.mean(measure))
    best = FederatedRecommender(workers=workers)
    best.set_params(**(settings | dict(trials[0].chosen) | {"protection": "none"}))
    best.fit(search, progress=False)
    return Tuning(measure, tuple(trials), best.evaluate(test))


def read_choice(text: str) -> tuple[str, list[Any]]:
    """Read ``factors=8,16``, as the command line has it.

    Raises
    ------
    SettingsError, UnknownNameError
        It names no setting, or values of another type.
    """
    name, equals, values = text.partition("=")
    name = name.strip().replace("-", "_")
    hints = get_type_hints(TrainingSettings)
    if not equals or name not in hints:
        raise UnknownNameError.among("setting", name, hints)
    kinds = [kind for kind in get_args(hints[name]) or (hints[name],) if kind is not type(None)]
    try:
        return name, [kinds[0](value.strip()) for value in values.split(",")]
    except ValueError:
        raise SettingsError(
            f"{name} takes {kinds[0].__name__} values, separated by commas, not {values!r}"
        ) from None


def _combinations(
    choices: Mapping[str, Sequence[Any]], draws: int | None, seed: int
) -> Iterator[dict[str, Any]]:
    every = [
        dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())
    ]
    if not choices or not every:
        raise SettingsError("there is nothing to choose from: name values, such as factors=8,16")
    if draws is None or draws >= len(every):
        yield from every
        return
    if draws < 1:
        raise SettingsError(f"draws must be at least 1, not {draws}")
    for place in sorted(np.random.default_rng(seed).permutation(len(every))[:draws]):
        yield every[place]
