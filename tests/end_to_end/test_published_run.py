"""The authors' published run, reproduced under encryption: every loss, and the final error."""

import json
from pathlib import Path

import numpy as np
import pytest

from fedmf.crypto.paillier import PrivateKey
from fedmf.federation import TrainingPlan, TrainingResult, train_locally
from fedmf.model.sgd import Sgd, train_centralised
from tests.end_to_end.published_setting import (
    published_ratings,
    published_settings,
    unclipped_rmse,
)


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
