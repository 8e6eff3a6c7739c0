"""How many processes a command may use."""

from __future__ import annotations

import os


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def usable_workers(wanted: int | None) -> int:
    """Return how many processes to use where this many are wanted: at most one for each core."""
    return available_cores() if wanted is None else min(wanted, available_cores())
