"""How figures and their names read on a terminal and on a page.

A hyphen stands for what there is none of.
"""

from __future__ import annotations

import math

MEASURES = {
    "rmse": "RMSE",
    "mae": "MAE",
    "ndcg_at_10": "NDCG@10",
    "recall_at_10": "Recall@10",
    "mrr_at_10": "MRR@10",
    "hr_at_10": "HR@10",
    "novelty_at_10": "novelty@10 (bits)",
}
"""Measures of a model that come with an interval."""
BASELINES = {
    "bias": "user and item bias",
    "global_mean": "global mean",
    "popularity": "most rated items first",
}
"""Predictors that a model is held against."""
NEAR = 0.03
"""Intervals that hold a share so near to what they claim keep their word."""


def confidence_text(held: float | None) -> str:
    """Return what intervals of 90 % are called: by what they held, where that is another share."""
    if held is None or abs(held - 0.9) <= NEAR:
        return "90 %"
    return f"90 %, which held {held:.0%}"


def bytes_text(count: float) -> str:
    """Return a size in bytes, kB, MB or GB (powers of 1,000)."""
    if math.isnan(count):
        return "-"
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count:.0f} bytes"


def seconds_text(seconds: float) -> str:
    """Return a duration with the unit that suits it."""
    if math.isnan(seconds):
        return "-"
    if seconds < 1e-6:
        return f"{seconds * 1e9:.3g} ns"
    if seconds < 1e-3:
        return f"{seconds * 1e6:.3g} us"
    if seconds < 1:
        return f"{seconds * 1e3:.3g} ms"
    if seconds < 120:
        return f"{seconds:.3g} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def measure_text(value: float, digits: int = 4) -> str:
    """Return an error or another measure of a model or an attack."""
    return f"{value:.{digits}f}" if math.isfinite(value) else "-"


def number_text(value: float) -> str:
    """Return a figure with three digits, or all that stand before the point; M for million."""
    if value >= 1e5:
        return f"{value / 1e6:,.3g} M"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def interval_text(value: float, low: float, high: float, digits: int = 4) -> str:
    """Return a measure with the ends of its interval, where it has one."""
    if math.isnan(low):
        return measure_text(value, digits)
    return f"{value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"
