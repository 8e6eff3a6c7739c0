import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedmf.federation.measurement import Fit, SummedErrors, measure
from fedmf.federation.table_codec import TableCodec
from fedmf.model import PublicModel
from fedmf.ratings import OwnedRatings, RatingScale

STARS = RatingScale(0.5, 5.0)


def owned(starts: list[int], values: list[float]) -> OwnedRatings:
    return OwnedRatings(
        np.arange(len(starts) - 1, dtype=np.int32),
        np.array(starts),
        np.arange(len(values), dtype=np.int32),
        np.array(values),
    )


def test_errors_are_those_of_clipped_predictions() -> None:
    public = PublicModel(np.array([[1.0], [9.0]]))
    ratings = owned([0, 2], [3.0, 4.0])
    assert measure(public, np.array([[1.0]]), ratings, STARS) == Fit(4.0 + 1.0, 3.0, 2)
    assert measure(public, np.array([[1.0]]), ratings) == Fit(4.0 + 25.0, 7.0, 2)


def test_no_ratings_have_no_error() -> None:
    assert np.isnan(Fit().rmse)
    assert np.isnan(Fit().mae)


@given(
    users=st.integers(1, 10**7),
    lowest=st.floats(-10, 10),
    length=st.just(0.0) | st.floats(0.01, 100),
    errors=st.lists(st.floats(0, 1), max_size=20),
)
def test_rows_come_back_to_the_nearest_step(
    users: int, lowest: float, length: float, errors: list[float]
) -> None:
    summed = SummedErrors(users, RatingScale(lowest, lowest + length))
    heldout = owned([0, len(errors)], [lowest + error * length for error in errors])
    public = PublicModel(np.full((max(len(errors), 1), 1), lowest))
    row = summed.row(public, np.ones((1, 1)), heldout, heldout)
    codec = TableCodec([summed.group], users)
    encoded = codec.encode_contribution({"errors": row}, users=20)
    back = summed.from_row(codec.decode_contribution(encoded)["errors"].values)
    fit = measure(public, np.ones((1, 1)), summed.measured(heldout), summed.scale)
    assert back.count == fit.count
    assert back.squared_error == pytest.approx(fit.squared_error, abs=max(1, length**2) / 2**9)
    assert back.absolute_error == pytest.approx(fit.absolute_error, abs=max(1, length) / 2**9)


@pytest.mark.parametrize("users", [1, 610, 160_000, 2_000_000])
def test_sums_of_all_users_fit_30_bits(users: int) -> None:
    codec = TableCodec([SummedErrors(users, STARS).group], users)
    assert 20 < codec.shape.groups[0].word_bits <= 31


def test_each_user_measures_on_so_many_ratings_at_the_most() -> None:
    summed = SummedErrors(2**21 // 3, STARS)
    assert summed.ratings_per_user == 3
    measured = summed.measured(owned([0, 5, 5, 7], [1.0, 2.0, 3.0, 4.0, 5.0, 0.5, 1.5]))
    assert measured.starts.tolist() == [0, 3, 3, 5]
    assert measured.values.tolist() == [1.0, 2.0, 3.0, 0.5, 1.5]
