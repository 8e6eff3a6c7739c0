"""What the RLWE primitives cost per value, beside the figures of the design.

Every figure is the median over the repeats, for one thread and 256,000 values, which is a table of
2,560 items and 100 factors. The design goals were measured on another machine; the columns that
compare with numpy's own addition of two float32 tables of that size, done in the same run, carry
over from machine to machine::

    python benchmarks/rlwe_primitives.py --repeats 99
    python benchmarks/rlwe_primitives.py --json > rlwe.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING

import cryptography
import numpy as np
from rich.console import Console
from rich.table import Table

from fedmf.crypto.rlwe import encrypt, open_sum
from fedmf.crypto.rlwe_key import RlweKey
from fedmf.crypto.rlwe_public import GROUP_BLOCKS, PublicPolynomials
from fedmf.crypto.rlwe_ring import DEGREE, limb_spectra
from fedmf.crypto.rlwe_sizes import plan_rlwe_words
from fedmf.crypto.rlwe_words import add_words, blocks_for, pack_words, unpack_words, zero_words

if TYPE_CHECKING:
    from collections.abc import Callable

VALUES = 256_000
SUMMED_KEYS = 100
UPLOADS = 610
"""Decides on the size of a message; the durations hardly depend on it."""

YARDSTICK = "numpy float32 add"
KEYS = "sum of keys, for each key"

DESIGN_GOALS = {
    YARDSTICK: 0.08,
    "expand, once per session": 10.0,
    "encrypt, 32 bits": 9.0,
    "add, 32 bits": 0.06,
    "open, 32 bits": 8.0,
    KEYS: 12_000 / DEGREE,
}
"""Nanoseconds per value; the other operations have no goal."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One line of the table.

    Parameters
    ----------
    operation
        What was measured.
    nanoseconds
        Median time per value, or per coefficient of a key.
    fastest
        Shortest time per value: what is left of it in a quiet moment of the machine.
    float32_adds
        Median ratio to the addition of two float32 tables in the same repeat.
    design_goal
        Nanoseconds per value that the design reached, if it says.
    goal_float32_adds
        The same in the float32 additions of that machine.
    """

    operation: str
    nanoseconds: float
    fastest: float
    float32_adds: float
    design_goal: float | None
    goal_float32_adds: float | None


def operations() -> dict[str, Callable[[], object]]:
    """Return what is measured, by name."""
    public = PublicPolynomials(bytes(range(32)))
    key = RlweKey.from_seed(bytes(32))
    blocks = blocks_for(VALUES)
    floats, others = np.ones(VALUES, np.float32), np.zeros(VALUES, np.float32)

    def expand() -> None:
        for first in range(0, blocks, GROUP_BLOCKS):
            limb_spectra(public.limbs(first, min(GROUP_BLOCKS, blocks - first)))

    every: dict[str, Callable[[], object]] = {
        YARDSTICK: partial(np.add, floats, others, out=floats),
        KEYS: partial(RlweKey.sum_of_seeds, [bytes(32)] * SUMMED_KEYS),
        "expand, once per session": expand,
    }
    for kept_bits in (32, 40):
        size = plan_rlwe_words(uploads=UPLOADS, kept_bits=kept_bits)
        half = 2 ** (size.word_bits - 1)
        values = np.random.default_rng(0).integers(-half, half, VALUES)
        protect = partial(encrypt, values, public=public, key=key, noise_seed=bytes(32), size=size)
        words = protect()
        data = pack_words(words, size)
        named: dict[str, Callable[[], object]] = {
            "encrypt": protect,
            "add": partial(add_words, zero_words(blocks, size), words, size),
            "open": partial(open_sum, words, public=public, key=key, size=size, uploads=1),
            "pack": partial(pack_words, words, size),
            "unpack": partial(unpack_words, data, blocks, size),
        }
        every |= {f"{name}, {kept_bits} bits": operation for name, operation in named.items()}
    return every


def measure(repeats: int) -> list[Measurement]:
    """Measure everything, in this order."""
    every = operations()
    add = every[YARDSTICK]
    measurements = []
    for name, operation in every.items():
        values = SUMMED_KEYS * DEGREE if name == KEYS else VALUES
        operation()
        adds, times = [], []
        for _ in range(repeats):
            # Twice, because the first time brings the tables back into the cache. Next to the
            # operation, so that a busy moment of the machine slows both.
            add()
            adds.append(seconds(add) / VALUES * 1e9)
            times.append(seconds(operation) / values * 1e9)
        goal = DESIGN_GOALS.get(name)
        measurements.append(
            Measurement(
                operation=name,
                nanoseconds=statistics.median(times),
                fastest=min(times),
                float32_adds=statistics.median(
                    one / other for one, other in zip(times, adds, strict=True)
                ),
                design_goal=goal,
                goal_float32_adds=None if goal is None else goal / DESIGN_GOALS[YARDSTICK],
            )
        )
    return measurements


def seconds(operation: Callable[[], object]) -> float:
    """Return the duration of one call."""
    start = time.perf_counter()
    operation()
    return time.perf_counter() - start


def machine_class() -> str:
    """Describe what the figures depend on."""
    return (
        f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}, "
        f"Python {platform.python_version()}, numpy {np.__version__}, "
        f"cryptography {cryptography.__version__}"
    )


def show(measurements: list[Measurement]) -> None:
    """Print the table."""
    table = Table(title="RLWE primitives, 256,000 values, one thread", caption=machine_class())
    table.add_column("operation")
    for heading in ("ns per value", "fastest", "design goal", "in float32 adds", "goal in adds"):
        table.add_column(heading, justify="right")
    for one in measurements:
        table.add_row(
            one.operation,
            f"{one.nanoseconds:.3f}",
            f"{one.fastest:.3f}",
            "" if one.design_goal is None else f"{one.design_goal:.3g}",
            f"{one.float32_adds:.2f}",
            "" if one.goal_float32_adds is None else f"{one.goal_float32_adds:.3g}",
            end_section=one.operation.startswith(("expand", "unpack")),
        )
    Console().print(table)


def main() -> None:
    """Measure everything and print the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=49, help="repeats per figure (default 49)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    if arguments.repeats < 1:
        parser.error("--repeats is at least 1")
    measurements = measure(arguments.repeats)
    if arguments.json:
        lines = [asdict(one) for one in measurements]
        print(json.dumps({"machine": machine_class(), "measurements": lines}, indent=2))
    else:
        show(measurements)


if __name__ == "__main__":
    main()
