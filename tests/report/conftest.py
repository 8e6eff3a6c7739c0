"""Run directories to report on: trained once, copied for each test that changes one."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fedmf.cli.app import app

SMALL = ["--users", "15", "--items", "25", "--factors", "3", "--rounds", "3", "--workers", "1"]
LONG = 175


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return what trains with some options, or finds the run that was trained with them."""
    runs: dict[tuple[str, ...], Path] = {}

    def train(*options: str) -> Path:
        if options not in runs:
            run = tmp_path_factory.mktemp("runs") / "run"
            with pytest.raises(SystemExit) as ended:
                app(["train", *SMALL, *options, "--out", str(run), "--quiet"])
            assert ended.value.code == 0
            runs[options] = run
        return runs[options]

    return train


@pytest.fixture
def run(trained: Callable[..., Path], tmp_path: Path) -> Path:
    """Return a copy of a run under a committee."""
    return Path(shutil.copytree(trained(), tmp_path / "run"))


@pytest.fixture
def plain(trained: Callable[..., Path], tmp_path: Path) -> Path:
    """Return a copy of a run without protection."""
    return Path(shutil.copytree(trained("--protection", "none"), tmp_path / "plain"))


@pytest.fixture
def unfinished(run: Path) -> Path:
    """Return a run that was killed before its end."""
    (run / "result.json").unlink()
    shutil.rmtree(run / "model")
    return run


def change(path: Path, act: Callable[[Any], object]) -> None:
    """Change what a JSON file holds."""
    values = json.loads(path.read_text())
    act(values)
    path.write_text(json.dumps(values))


def lengthen(result: Any) -> None:
    """Make the result of a short training that of a long one, with figures of many sizes."""
    for records in (result["rounds"], result["unprotected"]["rounds"]):
        first = records[0]
        records[:] = [
            {**first, "round": n, "rmse": 1 + 3 / n, "mae": 0.8 + 2 / n, "void_before": n % 2}
            for n in range(1, LONG + 1)
        ]


AUDIT = {
    "rows": [
        {
            "protection": protection, "upload": "full", "adversary": adversary,
            "attack": "rated items", "target": "which items <each> participant rated",
            "metric": "R-precision", "value": value, "chance": 0.25, "n": 1400, "holds": holds,
        }
        for protection, adversary, value, holds in (
            ("none", "the server alone", 0.975, False),
            ("committee", "the server & one participant", 0.2625, True),
        )
    ]
}  # fmt: skip
