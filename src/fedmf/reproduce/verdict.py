"""What to say of a figure beside the published one."""

from __future__ import annotations

from dataclasses import dataclass

from fedmf.reproduce.published import Target

REPRODUCED, NOT = "reproduced", "not"


@dataclass(frozen=True, slots=True)
class Finding:
    """A published figure, and ours."""

    name: str
    """Of the target."""
    scheme: str
    """What was measured, such as ``"paillier 1024"``."""
    published: float
    ours: float
    """The two figures."""
    unit: str
    """``"s"``, or empty."""
    ratio: float | None
    """ours / published; None where the published one is zero."""
    verdict: str
    """``"reproduced"``, ``"better by ... x"`` or ``"not"``."""
    source: str
    """Where it was published."""
    derived: bool
    """Whether the published figure was computed from others."""
    extrapolated: bool
    """Whether ours was measured on a slice."""
    target: Target
    """The target itself."""

    def as_json(self) -> dict[str, object]:
        """Return the finding as JSON values."""
        target = self.target
        return {
            "name": self.name,
            "scheme": self.scheme,
            "quantity": target.quantity,
            "items": target.items,
            "users": target.users,
            "upload": target.upload,
            "published": self.published,
            "ours": self.ours,
            "unit": self.unit,
            "ratio": self.ratio,
            "verdict": self.verdict,
            "tolerance": target.tolerance,
            "tolerance_is": target.tolerance_is,
            "source": self.source,
            "derived": self.derived,
            "extrapolated": self.extrapolated,
        }


def judged(target: Target, scheme: str, ours: float, *, extrapolated: bool = False) -> Finding:
    """Put a figure beside the published one.

    Parameters
    ----------
    target
        What was published.
    scheme
        What was measured.
    ours
        The figure.
    extrapolated
        Whether it was measured on a slice.
    """
    return Finding(
        name=target.name,
        scheme=scheme,
        published=target.value,
        ours=ours,
        unit=target.unit,
        ratio=ours / target.value if target.value else None,
        verdict=verdict(target, ours),
        source=target.source,
        derived=target.derived,
        extrapolated=extrapolated,
        target=target,
    )


def verdict(target: Target, ours: float) -> str:
    """Return whether a figure reproduces the published one, is better, or neither.

    Only where less is better can a figure be better than the published one; a lower loss than
    theirs from the same data and settings would be another computation.
    """
    if abs(ours - target.value) <= target.allowed:
        return REPRODUCED
    if target.goal == "lower" and 0 < ours < target.value:
        return f"better by {times_text(target.value / ours)} x"
    return NOT


def times_text(times: float) -> str:
    """Return how many times, with three digits before any exponent would be needed."""
    return f"{times:,.0f}" if times >= 100 else f"{times:.3g}"
