import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fedmf.errors import DataError, SettingsError
from fedmf.evaluation import Interval, bootstrap_interval, bootstrap_rmse, rmse
from fedmf.evaluation import intervals as intervals_module

figures = st.lists(st.floats(0, 1), min_size=2, max_size=20)


def drawn(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_mean_of_two_users_by_hand() -> None:
    # Two draws from 0 and 1 have the mean 0, 1/2 or 1 with probability 1/4, 1/2 and 1/4: the
    # middle 95 % reach from 0 to 1, the middle 40 % (from 0.3 to 0.7) are all at 1/2.
    wide = bootstrap_interval([0.0, 1.0], rng=drawn())
    assert wide == Interval(low=0.0, value=0.5, high=1.0, confidence=0.95, n=2)
    narrow = bootstrap_interval([0.0, 1.0], confidence=0.4, rng=drawn())
    assert narrow == Interval(low=0.5, value=0.5, high=0.5, confidence=0.4, n=2)


def test_rmse_of_two_users_by_hand() -> None:
    # User 0: one rating, error 2. User 1: three ratings, errors 1, 1 and 0. Drawn twice, user 0
    # gives sqrt(8/2), user 1 sqrt(4/6); each once gives sqrt((4 + 2) / (1 + 3)).
    wide = bootstrap_rmse([4.0, 2.0], [1, 3], rng=drawn())
    assert (wide.low, wide.value, wide.high) == pytest.approx(
        (math.sqrt(2 / 3), math.sqrt(3 / 2), 2.0)
    )
    assert wide.n == 2
    narrow = bootstrap_rmse([4.0, 2.0], [1, 3], confidence=0.4, rng=drawn())
    assert narrow.low == narrow.high == narrow.value


def test_the_value_is_the_rmse_over_all_ratings() -> None:
    rng = drawn(1)
    users = np.repeat(np.arange(5), [1, 2, 3, 4, 5])
    actual, predicted = rng.normal(size=(2, users.size))
    sums = np.bincount(users, weights=(actual - predicted) ** 2)
    interval = bootstrap_rmse(sums, np.bincount(users), rng=rng)
    assert interval.value == pytest.approx(rmse(actual, predicted))


def test_drawing_users_agrees_with_weighting_them() -> None:
    per_user = drawn(2).gamma(2.0, size=40)
    # How often each user is drawn follows a multinomial distribution.
    weights = drawn(3).multinomial(40, np.full(40, 1 / 40), size=20_000)
    means = sorted((weights @ per_user / 40).tolist())
    interval = bootstrap_interval(per_user, samples=20_000, confidence=0.9, rng=drawn(4))
    # The ends of 20,000 draws wobble by about 1 % of the width of the interval.
    wobble = 0.05 * (means[19_000] - means[1_000])
    assert interval.low == pytest.approx(means[1_000], abs=wobble)
    assert interval.high == pytest.approx(means[19_000], abs=wobble)


def test_intervals_hold_a_known_mean_about_as_often_as_promised() -> None:
    rng = drawn(5)
    held = 0
    for _ in range(400):
        interval = bootstrap_interval(rng.exponential(3.0, size=80), confidence=0.9, rng=rng)
        held += interval.low <= 3.0 <= interval.high
    # 400 trials at 0.9 have a standard error of 0.015; the skew of the figures costs another 0.02.
    assert 0.83 < held / 400 < 0.95


def clustered_errors(rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return squared errors (ratings,) and who made them; each user errs on a scale of one's own.

    The scale is 0.5 or 1.5 with equal chances and does not depend on the number of ratings, so
    the true RMSE is sqrt((0.25 + 2.25) / 2).
    """
    counts = rng.integers(5, 40, size=60)
    users = np.repeat(np.arange(60), counts)
    scales = rng.choice([0.5, 1.5], size=60)
    return (scales[users] * rng.normal(size=users.size)) ** 2, users


def test_drawing_users_holds_a_known_rmse_and_drawing_ratings_does_not() -> None:
    rng, truth = drawn(6), math.sqrt(1.25)
    by_user = by_rating = 0
    for _ in range(200):
        squares, users = clustered_errors(rng)
        sums, counts = np.bincount(users, weights=squares), np.bincount(users)
        interval = bootstrap_rmse(sums, counts, samples=400, rng=rng)
        by_user += interval.low <= truth <= interval.high
        # The same ratings, had each come from a user of its own.
        interval = bootstrap_rmse(squares, np.ones(squares.size), samples=400, rng=rng)
        by_rating += interval.low <= truth <= interval.high
    assert 0.88 < by_user / 200 < 0.99
    assert by_rating / 200 < 0.8


@given(figures, st.sampled_from([0.5, 0.8, 0.95]))
def test_intervals_stay_within_the_figures_of_the_users(
    per_user: list[float], confidence: float
) -> None:
    interval = bootstrap_interval(per_user, samples=100, confidence=confidence, rng=drawn())
    assert min(per_user) - 1e-12 <= interval.low <= interval.high <= max(per_user) + 1e-12
    assert interval.value == pytest.approx(sum(per_user) / len(per_user))
    assert interval.n == len(per_user)


@given(figures)
def test_the_same_generator_state_gives_the_same_interval(per_user: list[float]) -> None:
    once, again = (bootstrap_interval(per_user, samples=100, rng=drawn(7)) for _ in range(2))
    assert once == again


def test_more_confidence_and_fewer_users_widen_the_interval() -> None:
    per_user = drawn(8).normal(size=900)

    def width(users: int, confidence: float) -> float:
        interval = bootstrap_interval(per_user[:users], confidence=confidence, rng=drawn(9))
        return interval.high - interval.low

    assert width(900, 0.5) < width(900, 0.95) < width(100, 0.95)
    # A ninth of the users make an interval about three times as wide.
    assert 2.4 < width(100, 0.95) / width(900, 0.95) < 3.6


def test_any_statistic_along_an_axis_can_be_reported() -> None:
    per_user = drawn(10).exponential(size=50)
    interval = bootstrap_interval(per_user, np.median, rng=drawn(11))
    assert interval.value == np.median(per_user)
    assert interval.low <= interval.value <= interval.high
    # The ends of a median's interval are figures of users, or halfway between two of them.
    assert interval.high < bootstrap_interval(per_user, np.max, rng=drawn(11)).low


def test_drawing_in_blocks_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    per_user = drawn(12).normal(size=30)
    at_once = bootstrap_interval(per_user, rng=drawn(13))
    monkeypatch.setattr(intervals_module, "_DRAWS_IN_MEMORY", 7 * 30 + 1)
    assert bootstrap_interval(per_user, rng=drawn(13)) == at_once


@pytest.mark.parametrize(
    ("per_user", "complaint"),
    [
        ([], "per_user is empty"),
        ([0.5], "at least two users"),
        ([0.5, math.nan], "per_user holds 1 of 2 values"),
        ([[0.5, 0.5]], "one-dimensional"),
    ],
)
def test_unusable_figures_are_refused(per_user: list[float], complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        bootstrap_interval(per_user, rng=drawn())


@pytest.mark.parametrize(
    ("squared_errors", "counts", "complaint"),
    [
        ([1.0, 2.0], [1, 0], "counts holds users without ratings; leave them out"),
        ([1.0, -2.0], [1, 1], "negative"),
        ([1.0, 2.0], [1, 1, 1], "sums 2, counts 3"),
        ([1.0, math.inf], [1, 1], "sums holds 1 of 2"),
        ([1.0], [4], "at least two users"),
        ([-1.0, math.nan], [0, 1], "sums holds 1 of 2.*negative.*without ratings"),
    ],
)
def test_unusable_error_sums_are_refused(
    squared_errors: list[float], counts: list[int], complaint: str
) -> None:
    with pytest.raises(DataError, match=complaint):
        bootstrap_rmse(squared_errors, counts, rng=drawn())


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0, math.nan])
def test_impossible_confidence_is_refused(confidence: float) -> None:
    with pytest.raises(SettingsError, match="confidence is"):
        bootstrap_interval([0.0, 1.0], confidence=confidence, rng=drawn())


def test_too_few_samples_for_the_confidence_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"samples is 39; an interval at 0.95 needs .* 40"):
        bootstrap_interval([0.0, 1.0], samples=39, rng=drawn())
    assert bootstrap_interval([0.0, 1.0], samples=40, rng=drawn()).n == 2
