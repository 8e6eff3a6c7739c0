"""How well a model ranks, for methods whose scores are no ratings, and how that is summed up."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fedmf.evaluation import hit_rate_at, ndcg_at
from fedmf.federation.measurement import MOST_FRACTION_BITS, SUM_BITS, Sums, summed_group
from fedmf.model import FloatArray, PublicModel, RowValues, best_items
from fedmf.ratings import OwnedRatings

PLACES = 10


@dataclass(frozen=True, slots=True)
class Ranking(Sums):
    """How well users' held-out items come first among all that they had not rated."""

    ndcg: float = 0.0
    hits: float = 0.0
    """Sums over the users: NDCG@10, and 1 for each user with a held-out item in its first ten."""
    users: float = 0.0
    """Number of users with held-out items."""

    @property
    def ndcg_at_10(self) -> float:
        """Mean NDCG@10; NaN without users."""
        return self.ndcg / self.users if self.users else math.nan

    @property
    def hr_at_10(self) -> float:
        """Share of users with a hit in their first ten; NaN without users."""
        return self.hits / self.users if self.users else math.nan


NO_RANKING = Ranking()
"""The ranking of nobody."""


def rank(
    public: PublicModel, user_factors: FloatArray, training: OwnedRatings, heldout: OwnedRatings
) -> Ranking:
    """Return how well a participant's held-out items are ranked.

    Parameters
    ----------
    user_factors
        Vectors of its users, shape (users, k).
    training, heldout
        What the users had rated, and what was held back; the same users in the same order.
    """
    ndcg, hits, users = ranked_by_user(public, user_factors, training, heldout).sum(axis=0)
    return Ranking(float(ndcg), float(hits), float(users))


def ranked_by_user(
    public: PublicModel, user_factors: FloatArray, training: OwnedRatings, heldout: OwnedRatings
) -> FloatArray:
    """Return NDCG@10, hits and 1 for each user that something was held back of, shape (users, 3).

    Parameters are those of `rank`.
    """
    everybody = zip(user_factors, training.user_slices(), heldout.user_slices(), strict=True)
    measured = [(vector, own, kept) for vector, own, kept in everybody if kept.start < kept.stop]
    if not measured:
        return np.zeros((0, 3))
    ranked = np.full((len(measured), PLACES), -1, dtype=np.int64)
    for row, (vector, own, _) in enumerate(measured):
        best = best_items(public, vector, training.items[own], PLACES)
        ranked[row, : len(best)] = best
    relevant = [heldout.items[kept] for _, _, kept in measured]
    return np.column_stack(
        [
            ndcg_at(PLACES, ranked, relevant),
            hit_rate_at(PLACES, ranked, relevant),
            np.ones(len(measured)),
        ]
    )


class SummedRankings:
    """The row of the table in which participants sum how well their held-out items are ranked.

    Its columns are NDCG@10, hits and users; no user adds more than 1 to any of them.

    Parameters
    ----------
    users
        All users of the federation.
    """

    def __init__(self, users: int) -> None:
        bits = math.floor(SUM_BITS - 1 - math.log2(users))
        self.group = summed_group(max(0, min(MOST_FRACTION_BITS, bits)), limit=1.0)

    def row(
        self,
        public: PublicModel,
        user_factors: FloatArray,
        training: OwnedRatings,
        heldout: OwnedRatings,
    ) -> RowValues:
        """Return a participant's contribution to the row."""
        found = ranked_by_user(public, user_factors, training, heldout)
        return RowValues.of_one_row(self.group.rounded(found).sum(axis=0))

    def from_row(self, values: FloatArray) -> Ranking:
        """Return what the opened row says, shape (1, 3)."""
        ndcg, hits, users = values[0]
        return Ranking(float(ndcg), float(hits), float(users))
