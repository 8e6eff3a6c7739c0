from typing import Any, ClassVar

import numpy as np
import pytest

from fedmf.model import PublicModel, implicit
from fedmf.model.implicit import GRAM_LIMIT, ITEM_LIMIT, Implicit
from fedmf.ratings import OwnedRatings, RatingScale, load_ratings
from tests.contracts.method_contract import MethodContract
from tests.model.small_federation import ITEMS, RATINGS, USERS, D, largest_shares, ratings_of, train


class TestImplicit(MethodContract):
    name: ClassVar[str] = "implicit"
    quality_range: ClassVar[tuple[float, float]] = (0.35, 0.45)


def make(**changed: Any) -> Implicit:
    return Implicit(
        **{
            "factors": D,
            "users": USERS,
            "items": ITEMS,
            "scale": RatingScale(0, 1),
            "reg": 0.003,
            **changed,
        }
    )


def some_ratings() -> OwnedRatings:
    return ratings_of(np.ones(RATINGS))


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


def test_rounds_end_at_a_minimum_of_the_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    for bits in ("ITEM_FRACTION_BITS", "MOST_FRACTION_BITS"):
        monkeypatch.setattr(implicit, bits, 44)
    method, ratings = make(alpha=0.3), some_ratings()
    items = train(method, ratings, rounds=800)[0].item_factors
    public, _ = train(method, ratings, rounds=801)
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
        public, _ = train(method, ratings, rounds)
        users = method.user_factors(public, ratings, method.start_user_factors(ratings.users))
        losses.append(loss(method, users, public.item_factors, ratings))
    assert losses == sorted(losses, reverse=True)


def test_the_values_of_ratings_make_no_difference() -> None:
    method, ratings = make(), some_ratings()
    public, _ = train(method, ratings, 2)
    items = np.array([1, 4], np.int32)
    np.testing.assert_array_equal(
        method.fold_in(public, items, np.array([0.5, 5.0])),
        method.fold_in(public, items, np.array([3.0, 1.0])),
    )


def test_contributions_on_real_ratings_stay_far_from_the_limits() -> None:
    ratings = load_ratings("movielens-small")
    shares = largest_shares(make(factors=16, users=ratings.n_users, items=ratings.n_items), ratings)
    assert 0.1 / ITEM_LIMIT < shares["items"] < 1 / 2
    assert 0.1 / GRAM_LIMIT < shares["gram"] < 1 / 2


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


def test_recency_weighs_what_was_met_last() -> None:
    method = make()
    public, _ = train(method, some_ratings(), 3)
    items, values = np.array([4, 0, 2], np.int32), np.ones(3)
    v = public.item_factors
    # Weights, the loss of one user with them, and its minimum by the normal equations.
    weights = 4.0 / np.array([3.0, 2.0, 1.0])
    left = (weights * v[items].T) @ v[items] + method.alpha * v.T @ v
    left += method.reg * (weights.sum() + method.alpha * method.items) * np.eye(D)
    wanted = np.linalg.solve(left, weights @ v[items])
    recent = method.with_recency(4.0)
    np.testing.assert_allclose(recent.fold_in(public, items, values), wanted, rtol=1e-10)
    backwards = recent.fold_in(public, items[::-1], values)
    assert not np.allclose(backwards, wanted)
    plain = method.fold_in(public, items, values)
    np.testing.assert_allclose(method.fold_in(public, items[::-1], values), plain, rtol=1e-10)


def test_no_sum_depends_on_recency() -> None:
    ratings = some_ratings()
    public, contribution = train(make(), ratings, 3)
    recent, same = train(make(recency=4.0), ratings, 3)
    np.testing.assert_array_equal(public.item_factors, recent.item_factors)
    for name, part in contribution.items():
        np.testing.assert_array_equal(part.values, same[name].values)


def test_lambda_falls_with_the_size_of_the_federation() -> None:
    scale = RatingScale(0, 1)
    assert Implicit.defaults(610, 9724, scale)["reg"] == pytest.approx(0.00308, abs=1e-5)
    assert Implicit.defaults(5, 6, scale)["reg"] == 0.03
