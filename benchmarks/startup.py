"""How long it takes from nothing to the first protected upload: load fedmf, then protect.

A fresh process each time, with warm file caches; wall seconds, because that is what one waits::

    python benchmarks/startup.py --repeats 9
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from dataclasses import asdict

from fedmf.benchmarking.machine import this_machine

GOAL = 0.6
PROGRAM = """
import time
start = time.perf_counter()
import fedmf.recommender
imported = time.perf_counter() - start
import numpy as np
from fedmf.protocol import {names}
shape = TableShape((GroupShape("items", 2560, 100, 24),))
session = Session(
    session_id=bytes(16), protection="rlwe", upload="full", shape=shape, participants=610,
    rounds=12, public_key=None, learning_sha256=bytes(32),
)
half = participant_protection(session, fresh_key("rlwe", 0))
change = [RowChange(np.arange(2560), np.ones((2560, 100), dtype=np.int64))]
half.protect(change, round_number=1, participant=0)
print(imported, time.perf_counter() - start)
""".format(names="GroupShape, RowChange, Session, TableShape, fresh_key, participant_protection")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args()
    runs = [run() for _ in range(options.repeats + 1)][1:]
    imported, first = (statistics.median(one) for one in zip(*runs, strict=True))
    machine = this_machine()
    if options.json:
        figures = {"import_seconds": imported, "first_protect_seconds": first, "goal": GOAL}
        print(json.dumps({"machine": asdict(machine), **figures}, indent=1))
        return
    print(f"loading fedmf: {imported:.2f} s; first protect of 256,000 values: after {first:.2f} s")
    print(f"goal: {GOAL} s; medians of {options.repeats} fresh processes, wall time")
    print(f"machine: {machine}")


def run() -> tuple[float, float]:
    """Return the seconds of the import, and until the first upload is protected."""
    done = subprocess.run(  # noqa: S603 - the program stands above
        [sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True
    )
    imported, first = map(float, done.stdout.split())
    return imported, first


if __name__ == "__main__":
    main()
