"""What can be asked of a trained model, in Python's own words and tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from fedmf.errors import DataError, ModelFileError, UnknownNameError
from fedmf.evaluation import ModelEvaluation, evaluate_model
from fedmf.model import (
    FactorModel,
    FloatArray,
    NewUser,
    Prediction,
    Reason,
    Recommendation,
    SimilarItem,
    save_model,
)
from fedmf.ratings import Id, Ratings, codes_by_text, id_text, load_one_user, load_ratings

if TYPE_CHECKING:
    import pyarrow as pa


class TrainedRecommender:
    """Answers for a trained model: predictions, recommendations, reasons, new users, measures.

    `FederatedRecommender` has all of these methods; before its `fit` they raise ModelFileError.
    """

    _model: FactorModel | None = None
    _training: Ratings | None = None

    @property
    def model(self) -> FactorModel:
        """The trained model; its arrays are numpy's.

        ``model.item_factors`` and ``model.user_factors`` have a row for each of ``model.item_ids``
        and ``model.user_ids``. A predicted rating is the product of a user's and an item's row,
        clipped to the scale. The first `factors` columns are factors; method `bayes` appends three,
        for the biases and the noise.

        Raises
        ------
        ModelFileError
            There is none yet.
        """
        if self._model is None:
            raise ModelFileError("this recommender has no model yet: call fit, or load a saved one")
        return self._model

    @overload
    def predict(self, user: Id, item: Id) -> float: ...  # type: ignore[overload-overlap]

    @overload
    def predict(self, user: Id | Iterable[Id], item: Id | Iterable[Id]) -> FloatArray: ...

    def predict(self, user: Id | Iterable[Id], item: Id | Iterable[Id]) -> float | FloatArray:
        """Return predicted ratings, clipped to the scale.

        Parameters
        ----------
        user, item
            An id each; or several, of as many pairs: lists, arrays or columns of frames. One of the
            two may be a single id, which then goes with all of the other.

        Returns
        -------
        float or numpy.ndarray
            One prediction, or float64 of shape (pairs,).

        Raises
        ------
        UnknownNameError
            The model does not know a user or an item.
        DataError
            There are not as many users as items.
        """
        model = self.model
        users, items = _listed(user), _listed(item)
        if is_id(user):
            users *= len(items)
        if is_id(item):
            items *= len(users)
        if len(users) != len(items):
            raise DataError(f"{len(users):,} users and {len(items):,} items do not make pairs")
        found = model.predict(
            _codes("user", users, model.user_ids), _codes("item", items, model.item_ids)
        )
        return float(found[0]) if is_id(user) and is_id(item) else found

    def predict_one(self, user: Id, item: Id, confidence: float = 0.9) -> Prediction:
        """Return the prediction with the interval that holds the rating with this probability.

        Errors are those of `FactorModel.predict_one`.
        """
        return self.model.predict_one(user, item, confidence)

    def recommend(
        self, user: Id, n: int = 10, *, recency: float | None = None
    ) -> list[Recommendation]:
        """Return the n items with the highest predicted ratings that the user has not rated.

        Parameters and errors are those of `FactorModel.recommend`.
        """
        return self.model.recommend(user, n, recency=recency)

    def recommend_all(
        self, n: int = 10, *, users: Iterable[Id] | None = None, file: str | Path | None = None
    ) -> pa.Table:
        """Return recommendations for many users as one Arrow table, and write it to a file.

        Errors are those of `fedmf.recommendations.recommendation_table`, and of writing.

        Parameters
        ----------
        n
            Items for each user.
        users
            Their ids; None: all whom the model holds.
        file
            ``.csv``, ``.parquet`` or ``.arrow``, which appears whole or not at all; None: none.
        """
        from fedmf.recommendations import recommendation_table, write_table

        if users is not None and is_id(users):
            users = _listed(users)
        table = recommendation_table(self.model, n, users)
        if file is not None:
            write_table(table, Path(file))
        return table

    def similar_items(self, item: Id, n: int = 10) -> list[SimilarItem]:
        """Return the n items most like one, by the angle between their factors.

        Errors are those of `FactorModel.similar_items`.
        """
        return self.model.similar_items(item, n)

    def explain(self, user: Id, item: Id, n: int = 10) -> list[Reason]:
        """Return the n ratings of a user that move its prediction for an item most.

        Needs the ratings of `fit`, which no saved model holds: fold the user in with its ratings,
        and ask ``fold_in(...).explain(item)``.

        Raises
        ------
        UnknownNameError
            The model does not know the user or the item.
        ModelFileError
            The model was loaded, or there is none.
        """
        code = self.model.user_code(user)
        if self._training is None:
            raise ModelFileError(
                "a saved model holds no ratings to explain with: use fold_in(ratings).explain(item)"
            )
        own = self._training.owned_by([code])
        items = (self.model.item_ids[one] for one in own.items)
        pairs = zip(items, own.values.tolist(), strict=True)
        return self.model.fold_in(pairs, in_order=self._training.order_known).explain(item, n)

    def fold_in(
        self,
        new_ratings: Mapping[Id, float] | Iterable[tuple[Id, float] | Id] | Any,
        *,
        in_order: bool = False,
    ) -> NewUser:
        """Return a new user with ratings of its own, without a round.

        Errors are those of `FactorModel.fold_in`, and of `load_fold_in_ratings` for frames and
        files.

        Parameters
        ----------
        new_ratings
            A dict or a pandas Series of item id -> rating, (item id, rating) pairs, or what
            `load_fold_in_ratings` takes: a frame or a file with columns item and rating. Methods
            that only rank take item ids without ratings as well.
        in_order
            They come oldest first; those of a frame or file with timestamps need not.
        """
        given: Any = new_ratings
        is_series = getattr(given, "ndim", None) == 1 and hasattr(given, "items")
        if isinstance(given, Mapping) or is_series:
            given = given.items()
        if isinstance(given, Iterator | Set) and not hasattr(given, "__arrow_c_stream__"):
            given = list(given)
        if not isinstance(given, Sequence) or isinstance(given, str):
            own = load_one_user(given, values_needed=self.model.method.predicts_ratings)
            given = own.in_turn()
            in_order |= own.order_known
        return self.model.fold_in(given, in_order=in_order)

    def evaluate(self, unseen: Ratings | Any, *, recency: float | None = None) -> ModelEvaluation:
        """Measure the model on ratings that it was not trained on.

        Parameters
        ----------
        recency
            As of `FactorModel.recommend`.

        Raises
        ------
        DataError
            None of them is of a user and an item that the model knows.
        SettingsError
            The method knows no recency.
        """
        model = self.model if recency is None else self.model.with_recency(recency)
        return evaluate_model(model, loaded(unseen), training=self._training)

    def save(self, folder: str | Path) -> None:
        """Write the model's folder, whole or not at all; no pickle and no training ratings."""
        save_model(self.model, Path(folder))


def loaded(ratings: Ratings | Any) -> Ratings:
    """Return ratings as they are, or load them as `load_ratings` does."""
    return ratings if isinstance(ratings, Ratings) else load_ratings(ratings)


def is_id(given: object) -> bool:
    """Return whether this is one id, perhaps one that cannot be, and not several."""
    return (
        isinstance(given, str | bytes)
        or not isinstance(given, Iterable)
        or getattr(given, "ndim", None) == 0
    )


def _listed(ids: Any) -> list[Id]:
    return [ids] if is_id(ids) else list(ids)


def _codes(kind: str, wanted: list[Id], known: tuple[Id, ...]) -> NDArray[np.int32]:
    """Return the codes of many ids, or name the first that is unknown."""
    codes = codes_by_text(known)
    found = np.array([codes.get(id_text(one), -1) for one in wanted], dtype=np.int32)
    if (found < 0).any():
        raise UnknownNameError.among(kind, wanted[int(np.argmin(found))], known)
    return found
