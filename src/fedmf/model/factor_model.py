"""A trained model: item factors that everybody shares, user vectors that stay private."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from fedmf.errors import SettingsError, UnknownNameError
from fedmf.model.answers import (
    Prediction,
    Reason,
    Recommendation,
    SimilarItem,
    at_least_one,
    best_items,
    nearest,
    strongest,
)
from fedmf.model.given_ratings import checked_pairs
from fedmf.model.method import Method
from fedmf.model.public_model import PublicModel
from fedmf.model.rows import FloatArray
from fedmf.ratings import Id, codes_by_text, id_text

CONFIDENCE = 0.9
"""Probability of the intervals unless another one is asked for."""


@dataclass(frozen=True, eq=False, slots=True)
class FactorModel:
    """Predicts by the product of a user's and an item's vector.

    The product is a rating, which is clipped to the scale, or with methods whose
    `Method.predicts_ratings` is false a score, which ranks items and is left as it is.
    """

    method: Method
    """The learning method and its settings; folds new users in."""
    item_ids: tuple[Id, ...]
    titles: Mapping[Id, str]
    """The public catalogue: ids in the order of the item codes; a title for each that has one."""
    public: PublicModel
    """Item factors and statistics. Public within the federation."""
    user_ids: tuple[Id, ...]
    """Ids of the users whose vectors are held here. At one participant these are its own users; a
    simulation holds all."""
    user_factors: FloatArray
    """Their vectors, shape (users, k). Private."""
    rated_starts: NDArray[np.int64]
    rated_items: NDArray[np.int32]
    """User k has rated the item codes ``rated_items[rated_starts[k]:rated_starts[k + 1]]``, oldest
    first where that is known. Private; recommendations leave them out."""
    heldout_starts: NDArray[np.int64]
    heldout_items: NDArray[np.int32]
    """What the users had rated as well and was held back from the training, likewise. Private;
    recommendations leave it out, and `rank` ranks it, because it is what to measure with."""
    held: float | None = None
    """Share of held-out ratings that lay within their intervals of `CONFIDENCE`; None: nobody
    measured it, or the method has no intervals."""

    def __repr__(self) -> str:
        """Sizes only: vectors are private."""
        return (
            f"FactorModel({self.method.name}, {len(self.user_ids):,} users, "
            f"{len(self.item_ids):,} items, {self.method.factors} factors)"
        )

    @property
    def item_factors(self) -> FloatArray:
        """One vector an item, shape (items, k)."""
        return self.public.item_factors

    def predict(self, users: NDArray[np.int32], items: NDArray[np.int32]) -> FloatArray:
        """Return the predictions for (user code, item code) pairs, shape (n,)."""
        products = np.einsum("nd,nd->n", self.user_factors[users], self.item_factors[items])
        return self._clip(products)

    def rank(self, users: NDArray[np.int32], n: int) -> NDArray[np.int64]:
        """Return each user's best n item codes among those it was not trained on, best first.

        Returns
        -------
        int64 array of shape (len(users), n), padded with -1 where fewer items are left.
        """
        best = np.full((len(users), n), -1, dtype=np.int64)
        for k, user in enumerate(users):
            chosen = best_items(self.public, self.user_factors[user], self.rated_by(int(user)), n)
            best[k, : len(chosen)] = chosen
        return best

    def recommend(
        self, user: Id, n: int = 10, *, recency: float | None = None
    ) -> list[Recommendation]:
        """Return the n items that are predicted highest among those the user has not rated.

        Parameters
        ----------
        recency
            Methods that only rank: what the user's latest item weighs, see
            `TrainingSettings.recency`; None: as trained.

        Raises
        ------
        UnknownNameError
            No vector of this user is held here. Fold the user in with its ratings instead.
        SettingsError
            The method knows no recency.
        """
        code = self.user_code(user)
        rated, vector = self.rated_by(code), self.user_factors[code]
        if recency is not None:
            vector = self._vector(self.method.with_recency(recency), code)
        start, stop = self.heldout_starts[code : code + 2]
        everything = np.concatenate((rated, self.heldout_items[start:stop]))
        return self.recommendations(vector, rated, n, left_out=everything)

    def similar_items(self, item: Id, n: int = 10) -> list[SimilarItem]:
        """Return the n items whose factors point most nearly the same way; nothing private is read.

        Raises
        ------
        UnknownNameError
            The model does not know the item.
        DataError
            Nothing was learned about it.
        SettingsError
            n is below 1.
        """
        factors = self.item_factors[:, : self.method.factors]
        codes, cosines = nearest(factors, self.item_code(item), at_least_one(n))
        return [
            SimilarItem(self.item_ids[code], self.title_of(code), float(cosine))
            for code, cosine in zip(codes, cosines, strict=True)
        ]

    def with_recency(self, recency: float) -> FactorModel:
        """Return the model with its users folded in anew, by another weight of what they met last.

        Raises
        ------
        SettingsError
            The method knows no recency.
        """
        method = self.method.with_recency(recency)
        vectors = [self._vector(method, code) for code in range(len(self.user_ids))]
        factors = np.reshape(vectors, self.user_factors.shape)
        return replace(self, method=method, user_factors=factors)

    def _vector(self, method: Method, user: int) -> FloatArray:
        """Return the vector of a user code under a method that uses no values of ratings."""
        rated = self.rated_by(user)
        return method.fold_in(self.public, rated, np.ones(len(rated)))

    def fold_in(
        self, ratings: Iterable[tuple[Id, float] | Id], *, in_order: bool = False
    ) -> NewUser:
        """Return a new user with recommendations from (item id, rating) pairs, without a round.

        Parameters
        ----------
        ratings
            Pairs; with methods that only rank, item ids alone do as well.
        in_order
            They come oldest first, so that methods that only rank weigh them by recency, if the
            model was trained with any.

        Raises
        ------
        DataError
            No ratings, an unknown item or a rating outside the scale; all problems at once.
        """
        items, values = checked_pairs(ratings, self.method, self.item_ids)
        model = self
        if not (self.method.predicts_ratings or in_order):
            model = replace(self, method=self.method.with_recency(0.0))
        vector = model.method.fold_in(self.public, items, values)
        return NewUser(model, vector, items, values)

    def recommendations(
        self,
        user_factors: FloatArray,
        rated: NDArray[np.int32],
        n: int,
        left_out: NDArray[np.int32] | None = None,
    ) -> list[Recommendation]:
        """Return the n best items for a vector made from the rated item codes.

        They are left out, or in place of them all codes of `left_out`.

        Raises
        ------
        SettingsError
            n is below 1.
        """
        known = rated if left_out is None else left_out
        best = best_items(self.public, user_factors, known, at_least_one(n))
        found = self.predictions(user_factors, rated, best)
        return [
            Recommendation(self.item_ids[code], self.title_of(code), one.value, one.low, one.high)
            for code, one in zip(best, found, strict=True)
        ]

    def predictions(
        self,
        user_factors: FloatArray,
        rated: NDArray[np.int32],
        items: NDArray[np.integer],
        confidence: float = CONFIDENCE,
    ) -> list[Prediction]:
        """Return predictions for a user vector, each with its interval on the rating scale.

        Parameters
        ----------
        rated
            Codes of the items that the user has rated: what is known of it.
        items
            Codes of the items to predict.
        confidence
            Probability with which each interval holds the user's rating.

        Raises
        ------
        SettingsError
            `confidence` is not between 0 and 1.
        """
        if not 0.0 < confidence < 1.0:
            raise SettingsError(f"confidence lies strictly between 0 and 1; {confidence} does not")
        values = self._clip(self.item_factors[items] @ user_factors).tolist()
        ends = self.intervals(user_factors, rated, items, confidence)
        if ends is None:
            return [Prediction(value, None, None, confidence) for value in values]
        return [
            Prediction(value, low, high, confidence)
            for value, low, high in zip(values, *ends.tolist(), strict=True)
        ]

    def intervals(
        self,
        user_factors: FloatArray,
        rated: NDArray[np.int32],
        items: NDArray[np.integer],
        confidence: float = CONFIDENCE,
    ) -> FloatArray | None:
        """Return the lower and the upper ends of what `predictions` has, shape (2, n).

        None with methods that do not know how sure they are. Parameters are those of `predictions`.
        """
        variances = self.method.prediction_variances(
            self.public, user_factors, rated, items.astype(np.int32)
        )
        if variances is None:
            return None
        centres = self.item_factors[items] @ user_factors
        reach = NormalDist().inv_cdf((1.0 + confidence) / 2.0) * np.sqrt(variances)
        return self._clip(np.stack([centres - reach, centres + reach]))

    def predict_one(self, user: Id, item: Id, confidence: float = CONFIDENCE) -> Prediction:
        """Return the prediction for a user held here and an item, with its interval.

        Raises
        ------
        UnknownNameError
            The model does not know the user or the item.
        SettingsError
            `confidence` is not between 0 and 1.
        """
        code, chosen = self.user_code(user), np.array([self.item_code(item)])
        return self.predictions(self.user_factors[code], self.rated_by(code), chosen, confidence)[0]

    def rated_by(self, user: int) -> NDArray[np.int32]:
        """Return the item codes that a user code has rated, oldest first where that is known."""
        return self.rated_items[self.rated_starts[user] : self.rated_starts[user + 1]]

    def user_code(self, user: Id) -> int:
        """Return the code of a user held here; raise UnknownNameError for others."""
        code = codes_by_text(self.user_ids).get(id_text(user))
        if code is None:
            raise UnknownNameError(
                f"{UnknownNameError.among('user', user, self.user_ids)} "
                "(a new user can be folded in with its own ratings)"
            )
        return code

    def item_code(self, item: Id) -> int:
        """Return the code of an item of the catalogue; raise UnknownNameError for others."""
        code = codes_by_text(self.item_ids).get(id_text(item))
        if code is None:
            raise UnknownNameError.among("item", item, self.item_ids)
        return code

    def title_of(self, code: int) -> str:
        """Return the title of an item code, or its id as text where no title is known."""
        item = self.item_ids[code]
        return self.titles.get(item, str(item))

    def _clip(self, scores: FloatArray) -> FloatArray:
        if not self.method.predicts_ratings:
            return scores
        return np.clip(scores, self.method.scale.lowest, self.method.scale.highest)


@dataclass(frozen=True, eq=False, slots=True)
class NewUser:
    """A user who took no part in the training; the model keeps nothing about it."""

    model: FactorModel
    """The model that folded it in."""
    factors: FloatArray
    """Its vector, shape (k,). Private."""
    rated: NDArray[np.int32]
    values: FloatArray
    """The item codes it has rated, and the ratings, shape (n,). Private."""

    def __repr__(self) -> str:
        """Say how many ratings, not which."""
        return f"NewUser({len(self.rated)} ratings)"

    def predict(self, item: Id) -> float:
        """Return the prediction for one item; raise UnknownNameError for unknown ones."""
        return self.predict_one(item).value

    def predict_one(self, item: Id, confidence: float = CONFIDENCE) -> Prediction:
        """Return the prediction for one item, with its interval; errors as of `FactorModel`."""
        chosen = np.array([self.model.item_code(item)])
        return self.model.predictions(self.factors, self.rated, chosen, confidence)[0]

    def recommend(self, n: int = 10) -> list[Recommendation]:
        """Return the n items that are predicted highest among those it has not rated."""
        return self.model.recommendations(self.factors, self.rated, n)

    def explain(self, item: Id, n: int = 10) -> list[Reason]:
        """Return the n ratings of this user that move the prediction for an item most.

        Raises
        ------
        UnknownNameError
            The model does not know the item.
        SettingsError
            n is below 1.
        """
        model = self.model
        effects = model.method.effects(model.public, self.rated, self.values, model.item_code(item))
        reasons = [
            Reason(model.item_ids[code], model.title_of(code), float(value), float(effect))
            for code, value, effect in zip(self.rated, self.values, effects, strict=True)
        ]
        return strongest(reasons, at_least_one(n))
