"""The setting whose 175 losses the authors published, built with the product's own pieces."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fedmf.federation import TrainingSettings
from fedmf.model import FloatArray
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
