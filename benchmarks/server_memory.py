"""What the server of a committee keeps in memory while uploads of a million values come in.

The uploads are real, each under its participant's own key. The words of a round lie in a file, so
that the server holds one table, and of each upload its head, envelopes and signature. The resident
memory of the process is read after every upload has been received and let go of; the slope is per
participant, and what it comes to for all of them is extrapolated in a straight line::

    python benchmarks/server_memory.py --uploads 64
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import tracemalloc
from dataclasses import asdict
from pathlib import Path

import numpy as np

from fedmf.benchmarking.machine import this_machine
from fedmf.benchmarking.scheme import FACTORS, Scheme, random_change
from fedmf.protocol.session import LEAST_COHORT

GOAL = 2000
"""Bytes for each participant beyond one table."""
STATUS = Path("/proc/self/statm")


def resident() -> int:
    """Return the resident memory of this process in bytes."""
    return int(STATUS.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def grow(uploads: int, participants: int, values: int) -> tuple[list[int], list[int]]:
    """Receive real uploads; return resident and allocated bytes after each of them."""
    rows = values // FACTORS
    session = Scheme.fresh("committee").rehearsal(rows, participants, uploads=uploads)
    change = random_change(rows, np.random.default_rng(0))
    held: list[int] = []
    allocated: list[int] = []

    def note() -> None:
        gc.collect()
        held.append(resident())
        allocated.append(tracemalloc.get_traced_memory()[0])

    changes = dict.fromkeys(range(uploads), change)
    # What lasts for a session is built in the first round.
    session.play(changes, after_upload=note)
    held.clear()
    allocated.clear()
    tracemalloc.start()
    session.play(changes, after_upload=note)
    tracemalloc.stop()
    return held, allocated


def slope(sizes: list[int]) -> float:
    """Return by how much sizes grow from one to the next, as a straight line through all."""
    return float(np.polyfit(np.arange(len(sizes)), np.array(sizes, dtype=np.float64), 1)[0])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--uploads", type=int, default=64)
    parser.add_argument("--participants", type=int, default=1024)
    parser.add_argument("--values", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args()
    if options.uploads < LEAST_COHORT:
        parser.error(f"--uploads is at least {LEAST_COHORT}")
    held, allocated = grow(options.uploads, options.participants, options.values)
    figures = {
        "participants": options.participants,
        "values": options.values,
        "uploads": options.uploads,
        "resident_bytes_per_upload": slope(held),
        "allocated_bytes_per_upload": slope(allocated),
        "table_bytes": options.values * 4,
        "resident_mb_at_the_end": held[-1] / 1e6,
        "goal_bytes": GOAL,
    }
    if options.json:
        print(json.dumps({"machine": asdict(this_machine()), **figures}, indent=1))
        return
    whole = slope(allocated) * options.participants / 1e6
    print(
        f"{options.uploads} uploads of {options.values:,} values, one table is "
        f"{options.values * 4 / 1e6:.1f} MB"
    )
    print(f"allocated and kept for each upload: {slope(allocated):,.0f} bytes (goal {GOAL:,})")
    print(f"resident memory of the process for each upload: {slope(held):,.0f} bytes")
    print(f"for {options.participants:,} participants, extrapolated: {whole:.1f} MB")
    print(f"machine: {this_machine()}")


if __name__ == "__main__":
    main()
