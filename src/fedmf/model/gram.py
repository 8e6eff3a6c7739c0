"""Method `gram`: ranking by which items were met together, from the sum of one round.

EASE (Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", 2019) of the k items that most
users met. Each user adds 1 for each pair of these items that it has met, items with themselves
included. The sum G over all users is all that EASE needs:

    P = (G + lambda I)^-1,   W_ab = -P_ab / P_bb, and 0 where a = b;

a user's score of item b is the sum of a_j W_jb over the items j that it has met, with the weights
a_j of recency (`recency_weights`). After one round there is nothing left to learn.

The other items, and all items for a user who has met none of the k, come in the order of how many
users met them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fedmf.model.method import RATERS, Method, PrivateStep, recency_weights
from fedmf.model.public_model import PublicModel
from fedmf.model.rows import Contribution, FloatArray, FloatTable, RowGroup, RowValues
from fedmf.model.symmetric_matrices import from_upper, upper_places
from fedmf.ratings import OwnedRatings, RatingScale

PAIRS = "pairs"
# Of 50 to 400 the best for rankings with recency on three MovieLens sets; in a federation of fewer
# users it would leave nothing but popularity.
MOST_REG = 400.0
# Among items that EASE cannot tell apart, popularity decides; and it puts the others behind.
LEAST, BEHIND = 1e-6, -1e3


@dataclass(frozen=True, slots=True, kw_only=True)
class Gram(Method):
    """EASE of the most rated items; each of them is a factor."""

    name: ClassVar[str] = "gram"
    predicts_ratings: ClassVar[bool] = False
    # Which items are the most rated.
    needs_raters: ClassVar[bool] = True
    renews_contribution: ClassVar[bool] = True
    sums_show: ClassVar[str | None] = (
        "how many users met each pair of items, in exact numbers; who knows a few items that "
        "somebody met can find out others"
    )
    usual_factors: ClassVar[int] = 1000
    usual_rounds: ClassVar[int] = 1
    most_rounds: ClassVar[int | None] = 1

    reg: float
    """lambda, in users who met an item."""
    recency: float = 0.0
    """What the latest item weighs when a user is folded in; see `recency_weights`."""

    @classmethod
    def defaults(cls, users: int, items: int, scale: RatingScale) -> dict[str, Any]:
        """Return lambda for this many users."""
        del items, scale
        return {"reg": min(MOST_REG, float(users))}

    @property
    def vector_length(self) -> int:
        """A place for each of the k items, and one for popularity."""
        return self._size + 1

    @property
    def _size(self) -> int:
        return min(self.factors, self.items)

    def row_groups(self) -> tuple[RowGroup, ...]:
        """Return the upper triangle of G, a row a pair: most participants have few of them."""
        return (
            RowGroup(
                name=PAIRS,
                rows=self._size * (self._size + 1) // 2,
                columns=1,
                fraction_bits=0,
                limit=1.0,
                start_limit=0.0,
                of_items=False,
            ),
        )

    def decode(
        self,
        table: FloatTable,
        previous: PublicModel | None,
        renewed: NDArray[np.int64] | None = None,
    ) -> PublicModel:
        """Return EASE's weights, column b as the vector of item b; before the round, zeros."""
        del previous, renewed
        raters = table[RATERS][:, 0]
        ranked = np.argsort(-raters, kind="stable")[: self._size]
        ranked = np.sort(ranked[raters[ranked] > 0])
        items = np.zeros((self.items, self.vector_length))
        items[:, -1] = LEAST * raters / max(1.0, raters.max()) + BEHIND
        items[ranked, -1] -= BEHIND
        if table[PAIRS].any():
            gram = from_upper(table[PAIRS][:, 0], self._size)[: len(ranked), : len(ranked)]
            inverse = np.linalg.inv(gram + self.reg * np.eye(len(ranked)))
            weights = -inverse / np.diag(inverse)
            np.fill_diagonal(weights, 0.0)
            items[ranked, : len(ranked)] = weights.T
        return PublicModel(items, {"ranked": ranked.astype(np.float64)})

    def start_user_factors(self, users: NDArray[np.int32]) -> FloatArray:
        """Return zeros, and the 1 that an item's popularity is multiplied with."""
        vectors = np.zeros((len(users), self.vector_length))
        vectors[:, -1] = 1.0
        return vectors

    def rows_needed(self, ratings: OwnedRatings) -> dict[str, NDArray[np.int64]]:
        """Return all rows, and all counts of raters: they say which items are the most rated."""
        del ratings
        pairs = self._size * (self._size + 1) // 2
        return {PAIRS: np.arange(pairs), RATERS: np.arange(self.items)}

    def participant_step(
        self,
        public: PublicModel,
        ratings: OwnedRatings,
        user_factors: FloatArray,
        previous: Contribution | None,
    ) -> PrivateStep:
        """Return 1 for each pair that a user has met; its vector is found when it is needed."""
        del previous
        row_of = upper_places(self._size)
        counts = np.zeros(row_of[-1, -1] + 1)
        for own in ratings.user_slices():
            met = np.sort(self._places(public, ratings.items[own])[1])
            first, second = np.triu_indices(len(met))
            counts[row_of[met[first], met[second]]] += 1.0
        rows = np.flatnonzero(counts)
        return PrivateStep(user_factors, {PAIRS: RowValues(rows, counts[rows, np.newaxis])})

    def fold_in(
        self, public: PublicModel, items: NDArray[np.int32], values: FloatArray
    ) -> FloatArray:
        """Return what each of the k items weighs for a user who has met some of them."""
        del values
        vector = np.zeros(self.vector_length)
        is_ranked, places = self._places(public, items)
        vector[places] = recency_weights(len(items), self.recency)[is_ranked]
        vector[-1] = 1.0
        return vector

    @staticmethod
    def _places(
        public: PublicModel, items: NDArray[np.int32]
    ) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Return which of some items are among the k, and the places of these."""
        ranked = public.statistics["ranked"]
        places = np.searchsorted(ranked, items)
        is_ranked = np.append(ranked, -1.0)[places] == items
        return is_ranked, places[is_ranked]
