"""Five users and six items, for methods that share sums: trained in floats, unprotected."""

from __future__ import annotations

import numpy as np

from fedmf.model import RATERS, Contribution, FloatArray, Method, PublicModel
from fedmf.ratings import OwnedRatings, Ratings
from tests.contracts.method_contract import apply

USERS, ITEMS, D = 5, 6, 3
RATED = ([0, 1, 2, 5], [0, 2, 3], [1, 2, 3, 4], [0, 4], [1, 3, 4])
"""What each user rated; the last item has one rater."""
RATINGS = sum(map(len, RATED))


def ratings_of(values: FloatArray) -> OwnedRatings:
    """Return the users' ratings with these values, user after user."""
    starts = np.concatenate(([0], np.cumsum([len(items) for items in RATED])))
    items = np.concatenate(RATED).astype(np.int32)
    return OwnedRatings(np.arange(USERS, dtype=np.int32), starts, items, values)


def train(
    method: Method, ratings: OwnedRatings, rounds: int, least: int = 1
) -> tuple[PublicModel, Contribution]:
    """Train with everybody in every round; items with fewer raters than `least` stay at home."""
    counts = np.bincount(ratings.items, minlength=method.items)
    raters = {RATERS: np.where(counts >= least, counts, 0.0)[:, np.newaxis]}
    table = apply(method.start_table(), [method.setup_contribution(ratings)])
    public = method.decode({**table, **raters}, None)
    vectors = method.start_user_factors(ratings.users)
    contribution: Contribution = {}
    for _ in range(rounds):
        contribution = method.participant_step(public, ratings, vectors, None).contribution
        table = apply(method.start_table(), [contribution])
        for group in method.row_groups():
            if group.of_items:
                table[group.name][raters[RATERS][:, 0] == 0] = 0.0
        public = method.decode({**table, **raters}, public)
    return public, contribution


def largest_shares(method: Method, ratings: Ratings) -> dict[str, float]:
    """Return the largest contribution of any user after four rounds, as a share of its limit."""
    public, _ = train(method, ratings.owned_by(range(ratings.n_users)), rounds=4)
    largest = {group.name: 0.0 for group in method.row_groups()}
    for user in range(ratings.n_users):
        own = ratings.owned_by([user])
        vectors = method.start_user_factors(own.users)
        contribution = method.participant_step(public, own, vectors, None).contribution
        for name in largest:
            largest[name] = max(largest[name], float(np.abs(contribution[name].values).max()))
    limits = {group.name: group.limit for group in method.row_groups()}
    return {name: value / limits[name] for name, value in largest.items()}
