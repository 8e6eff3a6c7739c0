"""How much a figure would change with other users of the same kind.

The unit that is drawn is the user, never the single rating. One user's ratings share a taste, a
way of using the scale and one vector of factors, so their errors go together: drawing ratings one
by one would count them as independent evidence and promise intervals that are far too narrow.
Drawing whole clusters keeps what belongs together (Davison and Hinkley, "Bootstrap Methods and
their Application", Cambridge 1997, section 3.8).

The intervals are percentile intervals (Efron and Tibshirani, "An Introduction to the Bootstrap",
1993, chapter 13). They speak of one trained model and one split; they say nothing about what
another training seed would change. With few users they are somewhat too narrow.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fedmf.errors import SettingsError
from fedmf.evaluation._checks import FloatArray, length_problems, number_problems, refuse

_DRAWS_IN_MEMORY = 1 << 22  # 32 MB of user numbers, however many users there are


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with an interval around it that is meant to hold the true figure."""

    low: float
    """Lower end of the interval, in the unit of `value`."""
    value: float
    """The figure itself, from all users."""
    high: float
    """Upper end of the interval, in the unit of `value`."""
    confidence: float
    """Share of such intervals, over repetitions with new users, that hold the true figure."""
    n: int
    """Number of users behind the figure."""


def bootstrap_interval(
    per_user: ArrayLike,
    statistic: Callable[..., FloatArray] = np.mean,
    samples: int = 1000,
    confidence: float = 0.95,
    *,
    rng: np.random.Generator,
) -> Interval:
    """Percentile bootstrap interval of a statistic over users, in its unit.

    Parameters
    ----------
    per_user
        One figure for each user, float64 (n,), such as `ndcg_at` returns.
    statistic
        What is reported; called as ``statistic(figures, axis=1)`` with figures (samples, n).
    samples
        Number of times that n users are drawn with replacement.
    confidence
        Share of intervals that are meant to hold the true figure.
    rng
        Source of the draws; the same state gives the same interval.

    Raises
    ------
    DataError
        If there are fewer than two users, or figures that are not finite.
    SettingsError
        If `confidence` is not between 0 and 1, or `samples` too small to show its ends.
    """
    figures = np.asarray(per_user, dtype=np.float64)
    refuse([*number_problems("per_user", figures), *_user_problems(figures)])

    def report(users: NDArray[np.int64]) -> FloatArray:
        return statistic(figures[users], axis=1)

    return _interval(report, figures.size, samples, confidence, rng)


def bootstrap_ratio(
    sums: ArrayLike,
    counts: ArrayLike,
    samples: int = 1000,
    confidence: float = 0.95,
    *,
    rng: np.random.Generator,
) -> Interval:
    """Percentile bootstrap interval of a mean over all ratings, with whole users drawn.

    It has the unit of the sums, and `Interval.n` counts users, not ratings.

    The mean is ``sum(sums) / sum(counts)``, so two numbers for each user are all that is needed:
    a participant can report them without showing a rating.

    Parameters
    ----------
    sums
        Sum over each user's test ratings, such as of absolute errors, float64 (n,).
    counts
        Number of each user's test ratings, (n,), at least 1.
    samples, confidence, rng
        As of `bootstrap_interval`.

    Raises
    ------
    DataError
        If there are fewer than two users, sums that are negative or not finite, or counts below 1.
    SettingsError
        As `bootstrap_interval`.
    """
    totals = np.asarray(sums, dtype=np.float64)
    sizes = np.asarray(counts, dtype=np.float64)
    refuse(
        [
            *number_problems("sums", totals),
            *number_problems("counts", sizes),
            *length_problems(sums=totals, counts=sizes),
            *(["sums holds negative numbers"] if (totals < 0).any() else []),
            *(["counts holds users without ratings; leave them out"] if (sizes < 1).any() else []),
            *_user_problems(totals),
        ]
    )

    def report(users: NDArray[np.int64]) -> FloatArray:
        figures: FloatArray = totals[users].sum(axis=1) / sizes[users].sum(axis=1)
        return figures

    return _interval(report, totals.size, samples, confidence, rng)


def bootstrap_rmse(
    squared_errors: ArrayLike,
    counts: ArrayLike,
    samples: int = 1000,
    confidence: float = 0.95,
    *,
    rng: np.random.Generator,
) -> Interval:
    """Percentile bootstrap interval of the RMSE over all ratings, with whole users drawn.

    The root of `bootstrap_ratio` of the squared errors, whose parameters and errors it shares:
    the root is monotone, so it maps the ends of one interval to those of the other.
    """
    mean = bootstrap_ratio(squared_errors, counts, samples, confidence, rng=rng)
    return replace(
        mean, low=math.sqrt(mean.low), value=math.sqrt(mean.value), high=math.sqrt(mean.high)
    )


def _interval(
    report: Callable[[NDArray[np.int64]], FloatArray],
    n: int,
    samples: int,
    confidence: float,
    rng: np.random.Generator,
) -> Interval:
    """Draw users and let `report` turn their numbers, (samples, n), into figures, (samples,)."""
    if not 0.0 < confidence < 1.0:
        raise SettingsError(f"confidence is {confidence} and must be between 0 and 1, such as 0.95")
    # At least one figure must be expected beyond either end, else the ends are made up.
    if samples * (1.0 - confidence) < 2.0:
        fewest = math.ceil(2.0 / (1.0 - confidence))
        raise SettingsError(
            f"samples is {samples}; an interval at {confidence} needs at least {fewest:,}"
        )
    at_once = max(1, _DRAWS_IN_MEMORY // n)
    figures = np.concatenate(
        [
            report(rng.integers(n, size=(min(at_once, samples - done), n)))
            for done in range(0, samples, at_once)
        ]
    )
    low, high = np.quantile(figures, [(1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0])
    value = report(np.arange(n)[np.newaxis])[0]
    return Interval(float(low), float(value), float(high), confidence, n)


def _user_problems(figures: FloatArray) -> Iterator[str]:
    if figures.size == 1:
        yield "a single user shows no spread; an interval needs at least two users"
