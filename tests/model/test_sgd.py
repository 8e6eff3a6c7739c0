from typing import Any, ClassVar

import numpy as np
import pytest

from fedmf.errors import SettingsError, UnknownNameError
from fedmf.model import PublicModel, RowValues, configure_method, restore_method
from fedmf.model.sgd import Sgd, default_learning_rate
from fedmf.ratings import OwnedRatings, RatingScale
from tests.contracts.method_contract import MethodContract

STARS = RatingScale(0.5, 5.0)


def owned(
    users: list[int], starts: list[int], items: list[int], values: list[float]
) -> OwnedRatings:
    return OwnedRatings(
        np.array(users, np.int32), np.array(starts), np.array(items, np.int32), np.array(values)
    )


def make(**changed: Any) -> Sgd:
    settings: dict[str, Any] = {
        "factors": 3,
        "users": 2,
        "items": 4,
        "rounds": 5,
        "scale": STARS,
        "learning_rate": 0.01,
        "reg": 0.1,
    }
    return Sgd(**{**settings, **changed})


class TestSgd(MethodContract):
    name: ClassVar[str] = "sgd"
    quality_range: ClassVar[tuple[float, float]] = (0.80, 0.92)


def test_one_step_by_hand() -> None:
    method = make(factors=1, learning_rate=0.1, reg=0.5)
    items = PublicModel(np.array([[2.0], [0.0], [1.0], [0.0]]))
    step = method.participant_step(
        items, owned([0], [0, 2], [0, 2], [5.0, 3.0]), np.array([[1.0]]), None
    )
    # First rating: e = 5 - 1*2 = 3; u = 1 + 0.2 (3*2 - 0.5*1) = 2.1; v moves 0.2 (3*2.1 - 0.5*2).
    # Second: e = 3 - 2.1*1 = 0.9; u = 2.1 + 0.2 (0.9*1 - 0.5*2.1) = 2.07; v: 0.2 (0.9*2.07 - 0.5).
    np.testing.assert_allclose(step.user_factors, [[2.07]])
    np.testing.assert_array_equal(step.contribution["items"].rows, [0, 2])
    np.testing.assert_allclose(step.contribution["items"].values, [[1.06], [0.2726]], atol=1e-6)


def test_contributions_accumulate() -> None:
    method = make()
    ratings = owned([1], [0, 1], [2], [4.0])
    items, users = PublicModel(np.ones((4, 3))), np.ones((1, 3))
    first = method.participant_step(items, ratings, users, None)
    second = method.participant_step(items, ratings, users, first.contribution)
    np.testing.assert_allclose(
        second.contribution["items"].values, 2 * first.contribution["items"].values
    )


def test_rows_that_were_left_out_of_the_last_contribution_start_anew() -> None:
    method = make()
    ratings = owned([1], [0, 3], [0, 2, 3], [4.0, 2.0, 5.0])
    items, users = PublicModel(np.ones((4, 3))), np.ones((1, 3))
    whole = method.participant_step(items, ratings, users, None).contribution["items"]
    kept = {"items": RowValues(np.array([2]), np.full((1, 3), 7.0))}
    found = method.participant_step(items, ratings, users, kept).contribution["items"]
    np.testing.assert_array_equal(found.rows, [0, 2, 3])
    np.testing.assert_allclose(found.values - whole.values, [[0.0] * 3, [7.0] * 3, [0.0] * 3])


def test_constant_start_keeps_all_dimensions_alike() -> None:
    method = make(start="constant")
    assert (method.start_table()["items"] == 0.01).all()
    ratings = owned([0], [0, 2], [0, 2], [5.0, 1.0])
    users = method.start_user_factors(ratings.users)
    step = method.participant_step(method.decode(method.start_table(), None), ratings, users, None)
    for matrix in (step.user_factors, step.contribution["items"].values):
        np.testing.assert_allclose(matrix, matrix[:, :1].repeat(3, axis=1))


def test_random_start_predicts_the_middle_of_the_scale() -> None:
    method = make(factors=16, users=500, items=400)
    products = (
        method.start_user_factors(np.arange(500, dtype=np.int32)) @ method.start_table()["items"].T
    )
    assert np.mean(products) == pytest.approx(2.75, abs=0.05)


def test_seeds_give_different_starts() -> None:
    a, b = make(seed=1).start_table()["items"], make(seed=2).start_table()["items"]
    assert not np.isclose(a, b).any()


def test_default_learning_rate_falls_with_users_and_scale() -> None:
    assert default_learning_rate(100, STARS) == pytest.approx(0.004)
    assert default_learning_rate(1000, STARS) == pytest.approx(0.0004)
    assert default_learning_rate(100, RatingScale(1, 100)) == pytest.approx(0.0002)
    assert default_learning_rate(1, STARS) == pytest.approx(0.01)


def test_unknown_methods_are_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'sgd'"):
        configure_method("sdg", users=1, items=1, scale=STARS)


@pytest.mark.parametrize("broken", [{}, {"name": "sgd"}, {**make().settings(), "momentum": 1}])
def test_settings_of_another_version_are_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="not settings"):
        restore_method(broken)


@pytest.mark.parametrize("users", [7, 671, 20_000, 10**6])
@pytest.mark.parametrize("rounds", [12, 175])
@pytest.mark.parametrize("largest", [1.0, 5.0, 100.0, 1e5])
def test_sums_fit_30_bits_and_steps_stay_far_below_a_move(
    users: int, rounds: int, largest: float
) -> None:
    scale = RatingScale(0.0, largest)
    rate = default_learning_rate(users, scale)
    method = make(users=users, rounds=rounds, scale=scale, learning_rate=rate, factors=8)
    group = method.row_groups()[0]
    assert (group.start_limit + users * group.limit) * 2**group.fraction_bits <= 2**29
    # What one user moves in one round: an error of a fifth of the scale, an ordinary entry.
    move = 2 * rate * (largest / 5) * (largest / 2 / 8) ** 0.5
    assert move < group.limit / rounds / 4
    assert group.fraction_bits == 20 or users * group.limit * 2**group.fraction_bits > 2**27


def test_steps_do_not_coarsen_with_the_number_of_users() -> None:
    def step_of(users: int) -> int:
        rate = default_learning_rate(users, STARS)
        return make(users=users, rounds=12, learning_rate=rate).row_groups()[0].fraction_bits

    assert {step_of(users) for users in (671, 6_000, 160_000)} == {20}


def test_a_longer_scale_is_another_unit() -> None:
    """On a scale ten times as long, with the default learning rate, everything is ten times it."""
    rated = owned([0, 1], [0, 2, 4], [0, 2, 0, 3], [5.0, 3.0, 1.0, 4.5])
    predicted = []
    for times in (1.0, 10.0):
        scale = RatingScale(0.5 * times, 5.0 * times)
        method = make(scale=scale, learning_rate=default_learning_rate(2, scale))
        ratings = owned([0, 1], [0, 2, 4], [0, 2, 0, 3], (times * rated.values).tolist())
        table, users = method.start_table(), method.start_user_factors(ratings.users)
        step = method.participant_step(method.decode(table, None), ratings, users, None)
        items = table["items"].copy()
        items[step.contribution["items"].rows] += step.contribution["items"].values
        predicted.append(step.user_factors @ items.T)
    np.testing.assert_allclose(10 * predicted[0], predicted[1], rtol=1e-6)
