"""The tutorial of three organisations, as it stands on its page: real processes, TLS, keys."""

from __future__ import annotations

import csv
import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fedmf.model import load_model

pytest.importorskip("flwr", reason="Flower is an extra")

PAGE = Path(__file__).parents[2] / "docs" / "tutorial" / "three-organisations.md"
NAMES = ("north", "south", "east")


@pytest.fixture(scope="module")
def organisations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run all blocks of the page from an empty folder, with a port that is free here."""
    folder = tmp_path_factory.mktemp("organisations")
    commands = folder / "bin"
    commands.mkdir()
    for name, module in (
        ("fedmf", "-c 'from fedmf.cli.start import main; main()'"),
        ("python", ""),
    ):
        (commands / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {module} "$@"\n')
        (commands / name).chmod(0o755)
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port = trial.getsockname()[1]
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text("utf-8"), re.S | re.M)
    script = "trap 'kill $(jobs -p) 2> /dev/null || true' EXIT\n" + "".join(blocks)
    # timeout ends the whole group, processes in the background included.
    ended = subprocess.run(  # noqa: S603 - our own page
        [
            "/usr/bin/env",
            "timeout",
            "900",
            "/bin/bash",
            "-eu",
            "-c",
            # It also waits for silos as long as it takes.
            script.replace("9092", str(port)).replace("--wait 120", "--wait 600"),
        ],
        cwd=folder,
        env=os.environ | {"PATH": f"{commands}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    logs = "".join((folder / name / "join.log").read_text("utf-8") for name in NAMES)
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}\n{logs}"
    assert ended.stdout.count("Errors of predicted ratings") == len(NAMES)
    return folder


def test_every_round_included_everybody(organisations: Path) -> None:
    lines = (organisations / "server" / "rounds.jsonl").read_text("utf-8").splitlines()
    rounds = [json.loads(line) for line in lines]
    assert [one["included"] for one in rounds] == [[0, 1, 2]] * 4
    assert not any(one["errors"] for one in rounds)


def test_all_have_the_same_items_and_each_its_own_users(organisations: Path) -> None:
    models = [load_model(organisations / name / "model") for name in NAMES]
    for name, model in zip(NAMES, models, strict=True):
        np.testing.assert_array_equal(model.item_factors, models[0].item_factors)
        with (organisations / name / "ratings.csv").open(encoding="utf-8") as file:
            own = {int(row["user"]) for row in csv.DictReader(file)}
        assert set(model.user_ids) == own


def test_the_server_has_no_key_of_the_protocol_and_no_vector(organisations: Path) -> None:
    server = organisations / "server"
    said = b"".join(path.read_bytes() for path in server.rglob("*") if path.is_file())
    for name in NAMES:
        model = load_model(organisations / name / "model")
        assert model.item_factors.tobytes() not in said
        assert model.user_factors.tobytes() not in said
    secret = [path.name for path in server.rglob("*") if "key" in path.name]
    assert secret == ["certificate-key.pem"]
