"""Trainings of which nothing is left to learn."""

from typing import Any

import pytest

from fedmf.crypto.derivation import MasterSecret
from fedmf.federation import TrainingSettings, make_plan, train_locally
from fedmf.federation.training import TrainingResult
from fedmf.ratings import load_ratings

RATINGS = load_ratings("movielens-small").take(users=14, items=25)

SLICES = {"rounds": 200, "upload": "slices", "slices": 2}


def trained(
    protection: str, changed: dict[str, Any], workers: int = 1, until: int | None = None
) -> TrainingResult:
    settings = TrainingSettings(protection=protection, factors=4, **changed)
    plan, key = make_plan(settings, RATINGS)
    assert (key is not None) == isinstance(key, MasterSecret)
    return train_locally(plan, key, RATINGS, RATINGS.split(0.0)[1], workers=workers, until=until)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("changed", [{"rounds": 120}, SLICES])
def test_a_committee_ends_a_converged_training_with_the_unprotected_table_of_that_round(
    workers: int, changed: dict[str, Any]
) -> None:
    converged = trained("committee", changed, workers)
    rounds = len(converged.rounds)
    assert rounds < changed["rounds"]
    # Without protection, later rounds may still turn single steps.
    same = trained("none", changed, until=rounds)
    assert len(same.rounds) == rounds
    assert same.table_sha256 == converged.table_sha256


def test_a_training_that_still_moves_has_all_its_rounds() -> None:
    assert len(trained("committee", {"rounds": 3}).rounds) == 3
