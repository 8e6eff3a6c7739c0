"""What is measured: schemes whose protected tables add, and the addition that bounds them all."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
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


class Scheme(ABC):
    """Something that protects tables.

    Parameters
    ----------
    name
        Its name.
    values
        Number of values in the table that it is measured on.
    """

    def __init__(self, name: str, values: int) -> None:
        self.name = name
        self.values = values

    @abstractmethod
    def run(self) -> Mapping[str, Cost]:
        """Protect, add and open once; return the cost of each operation."""


class FloatAdd(Scheme):
    """The limit: numpy adds one table of float32 to another.

    Parameters
    ----------
    values
        Number of values.
    """

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
    """Return the processor seconds of one call, whatever else the machine does meanwhile."""
    start = time.process_time()
    act()
    return time.process_time() - start
