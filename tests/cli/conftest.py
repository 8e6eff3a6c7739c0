"""A folder for each test, and runs that are trained once and copied."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.command import SMALL, Trained, run


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def train_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Trained]:
    """Return what trains without protection, in a folder of its own."""

    def train(*options: str) -> Trained:
        folder = tmp_path_factory.mktemp("trained") / "run"
        ran = run("train", *SMALL, "--protection", "none", "--out", str(folder), *options)
        assert ran.status == 0, ran.err
        return Trained(folder, ran)

    return train


@pytest.fixture(scope="session")
def rating_run(train_once: Callable[..., Trained]) -> Trained:
    """A run of method bayes, which predicts ratings."""
    return train_once()


@pytest.fixture(scope="session")
def ranking_run(train_once: Callable[..., Trained]) -> Trained:
    """A run of method implicit, which only ranks."""
    return train_once("--method", "implicit", "--json")


@pytest.fixture
def trained(rating_run: Trained) -> str:
    """Have a copy of the run in the current folder; return its name."""
    return str(shutil.copytree(rating_run.folder, "run"))


@pytest.fixture
def ranks(ranking_run: Trained) -> str:
    """Have a copy of the run that only ranks in the current folder; return its name."""
    return str(shutil.copytree(ranking_run.folder, "ranks"))
