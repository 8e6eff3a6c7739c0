"""The command line as a process of its own, and how tests wait for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

LAST_RESORT = 600.0
"""Seconds after which a test gives up on an event; nothing that is well takes a tenth of them."""


def fedmf(*arguments: str, folder: Path) -> subprocess.Popen[str]:
    """Start the command line in a folder, at the head of a process group."""
    return subprocess.Popen(  # noqa: S603 - our own command line
        [sys.executable, "-c", "from fedmf.cli.start import main; main()", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_until(happened: Callable[[], bool], process: subprocess.Popen[str] | None = None) -> None:
    """Wait for something; fail at once if the process that is to do it has ended."""
    deadline = time.monotonic() + LAST_RESORT
    while not happened():
        if process is not None and process.poll() is not None and not happened():
            raise AssertionError(f"the process ended first: {process.communicate()}")
        assert time.monotonic() < deadline
        time.sleep(0.005)


def has_played(run: Path, rounds: int) -> bool:
    """Whether a run has begun and has a checkpoint of this round or of a later one."""
    kept = [path.name for path in run.glob("checkpoints/snapshot-*")]
    newest = max(kept, default="snapshot-000000000")
    return (run / "run.json").exists() and f"snapshot-{rounds:09d}" <= newest


def end(process: subprocess.Popen[str]) -> None:
    """Kill a process and what it has started, if they are still there."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def children(parent: int) -> list[int]:
    """Return the processes that a process has started, but for the tracker of shared memory."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
            command = status.with_name("cmdline").read_bytes()
        except OSError:
            continue
        if int(fields[1]) == parent and b"resource_tracker" not in command:
            found.append(int(status.parent.name))
    return found


def alive(process: int) -> bool:
    """Whether a process exists and has not ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
