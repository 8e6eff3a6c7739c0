"""How intervals read on a terminal."""

from __future__ import annotations

import math

from fedmf.evaluation import Interval


def interval_text(interval: Interval) -> str:
    """Return a value with the ends of its interval."""
    if math.isnan(interval.low):
        return f"{interval.value:.4f}"
    return f"{interval.value:.4f}  ({interval.low:.4f} to {interval.high:.4f})"
