import math
from collections.abc import Callable
from functools import partial
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fedmf.errors import DataError, SettingsError
from fedmf.evaluation import (
    coverage_at,
    hit_rate_at,
    ndcg_at,
    novelty_at,
    recall_at,
    reciprocal_rank,
)

AT_K = (ndcg_at, recall_at, hit_rate_at)
Codes = NDArray[np.int64]
Case = tuple[int, Codes, list[Codes], int]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Return k, lists for some users that end in fillers, what is relevant, and n_items."""
    n_items = draw(st.integers(1, 12))
    n_users = draw(st.integers(1, 5))
    length = draw(st.integers(1, 14))
    ranked, relevant = np.full((n_users, length), -1), []
    for row in ranked:
        order = draw(st.permutations(range(n_items)))
        candidates = draw(st.integers(0, min(length, n_items)))
        row[:candidates] = order[:candidates]
        chosen = draw(st.sets(st.integers(0, n_items - 1), min_size=1))
        relevant.append(np.array(draw(st.permutations(sorted(chosen)))))
    return draw(st.integers(1, length)), ranked, relevant, n_items


# Two users and a catalogue of six items. The first user's relevant items 0 and 2 stand in places
# 2 and 4 of the list; of the second user's relevant items 1, 3 and 4, only 3 is in the list, in
# place 1, and there was no fourth candidate.
RANKED = np.array([[5, 0, 1, 2], [3, 0, 5, -1]])
RELEVANT = [np.array([0, 2]), np.array([1, 3, 4])]


def test_ndcg_of_two_users_by_hand() -> None:
    # The gain is 1 in place 1, 1/log2(3) in place 2, 1/2 in place 3, and 1/log2(5) in place 4.
    second, third, fourth = 1 / math.log2(3), 1 / 2, 1 / math.log2(5)
    at_4 = [(second + fourth) / (1 + second), 1 / (1 + second + third)]
    assert ndcg_at(4, RANKED, RELEVANT) == pytest.approx(at_4)
    # At 2, the ideal list of the second user has room for two of the three relevant items.
    at_2 = [second / (1 + second), 1 / (1 + second)]
    assert ndcg_at(2, RANKED, RELEVANT) == pytest.approx(at_2)


def test_recall_hit_rate_and_reciprocal_rank_of_two_users_by_hand() -> None:
    assert recall_at(4, RANKED, RELEVANT) == pytest.approx([2 / 2, 1 / 3])
    assert recall_at(2, RANKED, RELEVANT) == pytest.approx([1 / 2, 1 / 3])
    assert recall_at(1, RANKED, RELEVANT) == pytest.approx([0, 1 / 3])
    assert hit_rate_at(1, RANKED, RELEVANT).tolist() == [0, 1]
    assert hit_rate_at(2, RANKED, RELEVANT).tolist() == [1, 1]
    assert reciprocal_rank(RANKED, RELEVANT) == pytest.approx([1 / 2, 1])


def test_coverage_of_two_users_by_hand() -> None:
    # Items 5 and 3 in the first places; 5, 3 and 0 in the first two; all but 4 in all four.
    assert [coverage_at(k, RANKED, 6) for k in (1, 2, 4)] == pytest.approx([2 / 6, 3 / 6, 5 / 6])


def test_one_list_alone_is_one_user() -> None:
    assert ndcg_at(4, RANKED[0], RELEVANT[:1]).tolist() == [ndcg_at(4, RANKED, RELEVANT)[0]]
    assert reciprocal_rank(RANKED[0], RELEVANT[:1]).tolist() == [0.5]
    assert coverage_at(4, RANKED[0], 8) == 0.5


def test_the_filler_is_never_a_hit() -> None:
    # The first user likes the last item of the catalogue; the second user's list is all filler.
    ranked, relevant = np.array([[0, 2], [-1, -1]]), [np.array([2]), np.array([0])]
    assert hit_rate_at(2, ranked, relevant).tolist() == [1, 0]
    assert reciprocal_rank(ranked, relevant).tolist() == [0.5, 0]
    assert coverage_at(2, ranked, 3) == pytest.approx(2 / 3)


@given(cases())
def test_vectorised_metrics_agree_with_sets_and_loops(case: Case) -> None:
    k, ranked, relevant, n_items = case
    shown: set[int] = set()
    for user, (row, liked) in enumerate(zip(ranked.tolist(), relevant, strict=True)):
        wanted = set(liked.tolist())
        hits = [place for place, item in enumerate(row[:k], start=1) if item in wanted]
        gain = sum(1 / math.log2(place + 1) for place in hits)
        ideal = sum(1 / math.log2(place + 1) for place in range(1, min(k, len(wanted)) + 1))
        first = next((place for place, item in enumerate(row, start=1) if item in wanted), math.inf)
        shown |= set(row[:k]) - {-1}
        assert ndcg_at(k, ranked, relevant)[user] == pytest.approx(gain / ideal)
        assert recall_at(k, ranked, relevant)[user] == pytest.approx(len(hits) / len(wanted))
        assert hit_rate_at(k, ranked, relevant)[user] == (len(hits) > 0)
        assert reciprocal_rank(ranked, relevant)[user] == pytest.approx(1 / first)
    assert coverage_at(k, ranked, n_items) == pytest.approx(len(shown) / n_items)


@given(cases())
def test_all_metrics_stay_between_0_and_1_without_tolerance(case: Case) -> None:
    k, ranked, relevant, n_items = case
    for metric in AT_K:
        per_user = metric(k, ranked, relevant)
        assert per_user.shape == (len(relevant),)
        assert per_user.dtype == np.float64
        assert ((per_user >= 0) & (per_user <= 1)).all()
    assert (
        (reciprocal_rank(ranked, relevant) >= 0) & (reciprocal_rank(ranked, relevant) <= 1)
    ).all()
    assert 0 <= coverage_at(k, ranked, n_items) <= 1


@given(st.sets(st.integers(0, 40), min_size=1), st.integers(1, 50))
def test_a_perfect_list_scores_exactly_1(liked: set[int], k: int) -> None:
    relevant = np.array(sorted(liked))
    others = np.setdiff1d(np.arange(50), relevant)
    ranked = np.concatenate([relevant[::-1], others])
    assert ndcg_at(k, ranked, [relevant]).tolist() == [1.0]
    assert recall_at(k, ranked, [relevant]).tolist() == [min(k, len(liked)) / len(liked)]
    assert hit_rate_at(k, ranked, [relevant]).tolist() == [1.0]
    assert reciprocal_rank(ranked, [relevant]).tolist() == [1.0]


@given(cases(), st.randoms(use_true_random=False))
def test_order_of_users_and_names_of_items_do_not_matter(case: Case, random: Random) -> None:
    k, ranked, relevant, n_items = case
    rng = np.random.default_rng(random.getrandbits(32))
    users, codes = rng.permutation(len(relevant)), rng.permutation(n_items)
    renamed = np.where(ranked >= 0, codes[ranked], -1)[users]
    liked = [rng.permutation(codes[relevant[user]]) for user in users]
    for metric in AT_K:
        assert metric(k, renamed, liked).tolist() == metric(k, ranked, relevant)[users].tolist()
    assert coverage_at(k, renamed, n_items) == coverage_at(k, ranked, n_items)


def test_ndcg_rises_with_every_place_that_a_hit_climbs() -> None:
    climbing = np.array([np.roll(np.arange(10), place) for place in range(10)])
    scores = ndcg_at(10, climbing, [np.array([0])] * 10)
    assert (np.diff(scores) < 0).all()


@given(cases())
def test_places_after_k_change_nothing(case: Case) -> None:
    k, ranked, relevant, n_items = case
    for metric in AT_K:
        assert metric(k, ranked[:, :k], relevant).tolist() == metric(k, ranked, relevant).tolist()
    assert coverage_at(k, ranked[:, :k], n_items) == coverage_at(k, ranked, n_items)


@pytest.mark.parametrize(
    "metric",
    [*(partial(metric, 2) for metric in AT_K), reciprocal_rank],
)
@pytest.mark.parametrize(
    ("ranked", "relevant", "complaint"),
    [
        ([[0, 1], [0, 1]], [[0], []], r"relevant is empty.*leave such users out.*row 1"),
        ([[0, 1], [0, 1]], [[0]], "ranked has 2 rows and relevant 1"),
        ([[0, 1], [2, 2]], [[0], [1]], r"ranked repeats an item \(in 1 rows.*row 1"),
        ([[0, 1], [0, 1]], [[0], [4, 3, 4]], r"relevant repeats an item \(in 1 rows.*row 1"),
        ([[-1, 1]], [[0]], "goes on after the filler"),
        ([[1, -2]], [[0]], "below -1"),
        ([[0, 1]], [[-1]], "no vector of item codes"),
        ([[0, 1]], [[0.5]], "no vector of item codes"),
        ([[0.0, 1.0]], [[0]], "ranked must hold integers.*float64"),
        ([[]], [[0]], "ranked must hold integers"),
        ([[[0, 1]]], [[0]], r"shape \(1, 1, 2\)"),
    ],
)
def test_unusable_lists_are_refused(
    metric: Callable[..., object], ranked: object, relevant: object, complaint: str
) -> None:
    with pytest.raises(DataError, match=complaint):
        metric(ranked, relevant)


def test_one_error_tells_all_problems_of_the_relevant_items() -> None:
    with pytest.raises(DataError, match=r"has 2 rows and relevant 3.*is empty.*no vector"):
        recall_at(1, np.array([[0], [1]]), [np.array([]), np.array([-3]), np.array([1])])


def test_lists_shorter_than_k_are_refused() -> None:
    with pytest.raises(DataError, match="ranked has 4 places and k is 5"):
        ndcg_at(5, RANKED, RELEVANT)


def test_a_k_below_1_is_refused() -> None:
    with pytest.raises(SettingsError, match="k is 0"):
        recall_at(0, RANKED, RELEVANT)


@pytest.mark.parametrize("n_items", [0, 5])
def test_items_outside_the_catalogue_are_refused(n_items: int) -> None:
    with pytest.raises(DataError, match=f"catalogue of {n_items} items has no item code 5"):
        coverage_at(4, RANKED, n_items)


def test_novelty_is_the_mean_of_the_information_of_the_places_in_bits() -> None:
    # Of 8 users 8, 4, 2 and 1 rated the items: 0, 1, 2 and 3 bits.
    raters = np.array([8, 4, 2, 1])
    ranked = np.array([[0, 1, 2], [3, 1, -1], [3, -1, -1]])
    np.testing.assert_allclose(novelty_at(3, ranked, raters, 8), [1.0, 2.0, 3.0])
    np.testing.assert_allclose(novelty_at(1, ranked, raters, 8), [0.0, 3.0, 3.0])


def test_an_item_that_nobody_rated_is_as_novel_as_one_that_a_single_user_rated() -> None:
    both = novelty_at(1, np.array([[0], [1]]), np.array([0, 1]), 8)
    np.testing.assert_allclose(both, [3.0, 3.0])


def test_a_user_to_whom_nothing_is_recommended_has_no_novelty() -> None:
    assert np.isnan(novelty_at(2, np.array([-1, -1]), np.array([1]), 2)).all()


@pytest.mark.parametrize("raters", [[9, 1], [-1, 1]])
def test_novelty_refuses_impossible_numbers_of_raters(raters: list[int]) -> None:
    with pytest.raises(DataError, match=r"raters must lie in 0\.\.8"):
        novelty_at(1, np.array([[0]]), np.array(raters), 8)


def test_novelty_refuses_codes_that_are_not_in_the_catalogue() -> None:
    with pytest.raises(DataError, match="no item code 2"):
        novelty_at(1, np.array([[2]]), np.array([1, 1]), 8)
