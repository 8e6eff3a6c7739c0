"""Real processes, killed at real moments: whatever remains resumes to the same result."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

TRAIN = [
    "train",
    "--protection",
    "committee",
    "--key-bits",
    "2048",
    "--users",
    "12",
    "--items",
    "30",
    "--factors",
    "4",
    "--rounds",
    "6",
    "--workers",
    "2",
]


def fedmf(*arguments: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - our own command line
        [sys.executable, "-c", "from fedmf.cli.app import main; main()", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finished(process: subprocess.Popen[str]) -> tuple[str, str]:
    out, err = process.communicate(timeout=120)
    if process.returncode == 33 and "The session ends here" in " ".join(err.split()):
        # tests/federation/test_committee_crashes.py has this case, at every answer.
        pytest.skip("the kill fell into the milliseconds between two members' answers")
    assert process.returncode == 0, err
    return out, err


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not ready() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("whole")
    plain = ["none" if argument == "committee" else argument for argument in TRAIN]
    out, _ = finished(fedmf(*plain, "--json", folder=folder))
    digest: str = json.loads(out)["table_sha256"]
    return digest


@pytest.mark.parametrize("protection", ["committee", "paillier"])
@pytest.mark.parametrize("kills", [[0], [1], [3, 5]])
def test_a_killed_run_resumes_to_the_same_table(
    tmp_path: Path, expected: str, kills: list[int], protection: str
) -> None:
    arguments = [*TRAIN, "--protection", protection, "--out", "run"]
    checkpoints = tmp_path / "run" / "checkpoints"
    for rounds in kills:
        process = fedmf(*arguments, "--quiet", folder=tmp_path)
        due = checkpoints / f"round-{rounds:06d}" if rounds else tmp_path / "run" / "run.json"
        wait_until(due.exists, process)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        arguments = ["train", "--resume", "run"]
    out, _ = finished(fedmf(*arguments, "--json", "--workers", "1", folder=tmp_path))
    document = json.loads(out)
    assert document["table_sha256"] == expected
    assert [record["round"] for record in document["rounds"]] == [1, 2, 3, 4, 5, 6]
    # Its number is at least 7, with the set-up; a kill may have cost a void round or two.
    (newest,) = (path.name for path in checkpoints.iterdir())
    assert "round-000007" <= newest <= "round-000011"


def test_ctrl_c_says_how_to_go_on(tmp_path: Path, expected: str) -> None:
    process = fedmf(*TRAIN, "--out", "run", folder=tmp_path)
    first = tmp_path / "run" / "checkpoints" / "round-000001"
    wait_until(first.exists, process)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "fedmf train --resume run" in err
    assert "Traceback" not in err
    out, _ = finished(fedmf("train", "--resume", "run", "--json", folder=tmp_path))
    assert json.loads(out)["table_sha256"] == expected


def test_a_training_goes_on_when_its_reader_has_had_enough(tmp_path: Path, expected: str) -> None:
    process = fedmf(*TRAIN, "--out", "run", folder=tmp_path)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=120) == 0
    assert process.stderr is not None
    process.stderr.close()
    document = json.loads((tmp_path / "run" / "result.json").read_text())
    assert document["table_sha256"] == expected


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes in Linux' /proc")
def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    process = fedmf(*TRAIN, "--rounds", "500", "--out", "run", folder=tmp_path)
    wait_until((tmp_path / "run" / "checkpoints" / "round-000001").exists, process)
    workers = children(process.pid)
    assert len(workers) >= 2
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 30
    while any(map(alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(alive, workers))


def children(parent: int) -> list[int]:
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found.append(int(status.parent.name))
    return found


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
