"""What a silo has when a federation is done: a model, and ratings to measure it with."""

from __future__ import annotations

from pathlib import Path

from fedmf.errors import RunDirectoryError
from fedmf.federation.silos.federation import Federation
from fedmf.federation.silos.own_settings import SILO, SiloSettings
from fedmf.federation.silos.silo_participant import MODEL
from fedmf.federation.silos.silo_ratings import split_ratings
from fedmf.model import FactorModel, load_model
from fedmf.ratings import Ratings


def is_silo(folder: Path) -> bool:
    """Whether a folder is a silo's, and not the run directory of a training."""
    return (folder / SILO).is_file()


def silo_model(folder: Path) -> FactorModel:
    """Return the model that a silo wrote at the end of its federation.

    Raises
    ------
    RunDirectoryError
        The federation is not over.
    """
    if not (folder / MODEL).is_dir():
        raise RunDirectoryError(
            f"{folder} holds no model: the federation is not over, or this silo was away at its end"
        )
    return load_model(folder / MODEL)


def silo_split(folder: Path) -> tuple[Ratings, Ratings]:
    """Return the ratings that a silo learned from, and those that it held back.

    Raises
    ------
    SettingsError, MessageError, DataError
        What lies in the folder cannot be read, or does not fit together.
    """
    return split_ratings(Federation.read(folder), SiloSettings.read(folder), folder)
