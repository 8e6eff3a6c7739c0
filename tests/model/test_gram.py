from typing import Any, ClassVar

import numpy as np
import pytest

from fedmf.model import RATERS, Contribution, Method, PublicModel, configure_method
from fedmf.model.gram import Gram
from fedmf.ratings import OwnedRatings, Ratings, RatingScale
from tests.contracts.method_contract import MethodContract, apply
from tests.model.small_federation import ITEMS, RATED, RATINGS, USERS, ratings_of

K = 4


class TestGram(MethodContract):
    name: ClassVar[str] = "gram"
    quality_range: ClassVar[tuple[float, float]] = (0.36, 0.46)

    @pytest.fixture
    def method(self, training: Ratings) -> Method:
        return configure_method(
            self.name,
            users=training.n_users,
            items=training.n_items,
            scale=training.scale,
            factors=60,
        )


def make(**changed: Any) -> Gram:
    chosen = {"factors": K, "users": USERS, "items": ITEMS, "reg": 0.7, **changed}
    return Gram(scale=RatingScale(0, 1), **chosen)


def some_ratings() -> OwnedRatings:
    return ratings_of(np.ones(RATINGS))


def learned(method: Gram, least: int = 1) -> tuple[PublicModel, Contribution]:
    """Return the model after the only round, and what all users together contributed."""
    ratings = some_ratings()
    counts = np.bincount(ratings.items, minlength=ITEMS)
    raters = {RATERS: np.where(counts >= least, counts, 0.0)[:, np.newaxis]}
    start = method.start_table()
    public = method.decode({**start, **raters}, None)
    vectors = method.start_user_factors(ratings.users)
    contribution = method.participant_step(public, ratings, vectors, None).contribution
    return method.decode({**apply(start, [contribution]), **raters}, public), contribution


def test_weights_are_those_of_ease_on_pooled_data() -> None:
    method = make()
    public, _ = learned(method)
    met = np.zeros((USERS, ITEMS))
    for user, own in enumerate(RATED):
        met[user, own] = 1.0
    # Items 0, 2, 1, 3 and 4 have three raters each but for item 5; the first four codes are taken.
    chosen = met[:, :K]
    gram = chosen.T @ chosen
    # EASE as Steck solves it, column by column: regress each item on the others.
    for item in range(K):
        others = [one for one in range(K) if one != item]
        left = gram[np.ix_(others, others)] + method.reg * np.eye(K - 1)
        weights = np.linalg.solve(left, gram[others, item])
        np.testing.assert_allclose(public.item_factors[item, others], weights, rtol=1e-10)
        assert public.item_factors[item, item] == 0.0
    vector = method.fold_in(public, np.array(RATED[2], np.int32), np.ones(4))
    scores = public.item_factors @ vector
    np.testing.assert_allclose(scores[:K], (chosen[2] @ public.item_factors[:K, :K].T), atol=1e-5)
    assert scores[:K].min() > scores[4] > scores[5]


def test_pairs_are_counted_once() -> None:
    method = make()
    _, contribution = learned(method)
    part = contribution["pairs"]
    chosen = np.array([[item in items for item in range(K)] for items in RATED], dtype=float)
    expected = (chosen.T @ chosen)[np.triu_indices(K)]
    np.testing.assert_array_equal(part.values[:, 0], expected[part.rows])
    assert expected.sum() == part.values.sum()


def test_items_with_too_few_raters_are_in_no_pair() -> None:
    public, contribution = learned(make(factors=ITEMS), least=3)
    assert 5 not in public.statistics["ranked"]
    rows, columns = np.triu_indices(ITEMS)
    part = contribution["pairs"]
    assert max(rows[part.rows].max(), columns[part.rows].max()) < 5


def test_recency_weighs_what_was_met_last() -> None:
    method = make(recency=4.0)
    public, _ = learned(method)
    vector = method.fold_in(public, np.array([3, 5, 0], np.int32), np.ones(3))
    # The age counts all items met, those among the k and the others.
    np.testing.assert_allclose(vector, [4.0, 0.0, 0.0, 4.0 / 3.0, 1.0])


def test_who_met_none_of_them_is_told_what_is_popular() -> None:
    public, _ = learned(make(factors=2))
    vector = make(factors=2).fold_in(public, np.array([5], np.int32), np.ones(1))
    scores = public.item_factors @ vector
    counts = np.bincount(np.concatenate(RATED), minlength=ITEMS)
    assert np.array_equal(np.argsort(-scores, kind="stable"), np.argsort(-counts, kind="stable"))
