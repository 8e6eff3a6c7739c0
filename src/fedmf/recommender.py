"""`FederatedRecommender`: the whole product in the manner of scikit-learn."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fedmf.errors import DataError, ModelFileError, SettingsError, UnknownNameError
from fedmf.evaluation import ModelEvaluation, evaluate_model
from fedmf.federation import (
    TrainingResult,
    TrainingSettings,
    make_plan,
    train_locally,
    trained_model,
)
from fedmf.model import FactorModel, NewUser, Prediction, Recommendation, load_model, save_model
from fedmf.ratings import Id, Ratings, load_ratings


class FederatedRecommender:
    """Trains a recommender over ratings that stay with their owners, all of them on this machine.

    Every participant's real work is done: opening, stepping, protecting. What is simulated is the
    distance between them.

    Parameters
    ----------
    workers
        Processes; None: as many as this process may use cores. Results do not depend on it. A
        script that uses more than one needs the usual ``if __name__ == "__main__":`` guard.
    **settings
        Any fields of `fedmf.TrainingSettings`, such as ``protection`` or ``factors``; the others
        have its defaults.

    Raises
    ------
    UnknownNameError, SettingsError
        Settings that do not exist or cannot work.

    Examples
    --------
    >>> from fedmf import FederatedRecommender, load_ratings
    >>> ratings = load_ratings("movielens-small").take(users=20, items=30)
    >>> train, test = ratings.split(holdout=0.2, seed=0)
    >>> model = FederatedRecommender(protection="none", factors=4, workers=1).fit(train)
    >>> len(model.recommend(user=2, n=3))
    3
    """

    def __init__(self, *, workers: int | None = None, **settings: Any) -> None:
        known = TrainingSettings.__dataclass_fields__
        for name in settings:
            if name not in known:
                raise UnknownNameError.among("setting", name, known)
        self.settings = TrainingSettings(**settings)
        if workers is not None and (type(workers) is not int or workers < 1):
            raise SettingsError(f"workers must be a whole number of at least 1, not {workers!r}")
        self.workers = workers or available_cores()
        self.result: TrainingResult | None = None
        self._model: FactorModel | None = None

    def __repr__(self) -> str:
        """Name the settings that differ from the defaults, and whether a model is there."""
        default = TrainingSettings().as_json()
        chosen = [f"{k}={v!r}" for k, v in self.settings.as_json().items() if v != default[k]]
        state = "not fitted" if self._model is None else repr(self._model)
        return f"FederatedRecommender({', '.join(chosen)}) [{state}]"

    def fit(
        self, ratings: Ratings | Any, *, heldout: Ratings | None = None
    ) -> FederatedRecommender:
        """Train on ratings.

        Parameters
        ----------
        ratings
            `Ratings`, or anything that `fedmf.load_ratings` takes.
        heldout
            The other part of the same split, to record the error of every round with; see
            ``result.rounds``.

        Raises
        ------
        DataError
            The ratings cannot be used.
        SettingsError, WordSizeError, FixedPointRangeError
            The settings do not suit the ratings.
        KeyboardInterrupt
            Ctrl-C; the recommender is as it was before.
        """
        training = ratings if isinstance(ratings, Ratings) else load_ratings(ratings)
        if heldout is None:
            heldout = training.split(0.0)[1]
        elif (heldout.user_ids, heldout.item_ids) != (training.user_ids, training.item_ids):
            raise DataError("heldout is not the other part of the split that the ratings come from")
        plan, key = make_plan(self.settings, training, measured=len(heldout) > 0)
        result = train_locally(plan, key, training, heldout, workers=self.workers)
        model = trained_model(result, training)
        self.result, self._model = result, model
        return self

    @property
    def model(self) -> FactorModel:
        """The trained model.

        Raises
        ------
        ModelFileError
            There is none yet.
        """
        if self._model is None:
            raise ModelFileError("this recommender has no model yet: call fit, or load a saved one")
        return self._model

    def predict(self, user: Id, item: Id) -> float:
        """Return the predicted rating of one user for one item, on the rating scale.

        Raises
        ------
        UnknownNameError
            The model does not know the user or the item.
        """
        return self.predict_one(user, item).value

    def predict_one(self, user: Id, item: Id, confidence: float = 0.9) -> Prediction:
        """Return the prediction with the interval that holds the rating with this probability.

        Errors are those of `FactorModel.predict_one`.
        """
        return self.model.predict_one(user, item, confidence)

    def recommend(self, user: Id, n: int = 10) -> list[Recommendation]:
        """Return the n items with the highest predicted ratings that the user has not rated.

        Errors are those of `FactorModel.recommend`.
        """
        return self.model.recommend(user, n)

    def fold_in(self, new_ratings: Sequence[tuple[Id, float]]) -> NewUser:
        """Return a new user with (item id, rating) pairs of its own, without a round.

        Errors are those of `FactorModel.fold_in`.
        """
        return self.model.fold_in(new_ratings)

    def evaluate(self, unseen: Ratings | Any) -> ModelEvaluation:
        """Measure the model on ratings that it was not trained on.

        Raises
        ------
        DataError
            None of them is of a user and an item that the model knows.
        """
        ratings = unseen if isinstance(unseen, Ratings) else load_ratings(unseen)
        return evaluate_model(self.model, ratings)

    def save(self, folder: str | Path) -> None:
        """Write the model's folder, whole or not at all; no pickle and no training ratings."""
        save_model(self.model, Path(folder))

    @classmethod
    def load(cls, folder: str | Path) -> FederatedRecommender:
        """Return a recommender with a saved model; training data are not needed.

        Raises
        ------
        ModelFileError
            The folder holds no model that this version can read.
        """
        model = load_model(Path(folder))
        known = TrainingSettings.__dataclass_fields__
        settings: dict[str, Any] = model.method.settings()
        recommender = cls(
            method=model.method.name, **{name: settings[name] for name in known if name in settings}
        )
        recommender._model = model
        return recommender


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
