"""The authors' 175 iterations: every loss, and the held-out error, federated and regular."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from fedmf.benchmarking.scheme import Scheme
from fedmf.errors import SettingsError
from fedmf.federation import train_locally
from fedmf.model import FloatArray
from fedmf.model.sgd import Sgd, train_centralised
from fedmf.ratings import Ratings
from fedmf.reproduce.published import POOLED
from fedmf.reproduce.setting import authors_plan

ITERATIONS = 175


@dataclass(frozen=True, slots=True)
class LossCurve:
    """One training of the published setting."""

    scheme: str
    """What protected it; ``"regular"`` for pooled ratings."""
    upload: str
    """``"full"``, ``"part"`` or ``"pooled"``."""
    losses: tuple[float, ...]
    """Mean squared error on the training ratings after each iteration."""
    rmse: float
    """Error on the held-out ratings, from products that are not clipped to the scale, as the
    authors compute it."""
    table_sha256: str | None
    """Of the final integer table; None for pooled ratings."""

    def distance(self, published: Sequence[float]) -> float:
        """Return the largest relative distance to a published curve."""
        theirs = np.array(published[: len(self.losses)])
        return float(np.max(np.abs(np.array(self.losses) - theirs) / theirs))


def train_curves(
    runs: Sequence[tuple[Scheme, str]],
    training: Ratings,
    heldout: Ratings,
    *,
    iterations: int = ITERATIONS,
    told: Callable[[str], None] = lambda _: None,
) -> Iterator[LossCurve]:
    """Train under each scheme and upload mode, and on pooled ratings at last."""
    for scheme, upload in runs:
        plan = authors_plan(scheme, upload, iterations, training)
        told(f"{iterations} iterations, {scheme.name}, {upload}")
        result = train_locally(plan, scheme.key, training, heldout)
        yield LossCurve(
            scheme.name,
            upload,
            tuple(record.training_loss for record in result.rounds),
            unclipped_rmse(result.user_factors, result.public_model.item_factors, heldout),
            result.table_sha256,
        )
    told(f"{iterations} iterations, pooled ratings")
    yield _regular(runs[0][0], training, heldout, iterations)


def unclipped_rmse(users: FloatArray, items: FloatArray, heldout: Ratings) -> float:
    """Return the error of raw products, as the authors' code computes it."""
    products = np.einsum("nd,nd->n", users[heldout.users], items[heldout.items])
    return float(np.sqrt(np.mean((heldout.values - products) ** 2)))


def _regular(scheme: Scheme, training: Ratings, heldout: Ratings, iterations: int) -> LossCurve:
    method = authors_plan(scheme, "full", iterations, training).method
    if not isinstance(method, Sgd):
        raise SettingsError("regular matrix factorization takes method sgd")
    owned = training.owned_by(range(training.n_users))
    users, items, losses = train_centralised(method, owned)
    return LossCurve("regular", POOLED, tuple(losses), unclipped_rmse(users, items, heldout), None)
