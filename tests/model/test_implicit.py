from typing import Any, ClassVar

import numpy as np
import pytest

from fedmf.model import RATERS, Contribution, Method, PublicModel, configure_method
from fedmf.model.implicit import ITEM_LIMIT, Implicit
from fedmf.ratings import OwnedRatings, Ratings, RatingScale, load_ratings
from tests.contracts.method_contract import ROUNDS, MethodContract, apply, split

__all__ = ["split"]

D = 3


class TestImplicit(MethodContract):
    quality_range: ClassVar[tuple[float, float]] = (0.35, 0.45)

    def configured(self, training: Ratings) -> Method:
        return configure_method(
            "implicit",
            users=training.n_users,
            items=training.n_items,
            rounds=ROUNDS,
            scale=training.scale,
            factors=8,
        )


def make(**changed: Any) -> Implicit:
    settings: dict[str, Any] = {"factors": D, "users": 5, "items": 6, "scale": RatingScale(0, 1)}
    return Implicit(**{**settings, **changed})


def some_ratings() -> OwnedRatings:
    rated = ([0, 1, 2, 5], [0, 2, 3], [1, 2, 3, 4], [0, 4], [1, 3, 4])
    starts = np.concatenate(([0], np.cumsum([len(items) for items in rated])))
    items = np.concatenate(rated).astype(np.int32)
    return OwnedRatings(np.arange(5, dtype=np.int32), starts, items, np.ones(len(items)))


def train(method: Implicit, ratings: OwnedRatings, rounds: int) -> PublicModel:
    """Train in floats, everybody in every round."""
    counts = np.bincount(ratings.items, minlength=method.items).astype(float)[:, np.newaxis]
    public = method.decode({**method.start_table(), RATERS: counts}, None)
    vectors = method.start_user_factors(ratings.users)
    for _ in range(rounds):
        contribution: Contribution = method.participant_step(
            public, ratings, vectors, None
        ).contribution
        public = method.decode(
            {**apply(method.start_table(), [contribution]), RATERS: counts}, public
        )
    return public


def loss(method: Implicit, users: np.ndarray, items: np.ndarray, ratings: OwnedRatings) -> float:
    """Return the loss of the module's docstring, pair by pair."""
    met = np.zeros((method.users, method.items), dtype=bool)
    met[np.repeat(ratings.users, np.diff(ratings.starts)), ratings.items] = True
    scores = users @ items.T
    of_users = met.sum(axis=1) + method.alpha * method.items
    of_items = met.sum(axis=0) + method.alpha * method.users
    return float(
        np.sum((1 - scores[met]) ** 2)
        + method.alpha * np.sum(scores**2)
        + method.reg * (of_users @ np.sum(users**2, axis=1))
        + method.reg * (of_items @ np.sum(items**2, axis=1))
    )


def test_rounds_end_at_a_minimum_of_the_loss() -> None:
    method, ratings = make(alpha=0.3), some_ratings()
    items = train(method, ratings, rounds=800).item_factors
    public = train(method, ratings, rounds=801)
    users = method.user_factors(public, ratings, method.start_user_factors(ratings.users))
    np.testing.assert_allclose(public.item_factors, items, atol=1e-9)
    best = loss(method, users, items, ratings)
    rng = np.random.default_rng(5)
    for _ in range(40):
        nudge = 1e-3 * rng.normal(size=(method.users + method.items, D))
        assert loss(method, users + nudge[:5], items + nudge[5:], ratings) > best
    assert best < loss(method, 0 * users, 0 * items, ratings)


def test_rounds_lower_the_loss() -> None:
    method, ratings = make(), some_ratings()
    losses = []
    for rounds in range(1, 6):
        public = train(method, ratings, rounds)
        users = method.user_factors(public, ratings, method.start_user_factors(ratings.users))
        losses.append(loss(method, users, public.item_factors, ratings))
    assert losses == sorted(losses, reverse=True)


def test_the_values_of_ratings_make_no_difference() -> None:
    method, ratings = make(), some_ratings()
    public = train(method, ratings, 2)
    items = np.array([1, 4], np.int32)
    np.testing.assert_array_equal(
        method.fold_in(public, items, np.array([0.5, 5.0])),
        method.fold_in(public, items, np.array([3.0, 1.0])),
    )


def test_contributions_on_real_ratings_stay_far_from_the_limits() -> None:
    ratings = load_ratings("movielens-small")
    everybody = ratings.owned_by(range(ratings.n_users))
    method = make(factors=16, users=ratings.n_users, items=ratings.n_items)
    public = train(method, everybody, rounds=4)
    largest = {"items": 0.0, "gram": 0.0}
    for user in range(ratings.n_users):
        own = ratings.owned_by([user])
        vectors = method.start_user_factors(own.users)
        contribution = method.participant_step(public, own, vectors, None).contribution
        for name in largest:
            largest[name] = max(largest[name], float(np.abs(contribution[name].values).max()))
    limits = {group.name: group.limit for group in method.row_groups()}
    assert 0.1 < largest["items"] < limits["items"] / 2
    assert 0.1 < largest["gram"] < limits["gram"] / 2


def test_an_outlier_is_cut_off_at_the_limit() -> None:
    method = make(reg=1e-9, alpha=1e-9)
    public = PublicModel(1e-4 * np.eye(6, D), {"average": np.eye(D), "unseen": 1e-9 * np.eye(D)})
    own = some_ratings()
    step = method.participant_step(public, own, method.start_user_factors(own.users), None)
    per_user = [group.limit * 5 for group in method.row_groups()]
    found = [np.abs(step.contribution[name].values).max() for name in ("items", "gram")]
    assert found[0] >= ITEM_LIMIT
    assert all(value <= limit for value, limit in zip(found, per_user, strict=True))


@pytest.mark.parametrize("users", [7, 671, 20_000, 10**6])
def test_shared_sums_fit_30_bits(users: int) -> None:
    items, gram = make(users=users, factors=64).row_groups()
    assert users * gram.limit * 2**gram.fraction_bits <= 2**29
    assert 1_024 * items.limit * 2**items.fraction_bits < 2**23
