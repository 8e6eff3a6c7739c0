from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedmf.model import FloatArray, Method, PublicModel
from fedmf.model.bayes import ITEM_LIMIT, STARS, Bayes
from fedmf.ratings import OwnedRatings, Ratings, RatingScale, load_ratings
from tests.contracts.method_contract import MethodContract
from tests.model.small_federation import ITEMS, RATINGS, USERS, D, largest_shares, ratings_of, train

HALF_STARS = RatingScale(0.5, 5.0)


class TestBayes(MethodContract):
    name: ClassVar[str] = "bayes"
    quality_range: ClassVar[tuple[float, float]] = (0.80, 0.85)

    def test_new_users_and_members_are_the_same(
        self, method: Method, training: Ratings, public: PublicModel
    ) -> None:
        owned = self.some(training, 5)
        start = method.start_user_factors(owned.users)
        member = method.participant_step(public, owned, start, None).user_factors[0]
        np.testing.assert_array_equal(method.fold_in(public, owned.items, owned.values), member)


def make(**changed: Any) -> Bayes:
    return Bayes(**{"factors": D, "users": USERS, "items": ITEMS, "scale": HALF_STARS, **changed})


def some_ratings(scale: RatingScale = HALF_STARS, seed: int = 0) -> OwnedRatings:
    stars = np.random.default_rng(seed).uniform(0.0, 1.0, RATINGS)
    return ratings_of(scale.lowest + (scale.highest - scale.lowest) * stars)


def one(ratings: OwnedRatings, user: int) -> OwnedRatings:
    own = slice(ratings.starts[user], ratings.starts[user + 1])
    return OwnedRatings(
        ratings.users[user : user + 1],
        np.array([0, own.stop - own.start]),
        ratings.items[own],
        ratings.values[own],
    )


def means_of(method: Bayes, public: PublicModel) -> FloatArray:
    return method._means(public, slice(None))


def prior_of(method: Bayes) -> FloatArray:
    return np.diag(
        [method.noise / method.factor_variance] * D + [method.noise / method.item_bias_variance]
    )


def user_by_hand(
    method: Bayes, public: PublicModel, ratings: OwnedRatings
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return mean [u; b] and covariance of one user, and its part of C, item by item in loops."""
    tau, mean = method.noise, public.statistics["mean"][0]
    means, gram = means_of(method, public), public.statistics["gram"]
    prior = prior_of(method)
    precision = np.diag([tau] * D + [tau / method.user_bias_variance])
    right = np.zeros(D + 1)
    for item, value in zip(ratings.items, ratings.values, strict=True):
        covariance = tau * np.linalg.inv(public.statistics["raters"][item] * gram + prior)
        w = np.append(means[item, :D], 1.0)
        left = value - method.scale.lowest - mean - means[item, D]
        precision += np.outer(w, w)
        precision[:D, :D] += covariance[:D, :D]
        right += w * left
        right[:D] -= covariance[:D, D]
    found: FloatArray = np.linalg.solve(precision, right).astype(np.float64)
    covariance = tau * np.linalg.inv(precision)
    extended = np.append(found[:D], 1.0)
    square = np.outer(extended, extended)
    square[:D, :D] += covariance[:D, :D]
    return found, covariance, square


def test_a_user_step_by_hand() -> None:
    method, ratings = make(), some_ratings()
    public, _ = train(method, ratings, rounds=3)
    own = one(ratings, 2)
    step = method.participant_step(public, own, method.start_user_factors(own.users), None)
    found, covariance, square = user_by_hand(method, public, own)
    np.testing.assert_allclose(step.user_factors[0], [*found, 1.0], rtol=1e-10)
    upper = step.contribution["gram"].values[0] * method._unit
    np.testing.assert_allclose(upper, len(own) * square[np.triu_indices(D + 1)], atol=1e-12)
    means, gram = means_of(method, public), public.statistics["gram"]
    for k, item in enumerate(own.items):
        v = means[item, :D]
        error = own.values[k] - 0.5 - public.statistics["mean"][0] - means[item, D]
        error -= v @ found[:D] + found[D]
        z = error * np.append(found[:D], 1.0) + gram @ means[item]
        z[:D] -= covariance[:D, :D] @ v + covariance[:D, D]
        np.testing.assert_allclose(step.contribution["items"].values[k], z, rtol=1e-8)


def test_rounds_end_where_the_exact_update_of_every_item_ends() -> None:
    method, ratings = make(), some_ratings()
    public, _ = train(method, ratings, rounds=400)
    means, mean = means_of(method, public), public.statistics["mean"][0]
    prior = prior_of(method)
    # The update of mean-field variational Bayes with every item's own sum over its raters in the
    # place of n_j C: no item may move any more.
    for item in range(method.items):
        left, right = prior.copy(), np.zeros(D + 1)
        for user in range(5):
            own = one(ratings, user)
            if item in own.items:
                found, covariance, square = user_by_hand(method, public, own)
                value = own.values[own.items == item][0] - method.scale.lowest
                left += square
                right += (value - mean - found[D]) * np.append(found[:D], 1.0)
                right[:D] -= covariance[:D, D]
        np.testing.assert_allclose(np.linalg.solve(left, right), means[item], atol=1e-9)


def test_the_variance_of_a_prediction_by_hand() -> None:
    method, ratings = make(), some_ratings()
    public, _ = train(method, ratings, rounds=3)
    own = one(ratings, 2)
    found, covariance, square = user_by_hand(method, public, own)
    prior = prior_of(method)
    expected = []
    for item in (0, 5):
        w = np.append(means_of(method, public)[item, :D], 1.0)
        precision = public.statistics["raters"][item] * public.statistics["gram"] + prior
        of_item = method.noise * np.trace(square @ np.linalg.inv(precision))
        expected.append(method.noise + w @ covariance @ w + of_item)
    items = np.array([0, 5], np.int32)
    vector = np.append(found, 1.0)
    variances = method.prediction_variances(public, vector, own.items, items)
    np.testing.assert_allclose(variances, expected, rtol=1e-10)


def test_variances_grow_with_the_square_of_the_scale() -> None:
    scale = RatingScale(10.0, 19.0)
    found = []
    for chosen in (HALF_STARS, scale):
        method, ratings = make(scale=chosen), some_ratings(chosen)
        public, _ = train(method, ratings, rounds=2)
        own, items = one(ratings, 2), np.arange(6, dtype=np.int32)
        vector = method.fold_in(public, own.items, own.values)
        found.append(method.prediction_variances(public, vector, own.items, items))
    np.testing.assert_allclose(found[1], 4 * found[0], rtol=1e-9)


def test_gram_is_the_average_over_all_ratings() -> None:
    method, ratings = make(), some_ratings()
    before, contribution = train(method, ratings, rounds=2)
    public, _ = train(method, ratings, rounds=1)
    total = np.zeros((D + 1, D + 1))
    for user in range(5):
        own = one(ratings, user)
        total += len(own) * user_by_hand(method, public, own)[2]
    np.testing.assert_allclose(before.statistics["gram"], total / len(ratings), rtol=1e-10)
    assert contribution["gram"].values.shape == (1, (D + 1) * (D + 2) // 2)


@given(st.integers(0, 2**32), st.floats(-1e3, 1e3), st.floats(1e-3, 1e3))
def test_predictions_move_and_stretch_with_the_scale(
    seed: int, lowest: float, length: float
) -> None:
    scale = RatingScale(lowest, lowest + length)
    stars, _ = train(make(), some_ratings(seed=seed), rounds=2)
    public, _ = train(make(scale=scale), some_ratings(scale, seed), rounds=2)
    star = (scale.highest - scale.lowest) / STARS
    vectors = [
        make(scale=s).user_factors(p, r, make().start_user_factors(r.users))
        for s, p, r in (
            (HALF_STARS, stars, some_ratings(seed=seed)),
            (scale, public, some_ratings(scale, seed)),
        )
    ]
    expected = lowest + star * (vectors[0] @ stars.item_factors.T - 0.5)
    tolerance = 1e-6 * max(1.0, abs(lowest), length)
    np.testing.assert_allclose(vectors[1] @ public.item_factors.T, expected, atol=tolerance)


def test_items_with_too_few_raters_stay_at_the_prior_and_still_tell_their_rater() -> None:
    method, ratings = make(), some_ratings()
    public, _ = train(method, ratings, rounds=3, least=2)
    np.testing.assert_allclose(means_of(method, public)[5], 0.0, atol=1e-12)
    own = one(ratings, 0)
    with_it = method.fold_in(public, own.items, own.values)
    without = method.fold_in(public, own.items[:3], own.values[:3])
    assert not np.isclose(with_it[D], without[D])
    found, _, _ = user_by_hand(method, public, own)
    np.testing.assert_allclose(with_it[:-1], found, rtol=1e-10)


def test_a_user_without_ratings_is_the_average_user() -> None:
    method, ratings = make(), some_ratings()
    public, _ = train(method, ratings, rounds=2)
    nobody = method.fold_in(public, np.zeros(0, np.int32), np.zeros(0))
    np.testing.assert_array_equal(nobody, [0.0] * (D + 1) + [1.0])


def test_an_outlier_is_cut_off_at_the_limit() -> None:
    method = make(noise=1e-4, user_bias_variance=1e6, factor_variance=1e3)
    ratings = some_ratings()
    public, _ = train(method, ratings, rounds=2)
    own = one(ratings, 0)
    step = method.participant_step(public, own, method.start_user_factors(own.users), None)
    assert np.abs(step.contribution["items"].values).max() == ITEM_LIMIT
    gram = next(group for group in method.row_groups() if group.name == "gram")
    assert np.abs(step.contribution["gram"].values).max() <= gram.limit


def test_contributions_on_real_ratings_stay_far_from_the_limits() -> None:
    ratings = load_ratings("movielens-small")
    method = make(factors=16, users=ratings.n_users, items=ratings.n_items, scale=ratings.scale)
    shares = largest_shares(method, ratings)
    assert 2.0 / ITEM_LIMIT < shares["items"] < 1 / 2
    assert shares["gram"] < 1 / 2


def test_heavy_users_weigh_as_much_as_the_heaviest_that_count() -> None:
    method = make(items=2_000, users=3)
    many = np.arange(2_000, dtype=np.int32)
    heavy = OwnedRatings(np.zeros(1, np.int32), np.array([0, 2_000]), many, np.full(2_000, 5.0))
    total, weight = method.setup_contribution(heavy)["totals"].values[0] * method._unit
    assert weight == pytest.approx(1_024)
    assert total / weight == pytest.approx(STARS / 2)


@pytest.mark.parametrize("users", [7, 671, 20_000, 10**6])
@pytest.mark.parametrize("length", [1.0, 4.5, 1e5])
def test_shared_sums_fit_30_bits(users: int, length: float) -> None:
    method = make(users=users, items=60_000, factors=32, scale=RatingScale(0.0, length))
    items, *shared = method.row_groups()
    for group in shared:
        assert users * group.limit * 2**group.fraction_bits <= 2**29 + 1
    assert 1_024 * items.limit * 2**items.fraction_bits < 2**23


def test_more_relaxation_moves_further_the_same_way() -> None:
    ratings = some_ratings()
    first, _ = train(make(), ratings, rounds=1)
    moved, further = (train(make(relaxation=r), ratings, rounds=2)[0] for r in (1.0, 1.5))
    old, near, far = (means_of(make(), public) for public in (first, moved, further))
    np.testing.assert_allclose(far - old, 1.5 * (near - old), atol=1e-12)


def test_a_scale_of_one_point_is_no_obstacle() -> None:
    scale = RatingScale(3.0, 3.0)
    public, _ = train(make(scale=scale), some_ratings(scale), rounds=3)
    predicted = make().start_user_factors(np.zeros(1, np.int32)) @ public.item_factors.T
    assert np.isfinite(predicted).all()


def test_seeds_give_different_starts() -> None:
    ratings = some_ratings()
    starts = [means_of(m, train(m, ratings, 0)[0]) for m in (make(), replace(make(), seed=1))]
    assert not np.isclose(starts[0][:5, :D], starts[1][:5, :D]).any()
