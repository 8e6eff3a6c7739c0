"""The result of one attack: what was found, what chance would find, and a careful verdict."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fedmf.evaluation import Interval, bootstrap_ratio

CONFIDENCE = 0.999
"""Some forty attacks are looked at together: at 95 % two of them would seem to succeed by luck."""
DRAWS = 4000
Z = 3.2905267
"""Two-sided 99.9 % of the normal distribution, in standard deviations."""
SUCCEEDED = "attack succeeded"
NOTHING_FOUND = "no evidence found at this sample size"


class Attacked(NamedTuple):
    """What was attacked, and by whom."""

    protection: str
    upload: str
    method: str
    """Of the run; ``"any"`` where the method plays no part."""
    adversary: str
    """Who attacked, with what it holds."""


class Aim(NamedTuple):
    """What an attack is after."""

    attack: str
    """Its name, as in docs/explanation/attacks.md."""
    target: str
    """What it wants to find out."""
    metric: str
    """What its figure measures."""


@dataclass(frozen=True, slots=True)
class Row:
    """One attack of one adversary on one target under one protection."""

    protection: str
    upload: str
    method: str
    adversary: str
    """See `Attacked`."""
    attack: str
    target: str
    metric: str
    """See `Aim`."""
    value: float
    low: float
    high: float
    """The figure, with an interval of 99.9 %."""
    chance: float
    """What the same metric shows somebody who has seen no upload."""
    n: int
    """Sample size, in what the metric counts."""
    setting: str = ""
    """The circumstance or countermeasure that this row is about."""
    note: str = ""
    """Anything a reader needs to judge the figure."""

    @classmethod
    def of(
        cls,
        attacked: Attacked,
        aim: Aim,
        found: Interval,
        *,
        chance: float,
        n: int | None = None,
        setting: str = "",
        note: str = "",
    ) -> Self:
        """Return the row of a figure, which has the sample of its interval unless `n` is given."""
        figures = (found.value, found.low, found.high, chance)
        sample = found.n if n is None else n
        return cls(*attacked, *aim, *figures, sample, setting, note)

    @property
    def succeeded(self) -> bool:
        """Whether the whole interval lies above chance."""
        return self.low > self.chance

    @property
    def verdict(self) -> str:
        """What may be said: an attack that fails proves nothing."""
        return SUCCEEDED if self.succeeded else NOTHING_FOUND

    def as_json(self) -> dict[str, object]:
        """Return the row as JSON values; `holds` is false where the attack succeeded."""
        values = {
            name: None if isinstance(value, float) and math.isnan(value) else value
            for name, value in asdict(self).items()
        }
        return {**values, "holds": not self.succeeded, "verdict": self.verdict}


def share(hits: int, trials: int) -> Interval:
    """Return a share of independent trials with Wilson's interval (JASA 22, 1927)."""
    if not trials:
        return Interval(0.0, 0.0, 1.0, CONFIDENCE, 0)
    found = hits / trials
    spread = 1 + Z**2 / trials
    centre = (found + Z**2 / (2 * trials)) / spread
    half = Z / spread * math.sqrt(found * (1 - found) / trials + Z**2 / (4 * trials**2))
    # Without a hit both are equal, up to rounding.
    low = max(0.0, centre - half) if hits else 0.0
    return Interval(low, found, min(1.0, centre + half), CONFIDENCE, trials)


def ratio_over_participants(hits: ArrayLike, counts: ArrayLike) -> Interval:
    """Return the share of hits among all counts, with a bootstrap interval over participants.

    One participant's ratings stand or fall together, so they are no independent trials.
    """
    totals: NDArray[np.float64] = np.asarray(counts, dtype=np.float64)
    found: NDArray[np.float64] = np.asarray(hits, dtype=np.float64)
    found, totals = found[totals > 0], totals[totals > 0]
    if len(totals) < 2:
        # One participant shows no spread.
        value = float(found.sum() / totals.sum()) if len(totals) else 0.0
        return Interval(0.0, value, 1.0, CONFIDENCE, len(totals))
    rng = np.random.default_rng(0)
    return bootstrap_ratio(found, totals, DRAWS, CONFIDENCE, rng=rng)
