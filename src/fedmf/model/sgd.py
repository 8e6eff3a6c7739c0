"""Method `sgd`: stochastic gradient descent exactly as in the paper (arXiv 1906.05108).

Loss: the sum over all ratings of (r_ij - u_i.v_j)^2 + lambda |u_i|^2 + lambda |v_j|^2. The table is
the item matrix V itself, so decoding is the identity, and a participant's contribution is the sum
of all moves it has ever made: -(learning rate * gradient), round after round.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from fedmf.model.method import Method, PrivateStep
from fedmf.model.public_model import PublicModel
from fedmf.model.rows import (
    Contribution,
    FloatArray,
    FloatTable,
    RowGroup,
    RowValues,
    fraction_bits,
)
from fedmf.ratings import OwnedRatings, RatingScale

ITEMS = "items"
# The authors' own step: python-paillier rounds their precision of 1e-5 to 16^-5, which is 2^-20,
# and their published losses come back to 1e-9.
MOST_FRACTION_BITS = 20
# A user moves an entry of an item by 2 * rate * (error * u - lambda * v). Errors are below the
# largest rating L and, since u.v is a rating, entries about its root at the most: this leaves four
# times that room, and a sum over all users whose bound does not grow with their number.
ROOM_FOR_MOVES = 8.0
# The paper's lambda and start are for ratings up to five stars. On a scale that is c times as long,
# vectors are sqrt(c) and lambda c times as large: then every prediction is c times what it was.
STARS = 5.0
START_SPREAD, CONSTANT_START = 0.1, 0.01
# Streams of the public seed: the same seed must not give a user the vector of an item.
ITEM_STREAM, USER_STREAM = 0, 1

Start = Literal["random", "constant"]


def default_learning_rate(users: int, scale: RatingScale) -> float:
    """Return a learning rate at which the summed steps of all users do not overshoot.

    An item's move is the sum over its raters, at most all users, and its curvature is
    2 |u|^2, of the size of a rating: so the rate falls with users and with the scale. The constant
    is the largest that kept 100 to 610 users of MovieLens stable with room to spare; the bound
    for few users keeps a single user's sequential steps stable.
    """
    largest = max(abs(scale.lowest), abs(scale.highest))
    return min(2.0 / (largest * users), 0.05 / largest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sgd(Method):
    """The paper's method."""

    name: ClassVar[str] = "sgd"
    predicts_ratings: ClassVar[bool] = True
    # The table is V, no matter who rated what.
    needs_raters: ClassVar[bool] = False
    # A contribution is the sum of all moves so far.
    renews_contribution: ClassVar[bool] = False

    rounds: int
    """Number of rounds planned; bounds a contribution."""
    learning_rate: float
    """gamma of the paper."""
    reg: float = 0.05
    """lambda of the paper, for users and items alike, on a scale up to 5; see `STARS`."""
    start: Start = "random"
    """``"random"``: vectors around the constant one whose product is the middle of the scale.
    ``"constant"``: every entry 0.01, as in the authors' prototype, on a scale up to 5; all
    dimensions then stay identical, so the model has rank one."""

    @classmethod
    def defaults(cls, users: int, items: int, scale: RatingScale) -> dict[str, Any]:
        """Return the learning rate for this many users."""
        del items
        return {"learning_rate": default_learning_rate(users, scale)}

    def row_groups(self) -> tuple[RowGroup, ...]:
        """Return one group: the item matrix V, shape (items, factors)."""
        largest = self._largest
        limit = self.rounds * ROOM_FOR_MOVES * self.learning_rate * largest**1.5
        start_limit = _start_limit(self)
        return (
            RowGroup(
                name=ITEMS,
                rows=self.items,
                columns=self.factors,
                fraction_bits=fraction_bits(start_limit + self.users * limit, MOST_FRACTION_BITS),
                limit=limit,
                start_limit=start_limit,
                of_items=True,
            ),
        )

    def start_table(self) -> FloatTable:
        """Return V before the first round."""
        return {
            ITEMS: self._start_vectors(self.items, np.random.default_rng((self.seed, ITEM_STREAM)))
        }

    def decode(
        self,
        table: FloatTable,
        previous: PublicModel | None,
        renewed: NDArray[np.int64] | None = None,
    ) -> PublicModel:
        """Return V: the table is the item matrix."""
        del previous, renewed
        return PublicModel(table[ITEMS])

    def start_user_factors(self, users: NDArray[np.int32]) -> FloatArray:
        """Return one vector a user, which depends only on the public seed and the user's code.

        So it makes no difference which users share a participant or a worker.
        """
        return np.concatenate(
            [
                self._start_vectors(1, np.random.default_rng((self.seed, USER_STREAM, int(user))))
                for user in users
            ]
        )

    def participant_step(
        self,
        public: PublicModel,
        ratings: OwnedRatings,
        user_factors: FloatArray,
        previous: Contribution | None,
    ) -> PrivateStep:
        """Take one step a rating, in time order, user by user.

        As in the authors' prototype the error is taken with the downloaded v_j, u moves first,
        and the gradient of v_j is taken at the new u; V stays as downloaded within the round.
        """
        moves = np.empty((len(ratings.items), self.factors))
        moved_users = np.empty_like(user_factors)
        for k, own in enumerate(ratings.user_slices()):
            moved_users[k] = self._user_pass(
                user_factors[k],
                public.item_factors[ratings.items[own]],
                ratings.values[own],
                moves[own],
            )
        (items,) = self.row_groups()
        total = RowValues.summed_by_item(ratings, items.rounded(moves))
        if previous is not None:
            kept = previous[ITEMS]
            total.values[np.searchsorted(total.rows, kept.rows)] += kept.values
        return PrivateStep(moved_users, {ITEMS: total})

    def user_factors(
        self, public: PublicModel, ratings: OwnedRatings, kept: FloatArray
    ) -> FloatArray:
        """Return the vectors as they are: only rounds move them."""
        del public, ratings
        return kept

    def fold_in(
        self, public: PublicModel, items: NDArray[np.int32], values: FloatArray
    ) -> FloatArray:
        """Return the vector after as many user steps as a member of the federation took."""
        user = self._level_vector()
        downloaded = public.item_factors[items]
        unused = np.empty_like(downloaded)
        for _ in range(self.rounds):
            user = self._user_pass(user, downloaded, values, unused)
        return user

    def _user_pass(
        self, user: FloatArray, downloaded: FloatArray, values: FloatArray, moves: FloatArray
    ) -> FloatArray:
        """Return the moved user vector and fill `moves` with the moves of the item vectors."""
        twice_rate, reg = 2 * self.learning_rate, self.scaled_reg
        for k, (vector, value) in enumerate(zip(downloaded, values, strict=True)):
            error = value - user @ vector
            user = user + twice_rate * (error * vector - reg * user)
            moves[k] = twice_rate * (error * user - reg * vector)
        return user

    @property
    def scaled_reg(self) -> float:
        """Lambda as the step uses it."""
        return self._unit * self.reg

    @property
    def _largest(self) -> float:
        """The largest absolute value that a rating can have."""
        return max(abs(self.scale.lowest), abs(self.scale.highest))

    @property
    def _unit(self) -> float:
        """C of `STARS`; 1 where every rating is zero."""
        return self._largest / STARS or 1.0

    def _start_vectors(self, count: int, rng: np.random.Generator) -> FloatArray:
        if self.start == "constant":
            return np.tile(self._level_vector(), (count, 1))
        spread = START_SPREAD * math.sqrt(self._unit)
        return self._level_vector() + rng.normal(0.0, spread, (count, self.factors))

    def _level_vector(self) -> FloatArray:
        if self.start == "constant":
            return np.full(self.factors, CONSTANT_START * math.sqrt(self._unit))
        middle = (self.scale.lowest + self.scale.highest) / 2
        return np.full(self.factors, math.sqrt(max(middle, 0.0) / self.factors))


@lru_cache(maxsize=16)
def _start_limit(method: Sgd) -> int:
    """Return the bound of V before the first round; every participant asks for it again."""
    # Rounded up, so that the bound does not depend on the seed's luck.
    return math.ceil(float(np.abs(method.start_table()[ITEMS]).max()))


def train_centralised(
    method: Sgd, ratings: OwnedRatings
) -> tuple[FloatArray, FloatArray, list[float]]:
    """Train on pooled ratings: the paper's regular matrix factorization, its point of comparison.

    The same steps in the same order, but an item vector moves at once instead of at the end of the
    round.

    Returns
    -------
    tuple
        User factors, shape (users of `ratings`, d), item factors, shape (items, d), and the mean
        squared error over all ratings after each round.
    """
    item_factors = method.start_table()[ITEMS].copy()
    user_factors = method.start_user_factors(ratings.users)
    twice_rate, reg = 2 * method.learning_rate, method.scaled_reg
    of_user = np.repeat(np.arange(len(ratings.users)), np.diff(ratings.starts))
    losses = []
    for _ in range(method.rounds):
        for k, own in enumerate(ratings.user_slices()):
            user = user_factors[k]
            for item, value in zip(ratings.items[own], ratings.values[own], strict=True):
                vector = item_factors[item]
                error = value - user @ vector
                user = user + twice_rate * (error * vector - reg * user)
                item_factors[item] = vector + twice_rate * (error * user - reg * vector)
            user_factors[k] = user
        products = np.einsum("nd,nd->n", user_factors[of_user], item_factors[ratings.items])
        losses.append(float(np.mean((ratings.values - products) ** 2)))
    return user_factors, item_factors, losses
