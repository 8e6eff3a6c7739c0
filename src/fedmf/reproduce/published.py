"""What the authors published, and what to say of our figures beside theirs.

All that they published stands in ``published.json`` beside this module, one target to a line.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

Goal = Literal["equal", "lower"]
Tolerance = Literal["relative", "absolute"]
GOALS: tuple[Goal, ...] = ("equal", "lower")
TOLERANCES: tuple[Tolerance, ...] = ("relative", "absolute")
QUANTITIES = (
    "ratings",
    "loss",
    "loss_distance",
    "rmse",
    "rmse_gap",
    "iteration",
    "server_share",
    "communication",
)
REPRODUCED, NOT = "reproduced", "not"
POOLED = "pooled"
"""In place of an upload mode: regular matrix factorization, which pools all ratings."""
DATA = "data"
"""In place of an upload mode: the ratings themselves."""


@dataclass(frozen=True, slots=True)
class Target:
    """One published figure."""

    name: str
    """What it is, for people; no two targets share it."""
    quantity: str
    """One of `QUANTITIES`. ``ratings``: how many the setting has. ``loss``: mean squared error on
    the training ratings after the last iteration. ``loss_distance``: largest relative distance to
    the published curve. ``rmse_gap``: held-out error, federated less regular. ``iteration``:
    seconds of the slowest user, the server and the network. ``server_share``: the server's part of
    these. ``communication``: seconds that one user's messages take at 1 Gb/s."""
    items: int
    users: int
    """Size of the setting."""
    upload: str
    """``"full"``, ``"part"``, ``"pooled"`` for regular matrix factorization, or ``"data"``."""
    value: float
    """The published figure."""
    unit: str
    """``"s"``, or empty."""
    tolerance: float
    tolerance_is: Tolerance
    """How far off counts as reproduced: a share of the value, or a distance."""
    goal: Goal
    """``"equal"``: the figure itself is to come back. ``"lower"``: less is better."""
    derived: bool
    """Whether the figure was computed from published ones."""
    source: str
    """Where it was published."""

    @property
    def allowed(self) -> float:
        """The distance that still counts as reproduced."""
        return self.tolerance * (abs(self.value) if self.tolerance_is == "relative" else 1.0)

    def verdict(self, ours: float) -> str:
        """Return whether a figure reproduces the published one, is better, or neither.

        Only where less is better can a figure be better than the published one; a lower loss than
        theirs from the same data and settings would be another computation.
        """
        if abs(ours - self.value) <= self.allowed:
            return REPRODUCED
        if self.goal == "lower" and 0 < ours < self.value:
            return f"better by {times_text(self.value / ours)} x"
        return NOT


@dataclass(frozen=True, slots=True)
class Finding:
    """A published figure, and ours."""

    target: Target
    """What was published."""
    scheme: str
    """What was measured, such as ``"paillier 1024"``."""
    ours: float
    """The figure."""
    extrapolated: bool = False
    """Whether it was measured on a slice."""

    @property
    def verdict(self) -> str:
        """``"reproduced"``, ``"better by ... x"`` or ``"not"``."""
        return self.target.verdict(self.ours)

    def as_json(self) -> dict[str, object]:
        """Return the finding as JSON values."""
        target = self.target
        return {
            "name": target.name,
            "scheme": self.scheme,
            "quantity": target.quantity,
            "items": target.items,
            "users": target.users,
            "upload": target.upload,
            "published": target.value,
            "ours": self.ours,
            "unit": target.unit,
            "ratio": self.ours / target.value if target.value else None,
            "verdict": self.verdict,
            "tolerance": target.tolerance,
            "tolerance_is": target.tolerance_is,
            "source": target.source,
            "derived": target.derived,
            "extrapolated": self.extrapolated,
        }


@dataclass(frozen=True, slots=True)
class Published:
    """All that was published."""

    paper: str
    """The paper."""
    setup: Mapping[str, Any]
    """How the authors ran the setting of the loss curves."""
    targets: tuple[Target, ...]
    """The figures."""
    curves: Mapping[str, tuple[float, ...]]
    """Losses after each of the 175 iterations, by upload mode or ``"pooled"``."""


@cache
def published() -> Published:
    """Return what the data file of this package says."""
    text = files("fedmf.reproduce").joinpath("published.json").read_text(encoding="utf-8")
    document = json.loads(text)
    sources = document["sources"]
    return Published(
        paper=document["paper"],
        setup=document["setup"],
        targets=tuple(
            Target(**{**one, "source": sources[one["source"]]}) for one in document["targets"]
        ),
        curves={name: tuple(losses) for name, losses in document["curves"].items()},
    )


def times_text(times: float) -> str:
    """Return how many times, with three digits before any exponent would be needed."""
    return f"{times:,.0f}" if times >= 100 else f"{times:.3g}"
