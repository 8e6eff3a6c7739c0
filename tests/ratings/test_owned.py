import numpy as np
import pytest

from fedmf.errors import SettingsError, UnknownNameError
from tests.ratings.small_tables import table

TIMED = table(
    [
        ("ann", "a", 1.0, 30),
        ("bob", "b", 2.0, 10),
        ("ann", "c", 3.0, 10),
        ("cat", "a", 4.0, 10),
        ("ann", "d", 5.0, 30),
        ("bob", "a", 1.5, 5),
    ]
)


def test_ratings_of_a_user_come_in_time_order_and_ties_in_file_order() -> None:
    owned = TIMED.owned_by([TIMED.user_code("ann")])
    assert [TIMED.item_ids[item] for item in owned.items] == ["c", "a", "d"]
    assert owned.values.tolist() == [3.0, 1.0, 5.0]
    assert owned.starts.tolist() == [0, 3]


def test_ratings_without_timestamps_come_in_file_order() -> None:
    plain = table([(1, "b", 2.0), (2, "b", 1.0), (1, "a", 3.0)])
    assert plain.owned_by([0]).values.tolist() == [2.0, 3.0]


def test_a_silo_keeps_its_users_in_the_order_asked_for() -> None:
    silo = TIMED.owned_by([2, 1])
    assert silo.users.tolist() == [2, 1]
    assert silo.starts.tolist() == [0, 1, 3]
    assert silo.values.tolist() == [4.0, 1.5, 2.0]


def test_slices_tell_where_the_ratings_of_each_user_stand() -> None:
    silo = TIMED.owned_by([2, 1])
    assert [silo.values[own].tolist() for own in silo.user_slices()] == [[4.0], [1.5, 2.0]]
    assert list(TIMED.owned_by([]).user_slices()) == []


def test_rated_items_are_sorted_and_unique() -> None:
    silo = TIMED.owned_by(range(TIMED.n_users))
    assert silo.rated_items.tolist() == [0, 1, 2, 3]
    assert TIMED.owned_by([1]).rated_items.tolist() == [0, 1]


def test_a_participant_without_users_or_ratings_owns_nothing() -> None:
    nobody = TIMED.owned_by([])
    assert (len(nobody), nobody.starts.tolist()) == (0, [0])
    train, test = TIMED.split(holdout=0)
    assert len(test.owned_by([0, 1])) == 0
    assert test.owned_by([0, 1]).starts.tolist() == [0, 0, 0]
    assert len(train.owned_by([0, 1])) == 5


def test_all_users_together_own_every_rating_exactly_once() -> None:
    parts = [TIMED.owned_by([user]) for user in range(TIMED.n_users)]
    pairs = [(int(p.users[0]), int(item)) for p in parts for item in p.items]
    assert sorted(pairs) == sorted(zip(TIMED.users.tolist(), TIMED.items.tolist(), strict=True))


def test_types_are_those_documented_and_read_only() -> None:
    owned = TIMED.owned_by(np.array([0], dtype=np.int32))
    kinds = [owned.users.dtype, owned.starts.dtype, owned.items.dtype, owned.values.dtype]
    assert kinds == [np.int32, np.int64, np.int32, np.float64]
    with pytest.raises(ValueError, match="read-only"):
        owned.values[0] = 1.0


def test_representation_shows_sizes_and_no_rating() -> None:
    assert repr(TIMED.owned_by([0, 1])) == "OwnedRatings(2 users, 5 ratings)"


@pytest.mark.parametrize("code", [-1, 3])
def test_a_user_code_that_belongs_to_nobody_is_refused(code: int) -> None:
    with pytest.raises(UnknownNameError, match="unknown user code"):
        TIMED.owned_by([0, code])


def test_a_user_named_twice_is_refused() -> None:
    with pytest.raises(SettingsError, match="same user twice"):
        TIMED.owned_by([1, 1])
