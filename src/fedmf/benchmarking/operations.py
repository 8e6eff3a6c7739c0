"""What is measured, in turn: every repeat runs all schemes, each right after the limit.

The limit is the addition that bounds them all.
"""

from __future__ import annotations

import statistics
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

PROTECT, ADD, OPEN, MEMBER = "protect", "add", "open", "member"
LIMIT = "numpy float32"
"""Name of the limit: adding plain tables with one instruction for many values."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one operation on one upload, or on the table, costs."""

    seconds: float
    """Processor time."""
    size: float
    """Bytes that it sends or receives."""


class Operations(ABC):
    """Something whose operations on a table are measured, such as a scheme that protects it."""

    def __init__(self, name: str, values: int) -> None:
        self.name = name
        self.values = values

    @abstractmethod
    def run(self) -> Mapping[str, Cost]:
        """Run each operation once; return its cost."""


class FloatAdd(Operations):
    """The limit: numpy adds one table of float32 to another."""

    def __init__(self, values: int) -> None:
        super().__init__(LIMIT, values)
        self._table = np.zeros(values, dtype=np.float32)
        self._change = np.ones(values, dtype=np.float32)

    def run(self) -> Mapping[str, Cost]:
        """Add once."""
        # Once more before: that brings the tables back into the cache.
        self._add()
        return {ADD: Cost(seconds_of(self._add), self._change.nbytes)}

    def _add(self) -> None:
        np.add(self._table, self._change, out=self._table)


def seconds_of(act: Callable[[], object]) -> float:
    """Return the processor seconds of one call, without those of other processes."""
    start = time.process_time()
    act()
    return time.process_time() - start


@dataclass(frozen=True, slots=True)
class Measured:
    """What one operation costs; all times are medians over the repeats."""

    scheme: str
    operation: str
    """What was measured, of which scheme."""
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
    schemes: Sequence[Operations],
    *,
    values: int,
    repeats: int,
    told: Callable[[str], None] = lambda _: None,
) -> list[Measured]:
    """Measure schemes beside the limit; return the limit first, then the schemes in their order.

    Parameters
    ----------
    repeats
        How often, at least once; a first time, which builds what lasts, is not counted.
    """
    limit: Operations = FloatAdd(values)
    found: dict[tuple[Operations, str], list[tuple[float, float, float]]] = {}
    for repeat in range(repeats + 1):
        told(f"{repeat} of {repeats}" if repeat else "first round, not counted")
        for scheme in schemes:
            bound = limit.run()[ADD]
            costs: list[tuple[Operations, str, Cost]] = [(limit, ADD, bound)]
            costs += [(scheme, name, cost) for name, cost in scheme.run().items()]
            for measured, operation, cost in costs if repeat else ():
                each = cost.seconds / measured.values
                ratio = each / (bound.seconds / values)
                times = found.setdefault((measured, operation), [])
                times.append((each, ratio, cost.size / measured.values))
    rows = []
    for (measured, operation), times in found.items():
        each, ratio, size = map(statistics.median, zip(*times, strict=True))
        figures = (each * 1e9, size, ratio, measured.values, len(times))
        rows.append(Measured(measured.name, operation, *figures))
    return rows
