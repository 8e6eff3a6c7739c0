"""Method `implicit`: ranking from what people viewed, clicked, bought or rated at all.

Every rating counts as one interaction; its value is not used. Loss (iALS: Hu, Koren, Volinsky 2008,
in the form of Rendle, Krichene, Zhang, Koren, "Revisiting the Performance of iALS on Item
Recommendation Benchmarks", 2022): the sum over interactions of (1 - u_i.v_j)^2, plus alpha times
the sum over all pairs of (u_i.v_j)^2, plus

    lambda (n_i + alpha * items) |u_i|^2  and  lambda (n_j + alpha * users) |v_j|^2

for n_i interactions of a user and n_j of an item. A user's vector is exact given the items'. The
items' exact vectors would need a matrix each; as in method `bayes` one matrix C, an average over
the users, stands for it, and contributions are corrected so that the rounds end where the exact
updates do.

To recommend, a user is folded in with more weight on what it met last (`recency_weights`): a_j
times the square of each interaction, and of lambda. No sum depends on it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fedmf.model.method import RATERS, Method, PrivateStep, recency_weights
from fedmf.model.public_model import PublicModel
from fedmf.model.rows import Contribution, FloatArray, FloatTable, RowGroup, RowValues
from fedmf.model.symmetric_matrices import SharedBasis, from_upper, to_upper
from fedmf.ratings import OwnedRatings, RatingScale

ITEMS, GRAM = "items", "gram"
ITEM_STREAM = 0
# What a user adds to an entry of an item stayed below 0.7 on both MovieLens sets. Steps of 2^-11
# and words of 24 bits hold the sums of 1,024 users.
ITEM_LIMIT, ITEM_FRACTION_BITS = 3.9, 11
# Squared entries of a user vector stayed below 0.9.
GRAM_LIMIT = 4.0
MOST_FRACTION_BITS = 16
# The average square of a user vector's length that first rounds find.
START_GRAM = 0.25
# lambda times sqrt(users * items): 7.5 was best of 3 to 10 on three MovieLens sets. In small
# federations this would leave nothing but popularity, and 0.03 is best.
REG, MOST_REG = 7.5, 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class Implicit(Method):
    """Implicit alternating least squares: an item was rated, or it was not."""

    name: ClassVar[str] = "implicit"
    predicts_ratings: ClassVar[bool] = False
    # An item's vector is shorter the fewer have met it.
    needs_raters: ClassVar[bool] = True
    renews_contribution: ClassVar[bool] = True
    # A user is told apart from all items that it has not met.
    reads_all_items: ClassVar[bool] = True
    usual_factors: ClassVar[int] = 64

    alpha: float = 1.0
    """Weight of a pair without an interaction."""
    reg: float
    """lambda."""
    recency: float = 0.0
    """What the latest item weighs when a user is folded in; see `recency_weights`."""

    @classmethod
    def defaults(cls, users: int, items: int, scale: RatingScale) -> dict[str, Any]:
        """Return lambda for a federation of this size."""
        del scale
        return {"reg": min(MOST_REG, REG / math.sqrt(users * items))}

    def row_groups(self) -> tuple[RowGroup, ...]:
        """Return S, a row an item, and the upper triangle of the users' Gram matrix."""
        return (
            RowGroup(
                name=ITEMS,
                rows=self.items,
                columns=self.factors,
                fraction_bits=ITEM_FRACTION_BITS,
                limit=ITEM_LIMIT,
                start_limit=0.0,
                of_items=True,
                prior_raters=max(1, round(self.alpha * self.users)),
            ),
            self._sum_row(
                GRAM, self.factors * (self.factors + 1) // 2, GRAM_LIMIT, MOST_FRACTION_BITS
            ),
        )

    def decode(
        self,
        table: FloatTable,
        previous: PublicModel | None,
        renewed: NDArray[np.int64] | None = None,
    ) -> PublicModel:
        """Return v_j = (n_j C + alpha G + lambda (n_j + alpha users) I)^-1 S_j.

        G is the users' Gram matrix in this table, C that of the round before, divided by the number
        of users: the sums that the round before renewed were made with it. Other items stay.
        """
        raters = table[RATERS][:, 0]
        gram = from_upper(table[GRAM][0], self.factors)
        unit = np.eye(self.factors)
        learned = bool(gram.any())
        if learned:
            before = gram / self.users if previous is None else previous.statistics["average"]
            shared = SharedBasis.of(
                before + self.reg * unit,
                self.alpha * (gram + self.reg * self.users * unit),
            )
            chosen = slice(None) if renewed is None else renewed
            items = np.zeros((self.items, self.factors))
            if previous is not None:
                items[:] = previous.item_factors
            items[chosen] = shared.solve(raters[chosen], table[ITEMS][chosen])
            average = gram / self.users
        else:
            items = self._start_items(raters)
            average = START_GRAM / self.factors * unit
        return PublicModel(items, {"average": average, "unseen": self.alpha * items.T @ items})

    def participant_step(
        self,
        public: PublicModel,
        ratings: OwnedRatings,
        user_factors: FloatArray,
        previous: Contribution | None,
    ) -> PrivateStep:
        """Return the users' exact vectors, and their sums.

        A user contributes (1 - u.v_j) u + C v_j to each of its items, and u u' to the Gram matrix.
        """
        del previous
        moved = np.empty_like(user_factors)
        for k, own in enumerate(ratings.user_slices()):
            moved[k] = self._vector(public, ratings.items[own], 0.0)
        changes = np.empty((len(ratings), self.factors))
        items, squares = self.row_groups()
        gram = np.zeros(squares.columns)
        for user, own in zip(moved, ratings.user_slices(), strict=True):
            met = public.item_factors[ratings.items[own]]
            change = np.outer(1.0 - met @ user, user) + met @ public.statistics["average"]
            # An entry beyond the limit would stop the training; an outlier is cut off instead.
            changes[own] = items.rounded(np.clip(change, -ITEM_LIMIT, ITEM_LIMIT))
            # Scaled as a whole, so that it stays a square.
            square = np.outer(user, user) * min(1.0, GRAM_LIMIT / max(1.0, np.max(user**2)))
            gram += squares.rounded(to_upper(square))
        contribution = {
            ITEMS: RowValues.summed_by_item(ratings, changes),
            GRAM: RowValues.of_one_row(gram),
        }
        return PrivateStep(moved, contribution)

    def fold_in(
        self, public: PublicModel, items: NDArray[np.int32], values: FloatArray
    ) -> FloatArray:
        """Return the exact vector of a user who has met these items; ratings are not used."""
        del values
        return self._vector(public, items, self.recency)

    def _vector(self, public: PublicModel, items: NDArray[np.int32], recency: float) -> FloatArray:
        weights = recency_weights(len(items), recency)
        met = public.item_factors[items]
        weighted = weights[:, np.newaxis] * met
        precision = weighted.T @ met + public.statistics["unseen"]
        precision[np.diag_indices_from(precision)] += self.reg * (
            weights.sum() + self.alpha * self.items
        )
        vector: FloatArray = np.linalg.solve(precision, weighted.sum(axis=0))
        return vector

    def _start_items(self, raters: FloatArray) -> FloatArray:
        rng = np.random.default_rng((self.seed, ITEM_STREAM))
        items = rng.normal(0.0, 1.0 / math.sqrt(self.factors), (self.items, self.factors))
        items[raters == 0] = 0.0
        return items
