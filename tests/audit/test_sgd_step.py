"""Gradients give ratings away: on steps made here, whose ratings are known."""

from dataclasses import replace

import numpy as np
import pytest

from fedmf.audit.attacks.sgd_step import Trace, ratings_of_batch_steps, recover
from fedmf.model import FloatArray, PublicModel
from fedmf.model.sgd import ITEMS, Sgd
from fedmf.ratings import OwnedRatings, RatingScale

RATE, REG, MIDDLE = 0.002, 0.05, 2.75
SCALE = RatingScale(0.5, 5.0)


def vectors(rng: np.random.Generator, count: int, factors: int) -> FloatArray:
    return rng.normal(np.sqrt(MIDDLE / factors), 0.1, (count, factors))


def ratings_of(rng: np.random.Generator, count: int) -> FloatArray:
    return rng.integers(1, 11, count) / 2


@pytest.mark.parametrize("count", [2, 7, 60])
def test_two_batch_gradients_give_the_ratings_in_closed_form(count: int) -> None:
    rng = np.random.default_rng(count)
    user, items, values = vectors(rng, 1, 6)[0], vectors(rng, count, 6), ratings_of(rng, count)
    uploads = []
    for round_vectors in (items, items + rng.normal(0, 0.05, items.shape)):
        errors = values - round_vectors @ user
        uploads.append(np.outer(errors, user))
        user = user + 2 * RATE * (round_vectors.T @ errors - count * REG * user)
    found = ratings_of_batch_steps((uploads[0], uploads[1]), items, RATE, REG, MIDDLE)
    np.testing.assert_allclose(found, values, atol=1e-6)


def test_one_batch_gradient_leaves_the_scale_open() -> None:
    """The same gradient comes of (u, e) and of (u / 2, 2 e), whose ratings differ."""
    rng = np.random.default_rng(0)
    user, items, values = vectors(rng, 1, 6)[0], vectors(rng, 9, 6), ratings_of(rng, 9)
    errors = values - items @ user
    other = 2 * errors + items @ (user / 2)
    np.testing.assert_allclose(np.outer(errors, user), np.outer(other - items @ user / 2, user / 2))
    assert np.abs(other - values).max() > 0.5


def played(rng: np.random.Generator, count: int) -> tuple[Sgd, FloatArray, list[Trace]]:
    """Return ratings in item order, and what two rounds of the product's own step show."""
    method = Sgd(
        factors=16, users=100, items=count, rounds=2, scale=SCALE, learning_rate=RATE, reg=REG
    )
    order = rng.permutation(count).astype(np.int32)
    values = ratings_of(rng, count)
    own = OwnedRatings(np.zeros(1, np.int32), np.array([0, count]), order, values[order])
    user, items = method.start_user_factors(own.users), vectors(rng, count, 16)
    traces, before = [], None
    for _ in range(2):
        step = method.participant_step(PublicModel(items), own, user, before)
        moves = step.contribution[ITEMS].values - (0 if before is None else before[ITEMS].values)
        # Sums are uploaded in fixed point: 2^-20 is the finest.
        traces.append(Trace.of(method, np.rint(moves * 2**20) / 2**20, items))
        user, before = step.user_factors, step.contribution
        items = items + rng.normal(0, 0.05, items.shape)
    return method, values, traces


@pytest.mark.parametrize("count", [5, 40, 150])
def test_two_uploads_of_the_sequential_step_give_the_ratings(count: int) -> None:
    _, values, (first, second) = played(np.random.default_rng(count), count)
    found = recover(first, second, MIDDLE)
    assert np.mean(np.abs(found - values) < 0.25) >= 0.99


def test_with_the_public_start_one_upload_is_enough_and_with_another_it_is_not() -> None:
    method, values, (first, _) = played(np.random.default_rng(3), 80)
    start = method.start_user_factors(np.zeros(1, np.int32))[0]
    np.testing.assert_allclose(first.follow(start).ratings, values, atol=0.1)
    wrong = 0.6 * method.start_user_factors(np.ones(1, np.int32))[0]
    assert np.mean(np.abs(first.follow(wrong).ratings - values) < 0.25) < 0.5


def test_uploads_of_two_different_users_show_nobodys_ratings() -> None:
    _, values, (first, second) = played(np.random.default_rng(4), 60)
    _, _, (_, others) = played(np.random.default_rng(5), 60)
    found = recover(first, replace(second, ys=others.ys), MIDDLE)
    assert np.mean(np.abs(found - values) < 0.25) < 0.5
