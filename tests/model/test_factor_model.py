import numpy as np
import pytest

from fedmf.errors import DataError, SettingsError, UnknownNameError
from fedmf.model import FactorModel, PublicModel, Recommendation
from fedmf.model.sgd import Sgd
from fedmf.ratings import RatingScale


@pytest.fixture
def model() -> FactorModel:
    return FactorModel(
        method=Sgd(
            factors=2, users=2, items=4, rounds=3, scale=RatingScale(1, 5), learning_rate=0.01
        ),
        item_ids=(10, 20, 30, 40),
        titles={10: "Ten", 20: "Twenty"},
        public=PublicModel(np.array([[1.0, 0.0], [0.0, 3.0], [2.0, 2.0], [9.0, 9.0]])),
        user_ids=(7, 8),
        user_factors=np.array([[1.0, 1.0], [2.0, 0.0]]),
        rated_starts=np.array([0, 1, 1]),
        rated_items=np.array([3], dtype=np.int32),
        heldout_starts=np.array([0, 0, 1]),
        heldout_items=np.array([2], dtype=np.int32),
    )


def test_held_out_items_are_ranked_and_never_recommended(model: FactorModel) -> None:
    assert [one.item for one in model.recommend(8, n=9)] == [40, 10, 20]
    assert model.rank(np.array([1], np.int32), 4).tolist() == [[3, 2, 0, 1]]


def test_predictions_are_products_clipped_to_the_scale(model: FactorModel) -> None:
    users, items = np.array([0, 0, 1, 1], np.int32), np.array([1, 3, 1, 2], np.int32)
    np.testing.assert_array_equal(model.predict(users, items), [3.0, 5.0, 1.0, 4.0])


def test_recommendations_leave_out_what_was_rated(model: FactorModel) -> None:
    assert model.recommend(7, 2) == [
        Recommendation(30, "30", 4.0),
        Recommendation(20, "Twenty", 3.0),
    ]
    assert [one.item for one in model.recommend("8", 10)] == [40, 10, 20]


def test_rank_pads_where_too_few_items_are_left(model: FactorModel) -> None:
    ranked = model.rank(np.array([0, 1], np.int32), 4)
    np.testing.assert_array_equal(ranked, [[2, 1, 0, -1], [3, 2, 0, 1]])


def test_unknown_users_are_said_to_be_unknown(model: FactorModel) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown user '9'.*folded in"):
        model.recommend(9)
    with pytest.raises(UnknownNameError, match="unknown item '11'"):
        model.item_code(11)


def test_nothing_is_no_number_of_recommendations(model: FactorModel) -> None:
    with pytest.raises(SettingsError, match="at least 1"):
        model.recommend(7, 0)


def test_a_new_user_is_folded_in_without_changing_the_model(model: FactorModel) -> None:
    new = model.fold_in([("10", 5.0), (30, 1.0)])
    assert [one.item for one in new.recommend(5)] == [40, 20]
    expected = model.method.fold_in(model.public, np.array([0, 2], np.int32), np.array([5.0, 1.0]))
    np.testing.assert_array_equal(new.factors, expected)
    assert model.user_ids == (7, 8)


def test_of_an_item_rated_twice_the_last_rating_counts(model: FactorModel) -> None:
    np.testing.assert_array_equal(
        model.fold_in([(10, 1.0), (20, 3.0), (10, 5.0)]).factors,
        model.fold_in([(20, 3.0), (10, 5.0)]).factors,
    )


def test_new_users_get_predictions(model: FactorModel) -> None:
    new = model.fold_in([(10, 5.0)])
    assert new.predict(40) == 5.0
    assert new.predict("10") == pytest.approx(max(1.0, float(new.factors[0])))
    with pytest.raises(UnknownNameError, match="item"):
        new.predict(11)


def test_all_problems_of_new_ratings_are_named_at_once(model: FactorModel) -> None:
    with pytest.raises(DataError, match=r"unknown item '11'.*rating 9 of item 20.*scale 1 to 5"):
        model.fold_in([(11, 3.0), (20, 9.0)])
    with pytest.raises(DataError, match="no ratings"):
        model.fold_in([])


def test_vectors_do_not_print(model: FactorModel) -> None:
    assert repr(model) == "FactorModel(sgd, 2 users, 4 items, 2 factors)"
    assert repr(model.fold_in([(10, 5.0)])) == "NewUser(1 ratings)"
