"""Measuring in turn: every repeat runs all schemes, each right after the limit."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fedmf.benchmarking.scheme import ADD, Cost, FloatAdd, Scheme


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the result; all times are medians over the repeats."""

    scheme: str
    operation: str
    """What was measured."""
    ns_per_value: float
    """Nanoseconds of processor time."""
    bytes_per_value: float
    """What the operation sends or receives."""
    times_limit: float
    """Median of the ratio to the limit that was measured right before."""
    values: int
    """Number of values in the table."""
    repeats: int
    """How often it was measured."""


def measure(
    schemes: Sequence[Scheme],
    *,
    values: int,
    repeats: int,
    told: Callable[[str], None] = lambda _: None,
) -> list[Row]:
    """Measure schemes beside the limit.

    Parameters
    ----------
    schemes
        What to measure.
    values
        Number of values that the limit adds.
    repeats
        How often, at least once; a first time, which builds what lasts, is not counted.
    told
        Is told what goes on.

    Returns
    -------
    list of Row
        The limit first, then the schemes in their order.
    """
    limit: Scheme = FloatAdd(values)
    found: dict[tuple[Scheme, str], list[tuple[float, float, float]]] = {}
    for repeat in range(repeats + 1):
        told(f"{repeat} of {repeats}" if repeat else "first round, not counted")
        for scheme in schemes:
            bound = limit.run()[ADD]
            costs: list[tuple[Scheme, str, Cost]] = [(limit, ADD, bound)]
            costs += [(scheme, name, cost) for name, cost in scheme.run().items()]
            for measured, operation, cost in costs if repeat else ():
                each = cost.seconds / measured.values
                ratio = each / (bound.seconds / values)
                times = found.setdefault((measured, operation), [])
                times.append((each, ratio, cost.size / measured.values))
    rows = []
    for (measured, operation), times in found.items():
        seconds, ratio, size = map(statistics.median, zip(*times, strict=True))
        row = Row(measured.name, operation, seconds * 1e9, size, ratio, measured.values, len(times))
        rows.append(row)
    return rows
