from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedmf.errors import DataError, SettingsError
from fedmf.ratings import Id, Ratings
from tests.ratings.small_tables import rows_of, table

# Item a is rated once, b twice, c and d three times each (c before d in the file).
SMALL = table(
    [
        (1, "a", 1.0, 4),
        (1, "b", 2.0, 3),
        (2, "c", 3.0, 2),
        (3, "d", 4.0, 1),
        (3, "c", 5.0, 9),
        (4, "d", 1.0, 8),
        (4, "c", 2.0, 7),
        (5, "d", 3.0, 6),
        (5, "b", 4.0, 5),
    ],
    titles={"a": "A", "d": "D"},
)


def test_most_rated_items_come_first_and_ties_go_to_the_lower_code() -> None:
    assert SMALL.take(items=3).item_ids == ("c", "d", "b")
    assert SMALL.take(items=1).item_ids == ("c",)


def test_items_are_counted_before_users_are_taken() -> None:
    taken = SMALL.take(users=2, items=3)
    assert taken.item_ids == ("c", "d", "b")
    assert rows_of(taken) == [(1, "b", 2.0), (2, "c", 3.0)]


def test_the_first_users_are_taken_before_asking_what_they_rated() -> None:
    taken = SMALL.take(users=2, items=1)
    assert taken.user_ids == (2,)
    assert taken.notes == ("1 of the first 2 users left out: none of their ratings remained",)


def test_users_with_too_few_remaining_ratings_are_dropped_and_noted() -> None:
    taken = SMALL.take(items=2, min_ratings=2)
    assert taken.user_ids == (3, 4)
    assert taken.notes == (
        "3 of the first 5 users left out: fewer than 2 of their ratings remained",
    )


def test_users_without_ratings_stay_if_nothing_is_asked_of_them() -> None:
    assert SMALL.take(users=2, items=1, min_ratings=0).user_ids == (1, 2)


def test_timestamps_and_titles_go_with_their_rows_and_items() -> None:
    taken = SMALL.take(items=2)
    assert taken.timestamps is not None
    assert taken.timestamps.tolist() == [2, 1, 9, 8, 7, 6]
    assert taken.titles == {"d": "D"}


def test_asking_for_more_than_there_is_takes_everything() -> None:
    taken = SMALL.take(users=99, items=99)
    assert rows_of(taken) == rows_of(SMALL)
    assert taken.notes == ()


@pytest.mark.parametrize("wrong", [{"users": 0}, {"items": 0}, {"users": -3}, {"min_ratings": -1}])
def test_numbers_that_make_no_sense_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(SettingsError, match=f"{next(iter(wrong))} is "):
        SMALL.take(**wrong)


def test_a_selection_that_leaves_nobody_is_refused() -> None:
    with pytest.raises(DataError, match="none of the first 2 users has 3 ratings"):
        SMALL.take(users=2, min_ratings=3)


def test_the_experiment_of_the_paper_is_selected_from_the_real_set(latest_small: Ratings) -> None:
    taken = latest_small.take(users=10, items=40, min_ratings=5)
    assert taken.user_ids == (1, 4, 5, 6, 7, 8, 10)
    assert taken.n_items == 40


rows = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 6), st.just(3.0)),
    min_size=1,
    max_size=40,
    unique_by=lambda row: row[:2],
)


@given(rows, st.integers(1, 8), st.integers(1, 8), st.integers(0, 3))
def test_selection_agrees_with_its_description_word_by_word(
    rows: list[tuple[int, int, float]], users: int, items: int, min_ratings: int
) -> None:
    full = table(rows)
    counts: Counter[Id] = Counter(item for _, item, _ in rows)
    by_count = sorted(full.item_ids, key=lambda one: (-counts[one], full.item_ids.index(one)))
    kept_items = by_count[:items]
    first_users = full.user_ids[:users]
    remaining: Counter[Id] = Counter(u for u, i, _ in rows if u in first_users and i in kept_items)
    kept_users = [one for one in first_users if remaining[one] >= min_ratings]
    if not kept_users:
        with pytest.raises(DataError):
            full.take(users, items, min_ratings)
        return
    taken = full.take(users, items, min_ratings)
    assert list(taken.item_ids) == kept_items
    assert list(taken.user_ids) == kept_users
    assert rows_of(taken) == [r for r in rows if r[0] in kept_users and r[1] in kept_items]
