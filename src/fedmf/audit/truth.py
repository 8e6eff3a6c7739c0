"""What really was rated: attacks never see it, judges compare with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fedmf.model import FloatArray
from fedmf.ratings import Ratings


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class Truth:
    """All ratings of a federation of single users."""

    values: FloatArray
    """Rating of every participant and item, NaN where there is none, shape (participants, items).
    """

    @classmethod
    def of(cls, ratings: Ratings) -> Truth:
        """Return the truth about a table of ratings."""
        values = np.full((ratings.n_users, ratings.n_items), np.nan)
        values[ratings.users, ratings.items] = ratings.values
        return cls(values)

    @property
    def step(self) -> float:
        """The smallest distance of two ratings: half a star in most data."""
        given = np.unique(self.values[~np.isnan(self.values)])
        return float(np.diff(given).min()) if len(given) > 1 else 1.0

    @property
    def commonest(self) -> float:
        """The rating that is given most often."""
        given, counts = np.unique(self.values[~np.isnan(self.values)], return_counts=True)
        return float(given[counts.argmax()])

    def share_of_commonest(self, participants: Sequence[int]) -> float:
        """Return how often guessing the commonest rating is right: the chance level."""
        own = self.values[list(participants)]
        own = own[~np.isnan(own)]
        return float(np.mean(own == self.commonest)) if len(own) else 0.0
