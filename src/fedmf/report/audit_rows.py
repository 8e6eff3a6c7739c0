"""The rows of an audit, as ``fedmf audit --json`` writes them into ``audit.json``."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fedmf.errors import RunDirectoryError

TEXTS = ("protection", "upload", "adversary", "attack", "target", "metric")


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One attack of one adversary; the names are those of ``fedmf audit --json``."""

    protection: str
    upload: str
    adversary: str
    attack: str
    target: str
    metric: str
    """What was attacked, by whom, how, for what, and what `value` measures."""
    value: float
    chance: float
    """The figure, and the same for somebody who has seen no upload; NaN where there is none."""
    n: int
    """Sample size."""
    holds: bool
    """Whether the attack found nothing."""
    setting: str = ""
    """Circumstances; may be empty."""


def read_audit(path: Path) -> tuple[AuditRow, ...]:
    """Return the rows of an ``audit.json``; none if there is no such file.

    Raises
    ------
    RunDirectoryError
        The file is damaged.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ()
    try:
        return tuple(_row(values) for values in json.loads(text)["rows"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunDirectoryError(
            f"{path} is no audit: {type(error).__name__} at {error}; "
            "write it again with fedmf audit --json, or remove it"
        ) from error


def _row(values: Mapping[str, Any]) -> AuditRow:
    if not isinstance(values["holds"], bool):
        raise TypeError("holds, which is true or false")
    return AuditRow(
        **{name: str(values[name]) for name in TEXTS},
        value=_figure(values["value"]),
        chance=_figure(values["chance"]),
        n=int(values["n"]),
        holds=values["holds"],
        setting=str(values.get("setting", "")),
    )


def _figure(value: float | None) -> float:
    return math.nan if value is None else float(value)
