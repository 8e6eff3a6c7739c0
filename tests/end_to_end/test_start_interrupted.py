"""Ctrl-C while fedmf starts: no traceback, status 130, and nothing or a whole run directory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.end_to_end.processes import LAST_RESORT

TRAIN = ["train", "--users", "8", "--items", "16", "--rounds", "2", "--workers", "1", "--quiet"]
# Jobs in the background are born ignoring Ctrl-C, and so is what they start. The line is there once
# fedmf begins to load: what Python does before, nobody can change.
AS_IN_A_TERMINAL = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
def tell(event, details):
    if event == "import" and details[0] == "fedmf.cli.app":
        print("here", flush=True)
sys.addaudithook(tell)
from fedmf.cli.start import main
main()
"""


def stopped_after(seconds: float, folder: Path) -> tuple[int, str]:
    """Start a training, stop it so long after it begins to load; return status and errors."""
    process = subprocess.Popen(  # noqa: S603 - our own command line
        [sys.executable, "-c", AS_IN_A_TERMINAL, *TRAIN],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=LAST_RESORT)
    return process.returncode, err


@pytest.mark.parametrize("tenths", range(0, 24, 2))
def test_ctrl_c_is_quiet_and_leaves_nothing_or_a_run(tmp_path: Path, tenths: int) -> None:
    status, err = stopped_after(tenths / 10, tmp_path)
    assert "Traceback" not in err
    if status == 0:
        pytest.skip("the training was over before")
    if status == -signal.SIGINT:
        # Python was closing down and had let go of Ctrl-C: everything was done by then.
        assert list(tmp_path.rglob("result.json"))
        return
    assert status == 130
    runs = list(tmp_path.rglob("run.json"))
    assert len(runs) == ("--resume fedmf-runs/001" in err)
    assert runs or not list(tmp_path.rglob("*"))
