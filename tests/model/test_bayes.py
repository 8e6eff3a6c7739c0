from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedmf.model import Contribution, FloatArray, Method, PublicModel, bayes_table
from fedmf.model.bayes import Bayes
from fedmf.model.bayes_table import ITEM_LIMIT, STARS
from fedmf.model.item_posteriors import ItemPosteriors
from fedmf.model.symmetric_matrices import SharedBasis
from fedmf.ratings import OwnedRatings, Ratings, RatingScale, load_ratings
from tests.contracts.method_contract import MethodContract, apply
from tests.model.small_federation import ITEMS, RATINGS, USERS, D, largest_shares, ratings_of, train

HALF_STARS = RatingScale(0.5, 5.0)
FEATURES = 2


class TestBayes(MethodContract):
    name: ClassVar[str] = "bayes"
    quality_range: ClassVar[tuple[float, float]] = (0.79, 0.84)

    def test_new_users_and_members_are_the_same(
        self, method: Method, training: Ratings, public: PublicModel
    ) -> None:
        owned = self.some(training, 5)
        start = method.start_user_factors(owned.users)
        member = method.participant_step(public, owned, start, None).user_factors[0]
        np.testing.assert_array_equal(method.fold_in(public, owned.items, owned.values), member)


def make(**changed: Any) -> Bayes:
    chosen = {"factors": D, "users": USERS, "items": ITEMS, "scale": HALF_STARS}
    return Bayes(**{**chosen, "rater_features": FEATURES, **changed})


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


@pytest.fixture
def fine_steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Round rows of items to steps that are too fine to be seen."""
    monkeypatch.setattr(bayes_table, "ITEM_FRACTION_BITS", 44)
    for cached in (bayes_table.groups_of, bayes_table.groups_by_name):
        cached.cache_clear()
    yield
    for cached in (bayes_table.groups_of, bayes_table.groups_by_name):
        cached.cache_clear()


def means_of(public: PublicModel) -> FloatArray:
    """Return [v, b] of all items."""
    return public.item_factors[:, [*range(D), D + 1]]


def prior_of(method: Bayes, public: PublicModel) -> FloatArray:
    variances = [method.factor_variance] * D + [method.item_bias_variance]
    return np.diag(public.statistics["noise"][0] / np.array(variances))


class ByHand(NamedTuple):
    mean: FloatArray
    covariance: FloatArray
    square: FloatArray
    facts: FloatArray
    noise: float
    told: float
    omega: float


def user_by_hand(method: Bayes, public: PublicModel, ratings: OwnedRatings) -> ByHand:
    """Return the posterior of one user, item by item in loops, with its noise found once."""
    known, means = public.statistics, means_of(public)
    tau, gram, prior = float(known["noise"][0]), known["gram"], prior_of(method, public)
    count = len(ratings)
    v, b = means[ratings.items, :D], means[ratings.items, D]
    popular = np.log1p(known["raters"][ratings.items]).mean() - 4
    sums = v.sum(axis=0) / np.sqrt(count + 10), b.sum() / (count + 10)
    facts = np.concatenate([[1, np.log1p(count) - 4], sums[0], [sums[1], popular]])
    centre = known["user_prior"] @ facts
    noise = tau
    for _ in range(2):
        ridge = noise * np.array([1.0] * D + [1 / method.user_bias_variance])
        precision, right = np.diag(ridge), ridge * centre
        covariances = []
        for item, value in zip(ratings.items, ratings.values, strict=True):
            covariances.append(tau * np.linalg.inv(known["weights"][item] * gram + prior))
            w = np.append(means[item, :D], 1.0)
            left = value - method.scale.lowest - known["mean"][0] - means[item, D]
            precision += np.outer(w, w)
            precision[:D, :D] += covariances[-1][:D, :D]
            right += w * left
            right[:D] -= covariances[-1][:D, D]
        found: FloatArray = np.linalg.solve(precision, right).astype(np.float64)
        covariance = np.asarray(noise * np.linalg.inv(precision), dtype=np.float64)
        extended = np.append(found[:D], 1.0)
        square = np.outer(extended, extended)
        square[:D, :D] += covariance[:D, :D]
        total, used = 30 * tau, noise
        for item, value, psi in zip(ratings.items, ratings.values, covariances, strict=True):
            w = np.append(means[item, :D], 1.0)
            left = value - method.scale.lowest - known["mean"][0] - means[item, D]
            total += (left - w @ found) ** 2 + w @ covariance @ w + np.trace(square @ psi)
        noise = total / (count + 30)
    omega = np.rint(256 * np.clip(tau / used, 1 / 3, 3)) / 256
    return ByHand(found, covariance, square, facts, float(used), float(noise), float(omega))


@pytest.mark.usefixtures("fine_steps")
def test_a_user_step_by_hand() -> None:
    method, ratings = make(), some_ratings()
    public, _ = train(method, ratings, rounds=3)
    known = public.statistics
    own = one(ratings, 2)
    step = method.participant_step(public, own, method.start_user_factors(own.users), None)
    user = user_by_hand(method, public, own)
    level = 0.5 + known["mean"][0] + user.mean[D]
    np.testing.assert_allclose(step.user_factors[0], [*user.mean[:D], level, 1.0, user.noise])
    added = {name: part.values for name, part in step.contribution.items()}
    means = means_of(public)
    for k, item in enumerate(own.items):
        v = means[item, :D]
        error = own.values[k] - 0.5 - known["mean"][0] - means[item, D]
        error -= v @ user.mean[:D] + user.mean[D]
        z = error * np.append(user.mean[:D], 1.0) + known["gram"] @ means[item]
        z[:D] -= user.covariance[:D, :D] @ v + user.covariance[:D, D]
        np.testing.assert_allclose(added["items"][k], user.omega * z, rtol=1e-8)
    assert set(added["weights"].flat) == {user.omega}
    upper = len(own) * user.omega * user.square[np.triu_indices(D + 1)]
    np.testing.assert_allclose(added["gram"][0], upper, atol=2**-9)
    np.testing.assert_allclose(added["noise"][0], [len(own) / user.told, len(own)], atol=2**-9)
    products, squares = method._table.split_prior_sums(added["users"][0])
    np.testing.assert_allclose(products, np.outer(user.mean, user.facts), atol=2**-9)
    np.testing.assert_allclose(squares, np.outer(user.facts, user.facts), atol=2**-9)


def trained_on_some(**changed: Any) -> tuple[Bayes, OwnedRatings, PublicModel, Contribution]:
    """Train on a part of the bundled ratings; return the last contribution, too."""
    rounds, least = changed.pop("rounds", 4), changed.pop("least", 1)
    ratings = load_ratings("movielens-small").take(users=60, items=80)
    owned = ratings.owned_by(range(ratings.n_users))
    sizes = {"users": ratings.n_users, "items": ratings.n_items}
    method = make(**{**sizes, **changed})
    return method, owned, *train(method, owned, rounds, least)


def test_features_are_the_principal_components_of_who_rated_what() -> None:
    """Orthogonal iteration over sums comes near the singular vectors of the pooled matrix."""
    method, owned, public, contribution = trained_on_some()
    counts = np.diff(owned.starts)
    matrix = np.zeros((method.users, method.items))
    users = np.repeat(np.arange(method.users), counts)
    matrix[users, owned.items] = 1 / np.sqrt(counts[users])
    _, _, right = np.linalg.svd(matrix)
    raters = public.statistics["raters"]
    found = np.linalg.qr(public.statistics["features"] * np.sqrt(raters)[:, np.newaxis])[0]
    cosines = np.linalg.svd(found.T @ right[:FEATURES].T)[1]
    assert cosines[0] > 0.99
    assert cosines[1] > 0.8
    assert contribution["features"].values.any()
    # The first sweeps make them; from then on they stay, and nobody adds to them.
    _, _, later, contribution = trained_on_some(rounds=6)
    assert not contribution["features"].values.any()
    np.testing.assert_array_equal(later.statistics["features"], public.statistics["features"])


@pytest.mark.usefixtures("fine_steps")
def test_rounds_end_where_the_exact_update_of_every_item_ends() -> None:
    method, ratings = make(), some_ratings()
    public, _ = train(method, ratings, rounds=400)
    known, means, prior = public.statistics, means_of(public), prior_of(method, public)
    # The update of mean-field variational Bayes with every item's own sum over its raters in the
    # place of o_j C, around its prior mean: no item may move any more.
    for item in range(method.items):
        left, right = prior.copy(), prior @ known["prior_means"][item]
        for user in range(5):
            own = one(ratings, user)
            if item in own.items:
                found = user_by_hand(method, public, own)
                value = own.values[own.items == item][0] - method.scale.lowest
                left += found.omega * found.square
                bias = value - known["mean"][0] - found.mean[D]
                extended = np.append(found.mean[:D], 1.0)
                right += found.omega * bias * extended
                right[:D] -= found.omega * found.covariance[:D, D]
        np.testing.assert_allclose(np.linalg.solve(left, right), means[item], atol=1e-7)


def test_the_prior_mean_of_items_is_the_most_likely_one() -> None:
    """Against the marginal likelihood of the sums, for each direction of the basis."""
    rng = np.random.default_rng(1)
    gram, prior = np.diag([1.0, 2.0]), np.diag([3.0, 5.0])
    shared = SharedBasis.of(gram, prior)
    weights, facts = rng.uniform(1, 9, 40), rng.normal(size=(40, 4))
    sums = rng.normal(size=(40, 2)) * weights[:, np.newaxis]
    found = ItemPosteriors.solved(shared, weights, sums, facts)

    def log_likelihood(prior_means: FloatArray) -> float:
        total = 0.0
        for o, row, centre in zip(weights, sums, prior_means, strict=True):
            # S ~ N(o C M, o C + (o C) R^-1 (o C)) in units of the noise.
            spread = o * gram + o * gram @ np.linalg.inv(prior) @ gram * o
            apart = row - o * gram @ centre
            total -= float(apart @ np.linalg.solve(spread, apart)) / 2
        return total

    coefficients = np.linalg.lstsq(facts, found.prior_means, rcond=None)[0]
    in_basis = np.linalg.solve(shared.basis, coefficients.T).T
    ridge = np.array([1e-3, 1.0, 1.0, 1.0])[:, np.newaxis]

    def objective(chosen: FloatArray) -> float:
        return (
            log_likelihood(facts @ chosen @ shared.basis.T) - float((ridge * chosen**2).sum()) / 2
        )

    best = objective(in_basis)
    for _ in range(50):
        assert objective(in_basis + 1e-3 * rng.normal(size=in_basis.shape)) < best


def test_items_without_raters_are_where_popularity_says() -> None:
    _, _, public, _ = trained_on_some(least=8)
    unseen = public.statistics["raters"] == 0
    assert 0 < unseen.sum() < len(unseen)
    found = means_of(public)
    np.testing.assert_array_equal(found[unseen], public.statistics["prior_means"][unseen])
    # All of them have the same facts: no raters that are told, and no features.
    assert np.ptp(found[unseen], axis=0).max() < 1e-12
    assert np.ptp(found[~unseen], axis=0).min() > 0


def test_sums_of_other_rounds_count_as_if_made_in_the_last_one() -> None:
    """A table of which only a slice was renewed and nothing moved stands for the same model."""
    method, ratings = make(), some_ratings()
    public, contribution = train(method, ratings, rounds=300)
    table = dict(apply(method.start_table(), [contribution]))
    table["raters"] = public.statistics["raters"][:, np.newaxis]
    once = method.decode(table, public)
    sliced = method.decode(table, public, np.array([0, 2, 3]))
    np.testing.assert_allclose(means_of(sliced), means_of(once), atol=2e-3)


def test_the_variance_of_a_prediction_by_hand() -> None:
    method, ratings = make(), some_ratings()
    public, _ = train(method, ratings, rounds=3)
    own = one(ratings, 2)
    user, prior = user_by_hand(method, public, own), prior_of(method, public)
    known = public.statistics
    expected = []
    for item in (0, 5):
        w = np.append(means_of(public)[item, :D], 1.0)
        precision = known["weights"][item] * known["gram"] + prior
        of_item = known["noise"][0] * np.trace(user.square @ np.linalg.inv(precision))
        expected.append(user.noise + w @ user.covariance @ w + of_item)
    items = np.array([0, 5], np.int32)
    vector = method.fold_in(public, own.items, own.values)
    variances = method.prediction_variances(public, vector, own.items, items)
    np.testing.assert_allclose(variances, expected, rtol=1e-10)


def test_effects_of_ratings_add_up_to_how_far_a_prediction_is_from_that_of_average_ratings() -> (
    None
):
    method, ratings = make(), some_ratings()
    public, _ = train(method, ratings, rounds=3)
    own, item = one(ratings, 2), 5
    effects = method.effects(public, own.items, own.values, item)
    found = method.posterior(public, own.items, own.values)
    for k in range(len(own)):
        # The closed form is the slope: the user's noise held, the posterior is linear in ratings.
        moved = own.values.copy()
        moved[k] += 0.25
        other = method.posterior(public, own.items, moved, float(found.noise[0]))
        change = (other.mean - found.mean)[0] @ np.append(public.item_factors[item, :D], 1.0)
        level = (
            own.values[k] - 0.5 - public.statistics["mean"][0] - means_of(public)[own.items[k], D]
        )
        assert effects[k] == pytest.approx(change / 0.25 * level)


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
    # A rating on the edge of a step may be rounded to the other side of it.
    tolerance = 1e-6 * max(1.0, abs(lowest), length) + 2e-2 * star
    np.testing.assert_allclose(vectors[1] @ public.item_factors.T, expected, atol=tolerance)


def test_items_with_too_few_raters_still_tell_their_rater() -> None:
    method, ratings = make(), some_ratings()
    public, _ = train(method, ratings, rounds=3, least=2)
    own = one(ratings, 0)
    with_it = method.fold_in(public, own.items, own.values)
    without = method.fold_in(public, own.items[:3], own.values[:3])
    assert not np.isclose(with_it[D], without[D])
    user = user_by_hand(method, public, own)
    np.testing.assert_allclose(with_it[:D], user.mean[:D], rtol=1e-10)


def test_a_user_without_ratings_is_at_the_prior_mean() -> None:
    method, ratings = make(), some_ratings()
    public, _ = train(method, ratings, rounds=2)
    nobody = method.fold_in(public, np.zeros(0, np.int32), np.zeros(0))
    known = public.statistics
    prior = known["user_prior"][:, 0]
    level = 0.5 + known["mean"][0] + prior[D]
    np.testing.assert_allclose(nobody, [*prior[:D], level, 1.0, known["noise"][0]], atol=1e-12)


def test_one_user_moves_the_noise_of_all_by_little_and_a_dull_one_by_no_more() -> None:
    """Who gives all items the same rating has nearly no noise, and a weight of 3 at the most."""
    method = make()
    ratings = ratings_of(np.concatenate([np.full(4, 3.0), some_ratings().values[4:]]))
    public, contribution = train(method, ratings, rounds=8)
    own = one(ratings, 0)
    step = method.participant_step(public, own, method.start_user_factors(own.users), None)
    omega = step.contribution["weights"].values
    assert 1.0 < omega.max() <= 3.0
    assert contribution["noise"].values[0, 0] > 0


def test_an_outlier_is_cut_off_at_the_limit() -> None:
    method = make(noise=1e-4, user_bias_variance=1e6, factor_variance=1e3)
    ratings = some_ratings()
    public, _ = train(method, ratings, rounds=2)
    own = one(ratings, 0)
    step = method.participant_step(public, own, method.start_user_factors(own.users), None)
    limits = {group.name: group.limit for group in method.row_groups()}
    for name, part in step.contribution.items():
        assert np.abs(part.values).max() <= limits[name]
    assert np.abs(step.contribution["items"].values).max() == ITEM_LIMIT


def test_contributions_on_real_ratings_stay_far_from_the_limits() -> None:
    ratings = load_ratings("movielens-small")
    method = make(
        factors=16,
        users=ratings.n_users,
        items=ratings.n_items,
        scale=ratings.scale,
        rater_features=16,
    )
    shares = largest_shares(method, ratings)
    assert 2.0 / ITEM_LIMIT < shares["items"] < 0.6
    assert shares["gram"] < 0.6
    assert shares["users"] < 0.6


def test_heavy_users_weigh_as_much_as_the_heaviest_that_count() -> None:
    method = make(items=2_000, users=3)
    many = np.arange(2_000, dtype=np.int32)
    heavy = OwnedRatings(np.zeros(1, np.int32), np.array([0, 2_000]), many, np.full(2_000, 5.0))
    total, weight = method.setup_contribution(heavy)["totals"].values[0] * method._table.unit
    assert weight == pytest.approx(1_024)
    assert total / weight == pytest.approx(STARS / 2)


@pytest.mark.parametrize("users", [7, 671, 20_000, 10**6])
@pytest.mark.parametrize("length", [1.0, 4.5, 1e5])
def test_shared_sums_fit_30_bits(users: int, length: float) -> None:
    method = make(users=users, items=60_000, factors=32, scale=RatingScale(0.0, length))
    for group in method.row_groups():
        if group.of_items:
            assert 1_024 * group.limit * 2**group.fraction_bits < 2**23
        else:
            assert users * group.limit * 2**group.fraction_bits <= 2**29 + 1


@pytest.mark.parametrize("features", [0, 2])
def test_a_scale_of_one_point_is_no_obstacle(features: int) -> None:
    scale = RatingScale(3.0, 3.0)
    public, _ = train(make(scale=scale, rater_features=features), some_ratings(scale), rounds=5)
    assert np.isfinite(public.item_factors).all()


def test_seeds_give_different_starts() -> None:
    ratings = some_ratings()
    starts = [means_of(train(m, ratings, 0)[0]) for m in (make(), replace(make(), seed=1))]
    assert not np.isclose(starts[0][:5, :D], starts[1][:5, :D]).any()


def test_a_users_integers_are_the_same_for_any_grouping() -> None:
    """One by one, in other batches, and all together: to the last bit of every float."""
    ratings = load_ratings("movielens-small").take(users=120)
    everybody = ratings.owned_by(range(120))
    method = make(factors=16, users=120, items=ratings.n_items, scale=ratings.scale)
    public, _ = train(method, everybody, rounds=3)
    nothing = method.start_user_factors(everybody.users)
    together = method.participant_step(public, everybody, nothing, None).user_factors
    order = np.random.default_rng(0).permutation(120)
    for group in [[user] for user in range(0, 120, 7)] + np.array_split(order, 5):
        own = ratings.owned_by(np.array(group))
        step = method.participant_step(public, own, nothing[: len(group)], None)
        np.testing.assert_array_equal(step.user_factors, together[own.users])
