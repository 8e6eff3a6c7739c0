import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedmf.errors import DataError
from fedmf.evaluation import mae, rmse

ratings = st.floats(-1e6, 1e6)
pairs = st.lists(st.tuples(ratings, ratings), min_size=1, max_size=30)


def test_errors_of_three_ratings_by_hand() -> None:
    # Errors 1, -2 and 0: squares 1 + 4 + 0, absolute values 1 + 2 + 0.
    assert rmse([4.0, 2.0, 3.0], [3.0, 4.0, 3.0]) == pytest.approx(math.sqrt(5 / 3))
    assert mae([4.0, 2.0, 3.0], [3.0, 4.0, 3.0]) == pytest.approx(3 / 3)


@given(pairs)
def test_vectorised_errors_agree_with_plain_sums(rows: list[tuple[float, float]]) -> None:
    actual, predicted = zip(*rows, strict=True)
    squares = math.fsum((a - p) ** 2 for a, p in rows)
    absolutes = math.fsum(abs(a - p) for a, p in rows)
    assert rmse(actual, predicted) == pytest.approx(math.sqrt(squares / len(rows)))
    assert mae(actual, predicted) == pytest.approx(absolutes / len(rows))


@given(pairs)
def test_mae_never_exceeds_rmse_and_both_vanish_for_perfect_predictions(
    rows: list[tuple[float, float]],
) -> None:
    actual, predicted = zip(*rows, strict=True)
    assert 0 <= mae(actual, predicted) <= rmse(actual, predicted) * (1 + 1e-12) + 1e-150
    assert rmse(actual, actual) == mae(actual, actual) == 0


@given(pairs, st.randoms(use_true_random=False))
def test_order_of_ratings_does_not_matter(rows: list[tuple[float, float]], random: Random) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    for metric in (rmse, mae):
        assert metric(*zip(*rows, strict=True)) == pytest.approx(
            metric(*zip(*shuffled, strict=True))
        )


@pytest.mark.parametrize("metric", [rmse, mae])
@pytest.mark.parametrize(
    ("actual", "predicted", "complaint"),
    [
        ([], [], "actual is empty"),
        ([1.0, 2.0], [1.0], "actual 2, predicted 1"),
        ([1.0, math.nan], [1.0, 2.0], "actual holds 1 of 2 values .* position 1"),
        ([1.0, 2.0], [math.inf, 2.0], "predicted holds 1 of 2 values .* position 0"),
        ([[1.0, 2.0]], [1.0, 2.0], r"actual must be one-dimensional and has the shape \(1, 2\)"),
    ],
)
def test_unusable_ratings_are_refused(
    metric: object, actual: list[float], predicted: list[float], complaint: str
) -> None:
    assert callable(metric)
    with pytest.raises(DataError, match=complaint):
        metric(actual, predicted)


def test_one_error_tells_all_problems() -> None:
    with pytest.raises(DataError, match=r"actual holds .*predicted is empty.*equally long"):
        rmse([math.nan], [])
