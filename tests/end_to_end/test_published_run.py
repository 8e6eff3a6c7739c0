"""The authors' published run, reproduced under encryption: every loss, and the final error.

The setting is described here anew and the figures are those of the authors' file: nothing is taken
from `fedmf.reproduce`, so that one can be checked with the other.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from fedmf.crypto.paillier import PrivateKey
from fedmf.federation import TrainingPlan, TrainingResult, TrainingSettings, train_locally
from fedmf.model import FloatArray
from fedmf.model.sgd import Sgd, train_centralised
from fedmf.ratings import Ratings, load_ratings


def published_ratings(ml_latest_small: Path) -> tuple[Ratings, Ratings]:
    """Return the training and test ratings: 7 users, 40 items, 3 test ratings a user."""
    chosen = load_ratings(ml_latest_small).take(users=10, items=40, min_ratings=5)
    return chosen.split(3, by="last")


def published_settings(protection: str, upload: str) -> TrainingSettings:
    """Return the authors' settings: d = 100, gamma = 1e-3, lambda = 1e-4, start 0.01."""
    return TrainingSettings(
        min_raters=1,
        protection=protection,
        method="sgd",
        upload=upload,
        key_bits=1024,
        factors=100,
        rounds=175,
        learning_rate=1e-3,
        reg=1e-4,
        start="constant",
    )


def unclipped_rmse(users: FloatArray, items: FloatArray, heldout: Ratings) -> float:
    """Return the error of raw products, as the authors' code computes it."""
    products = np.einsum("nd,nd->n", users[heldout.users], items[heldout.items])
    return float(np.sqrt(np.mean((heldout.values - products) ** 2)))


def run(ml_latest_small: Path, upload: str, key: PrivateKey | None) -> TrainingResult:
    training, heldout = published_ratings(ml_latest_small)
    settings = published_settings("none" if key is None else "paillier", upload)
    public_key = None if key is None else int(key.public.n)
    plan = TrainingPlan.make(settings, training, public_key=public_key)
    return train_locally(plan, key, training, heldout)


@pytest.fixture(scope="module")
def unprotected(ml_latest_small: Path) -> TrainingResult:
    return run(ml_latest_small, "full", None)


@pytest.mark.parametrize("upload", ["full", "part"])
def test_fedmf_reproduces_every_published_loss(
    ml_latest_small: Path,
    published: Path,
    unprotected: TrainingResult,
    weak_key: PrivateKey,
    upload: str,
) -> None:
    figures = json.loads(published.read_text())[f"fedmf_{upload}"]
    result = run(ml_latest_small, upload, weak_key)
    losses = [record.training_loss for record in result.rounds]
    np.testing.assert_allclose(losses, figures["loss"], rtol=1e-3)
    _, heldout = published_ratings(ml_latest_small)
    found = unclipped_rmse(result.user_factors, result.public_model.item_factors, heldout)
    assert found == pytest.approx(1.3965, abs=0.002)
    assert found == pytest.approx(figures["rmse"], abs=0.002)
    assert result.table_sha256 == unprotected.table_sha256


def test_regular_matrix_factorization_reproduces_the_published_losses(
    ml_latest_small: Path, published: Path
) -> None:
    figures = json.loads(published.read_text())["regular_mf"]
    training, heldout = published_ratings(ml_latest_small)
    settings = published_settings("none", "full")
    method = TrainingPlan.make(settings, training, public_key=None).method
    assert isinstance(method, Sgd)
    owned = training.owned_by(range(training.n_users))
    users, items, losses = train_centralised(method, owned)
    np.testing.assert_allclose(losses, figures["loss"], rtol=1e-3)
    assert unclipped_rmse(users, items, heldout) == pytest.approx(1.3969, abs=0.002)
    assert unclipped_rmse(users, items, heldout) == pytest.approx(figures["rmse"], abs=1e-6)
