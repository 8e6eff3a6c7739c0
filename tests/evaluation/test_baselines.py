from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fedmf.errors import DataError, SettingsError
from fedmf.evaluation import GlobalMean, Popularity, UserItemBias, rmse
from fedmf.ratings import Ratings

# Three users and four items; user 2 and item 3 have no ratings.
#            item 0  item 1  item 2
#   user 0     5       3       1
#   user 1     4       2
USERS = np.array([0, 0, 0, 1, 1], dtype=np.int32)
ITEMS = np.array([0, 1, 2, 0, 1], dtype=np.int32)
VALUES = np.array([5.0, 3.0, 1.0, 4.0, 2.0])

rows = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 4), st.floats(1, 5)), min_size=1, max_size=20
)
Rows = list[tuple[int, int, float]]


def columns(table: Rows) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]:
    users, items, values = zip(*table, strict=True)
    return np.array(users, np.int32), np.array(items, np.int32), np.array(values)


def test_global_mean_by_hand() -> None:
    model = GlobalMean.fit(VALUES)
    assert model.mean == 3.0
    assert model.predict(np.array([0, 2, 9]), np.array([3, 0, -1])).tolist() == [3.0, 3.0, 3.0]


def test_offsets_by_hand() -> None:
    model = UserItemBias.fit(USERS, ITEMS, VALUES, n_users=3, n_items=4, damping=1.0)
    # The mean is 15/5 = 3. Residuals 2, 0, -2 of user 0 and 1, -1 of user 1.
    assert model.mean == 3.0
    # Item 0: (2 + 1) / (2 + 1); item 1: (0 - 1) / (2 + 1); item 2: -2 / (1 + 1).
    assert model.item_offsets == pytest.approx([1, -1 / 3, -1, 0])
    # What the items leave: 1, 1/3, -1 of user 0, so 1/3 / (3 + 1); 0, -2/3 of user 1, so
    # -2/3 / (2 + 1).
    assert model.user_offsets == pytest.approx([1 / 12, -2 / 9, 0])
    predicted = model.predict(np.array([0, 1]), np.array([0, 2]))
    assert predicted == pytest.approx([3 + 1 / 12 + 1, 3 - 2 / 9 - 1])


def test_the_damping_is_5_unless_said_otherwise() -> None:
    # Item 2 has one rating, 2 below the mean: -2 / (1 + 5).
    assert UserItemBias.fit(USERS, ITEMS, VALUES, 3, 4).item_offsets[2] == pytest.approx(-1 / 3)


@pytest.mark.parametrize("damping", [0.0, 5.0])
def test_codes_without_ratings_have_no_offset(damping: float) -> None:
    model = UserItemBias.fit(USERS, ITEMS, VALUES, 3, 4, damping)
    # User 2 and item 3 have no ratings; -1, 3 (users) and 4 (items) were never known.
    nobody = model.predict(np.array([2, -1, 3]), np.array([3, -1, 4]))
    assert nobody.tolist() == [3.0, 3.0, 3.0]
    assert model.predict(np.array([-1]), np.array([0])) == pytest.approx(3 + model.item_offsets[0])
    assert model.predict(np.array([1]), np.array([-1])) == pytest.approx(3 + model.user_offsets[1])


def test_codes_past_the_last_known_one_do_not_borrow_its_offset() -> None:
    bias = UserItemBias.fit(USERS, ITEMS, VALUES, n_users=2, n_items=3)
    assert bias.user_offsets[1] != 0
    assert bias.item_offsets[2] != 0
    assert bias.predict(np.array([2]), np.array([3])).tolist() == [3.0]
    popularity = Popularity.fit(ITEMS, n_items=3)
    assert popularity.predict(np.array([0, 0]), np.array([2, 3])).tolist() == [1, 0]


def test_popularity_by_hand() -> None:
    model = Popularity.fit(ITEMS, n_items=4)
    assert model.scores.tolist() == [2, 2, 1, 0]
    assert model.predict(np.full(6, 7), np.array([2, 0, 3, 1, -1, 4])).tolist() == [
        1,
        2,
        0,
        2,
        0,
        0,
    ]


@given(rows, st.floats(0, 50))
def test_vectorised_offsets_agree_with_dictionaries_and_loops(table: Rows, damping: float) -> None:
    mean = sum(value for _, _, value in table) / len(table)
    of_item, of_user = {}, {}
    for code in range(5):
        rest = [value - mean for _, item, value in table if item == code]
        of_item[code] = sum(rest) / (len(rest) + damping) if rest else 0.0
    for code in range(4):
        rest = [value - mean - of_item[item] for user, item, value in table if user == code]
        of_user[code] = sum(rest) / (len(rest) + damping) if rest else 0.0
    model = UserItemBias.fit(*columns(table), 4, 5, damping)
    users, items = np.divmod(np.arange(20), 5)
    expected = [mean + of_user[u] + of_item[i] for u in range(4) for i in range(5)]
    assert model.predict(users, items) == pytest.approx(expected)


@given(rows, st.randoms(use_true_random=False))
def test_order_of_ratings_does_not_matter(table: Rows, random: Random) -> None:
    shuffled = list(table)
    random.shuffle(shuffled)
    users, items = np.divmod(np.arange(20), 5)
    one = UserItemBias.fit(*columns(table), 4, 5).predict(users, items)
    assert UserItemBias.fit(*columns(shuffled), 4, 5).predict(users, items) == pytest.approx(one)


@given(rows, st.floats(-3, 3))
def test_shifting_all_ratings_shifts_all_predictions(table: Rows, shift: float) -> None:
    users, items, values = columns(table)
    one = UserItemBias.fit(users, items, values, 4, 5)
    other = UserItemBias.fit(users, items, values + shift, 4, 5)
    assert other.predict(users, items) == pytest.approx(one.predict(users, items) + shift, abs=1e-9)


@given(rows)
def test_much_damping_leaves_the_global_mean(table: Rows) -> None:
    users, items, values = columns(table)
    damped = UserItemBias.fit(users, items, values, 4, 5, damping=1e12)
    expected = GlobalMean.fit(values).predict(users, items)
    assert damped.predict(users, items) == pytest.approx(expected, abs=1e-9)


def test_offsets_tell_more_than_the_mean_on_movielens(latest_small: Ratings) -> None:
    seen, unseen = latest_small.split(0.2)
    mean = GlobalMean.fit(seen.values)
    bias = UserItemBias.fit(seen.users, seen.items, seen.values, seen.n_users, seen.n_items)
    of_mean = rmse(unseen.values, mean.predict(unseen.users, unseen.items))
    of_bias = rmse(unseen.values, bias.predict(unseen.users, unseen.items))
    # Ratings of this set spread by 1.04; good factor models reach 0.84.
    assert 1.02 < of_mean < 1.07
    assert 0.85 < of_bias < 0.89


@pytest.mark.parametrize(
    ("users", "items", "values", "complaint"),
    [
        (
            [0, 3],
            [0, 0],
            [1.0, 2.0],
            r"users holds 1 codes outside 0\.\.2, the first, 3, at pos.* 1",
        ),
        ([0, 0], [-1, 0], [1.0, 2.0], r"items holds 1 codes outside 0\.\.3, the first, -1"),
        ([0, 0], [0, 0], [1.0, np.nan], "values holds 1 of 2"),
        ([0, 0], [0], [1.0, 2.0], "users 2, items 1, values 2"),
        ([0.0, 0.0], [0, 0], [1.0, 2.0], "users must be .*integers and is an array of float64"),
        ([0, 5], [7, 0], [np.inf, 2.0], "users holds.*items holds.*values holds"),
    ],
)
def test_unusable_training_ratings_are_refused(
    users: list[int], items: list[int], values: list[float], complaint: str
) -> None:
    with pytest.raises(DataError, match=complaint):
        UserItemBias.fit(np.array(users), np.array(items), values, 3, 4)


def test_baselines_refuse_nothing_to_learn_from() -> None:
    with pytest.raises(DataError, match="values is empty"):
        GlobalMean.fit([])
    nobody = np.array([], dtype=np.int32)
    with pytest.raises(DataError, match="values is empty"):
        UserItemBias.fit(nobody, nobody, [], 3, 4)


def test_popularity_refuses_items_outside_the_catalogue() -> None:
    with pytest.raises(DataError, match=r"outside 0\.\.1"):
        Popularity.fit(ITEMS, n_items=2)


@pytest.mark.parametrize("damping", [-1.0, np.nan, np.inf])
def test_impossible_damping_is_refused(damping: float) -> None:
    with pytest.raises(SettingsError, match="damping is"):
        UserItemBias.fit(USERS, ITEMS, VALUES, 3, 4, damping)


@pytest.mark.parametrize(
    "model",
    [
        GlobalMean.fit(VALUES),
        UserItemBias.fit(USERS, ITEMS, VALUES, 3, 4),
        Popularity.fit(ITEMS, 4),
    ],
)
def test_every_baseline_asks_for_pairs(model: GlobalMean | UserItemBias | Popularity) -> None:
    with pytest.raises(DataError, match="users 2, items 1"):
        model.predict(np.array([0, 1]), np.array([0]))


def test_popularity_lists_the_most_rated_items_that_a_user_has_not_rated() -> None:
    popularity = Popularity.fit(np.array([2, 2, 2, 0, 0, 3]), 4)
    rated = [np.array([], dtype=np.int32), np.array([2, 3]), np.array([0, 1, 2, 3])]
    lists = popularity.rank(rated, 3)
    np.testing.assert_array_equal(lists, [[2, 0, 3], [0, 1, -1], [-1, -1, -1]])
