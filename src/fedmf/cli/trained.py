"""What was trained, and where: a run directory, or the folder of a silo."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fedmf.federation import RunDirectory
from fedmf.federation.silos.trained import is_silo, silo_model, silo_split
from fedmf.model import FactorModel
from fedmf.ratings import Ratings, Reading


def trained_model_in(folder: Path) -> FactorModel:
    """Return the model of a run directory, or of a silo."""
    return silo_model(folder) if is_silo(folder) else RunDirectory.find(folder).model()


def ratings_of(folder: Path) -> tuple[Ratings, Ratings]:
    """Return the training and the held-out ratings of a run directory, or of a silo."""
    if is_silo(folder):
        return silo_split(folder)
    _, training, heldout = RunDirectory.find(folder).described.ratings()
    return training, heldout


def of_model(reading: Reading, model: FactorModel) -> Reading:
    """Return how to read ratings that a model is to judge by: on its scale, unless it only ranks.

    The scale that somebody says is not another one, but how the file is written: the model's own is
    what counts.
    """
    if not model.method.predicts_ratings:
        return reading
    return replace(reading, scale=model.method.scale.option)
