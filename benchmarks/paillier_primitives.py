"""What the Paillier primitives cost per value, beside the figures of the design.

Every figure is the median over the repeats, for one thread and 32-bit slots. The design goals were
measured on another machine; the column that compares with one raw exponentiation, done in the same
run, carries over from machine to machine::

    python benchmarks/paillier_primitives.py --repeats 9
    python benchmarks/paillier_primitives.py --json > paillier.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
import warnings
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import gmpy2
import numpy as np
from rich.console import Console
from rich.table import Table

from fedmf.crypto.packing import SlotPacking, slots_for
from fedmf.crypto.paillier import PrivateKey
from fedmf.crypto.paillier_numbers import WeakKeyWarning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SLOT_BITS = 32
PLAINTEXTS = 512
"""How many plaintexts one repeat works through; an upload of a participant has some thousands."""

SLOW_PLAINTEXTS = 16
"""The same for what takes milliseconds for each."""

DESIGN_GOALS = {
    (2048, "encrypt"): 7.3,
    (2048, "add"): 0.063,
    (2048, "decrypt"): 37.5,
    (3072, "encrypt"): 12.1,
    (3072, "add"): 0.078,
    (3072, "decrypt"): 76.0,
}
"""Microseconds per value, by key size and operation; the size of the paper's key has none."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One line of the table.

    Parameters
    ----------
    key_bits
        Size of the key.
    operation
        What was measured.
    microseconds
        Median time per value.
    raw_powers
        The same in units of the two raw exponentiations that every decryption has to do.
    bytes_per_value
        Size of what the operation returns, per value.
    design_goal
        Microseconds per value that the design reached, if it says.
    """

    key_bits: int
    operation: str
    microseconds: float
    raw_powers: float
    bytes_per_value: float
    design_goal: float | None


def measure(key_bits: int, repeats: int) -> list[Measurement]:
    """Measure all operations under a new key of this size."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", WeakKeyWarning)
        key = PrivateKey.generate(key_bits, allow_weak=True)
        quick = PrivateKey(key.numbers, short_exponent=True)
    public = key.public
    packing = SlotPacking(SLOT_BITS, slots_for(key_bits, SLOT_BITS))
    half = 2 ** (SLOT_BITS - 1)
    rows = np.random.default_rng(0).integers(-half, half, (PLAINTEXTS, packing.slots))
    plaintexts = [packing.pack(row) for row in rows]
    ciphertexts = key.encrypt_all(plaintexts)
    quick.encrypt(plaintexts[0])  # builds its tables
    few = ciphertexts[:SLOW_PLAINTEXTS]
    halves = [(prime - 1, prime * prime) for prime in (key.numbers.p, key.numbers.q)]

    def raw_powers() -> None:
        for ciphertext in few:
            for exponent, modulus in halves:
                gmpy2.powmod(ciphertext, exponent, modulus)

    def each(function: Callable[..., object], *arguments: Iterable[object]) -> Callable[[], object]:
        return lambda: list(map(function, *arguments))

    def values(name: str) -> int:
        return packing.slots * (len(few) if name in {"raw powers", "decrypt"} else PLAINTEXTS)

    operations: dict[str, Callable[[], object]] = {
        "raw powers": raw_powers,
        "pack": each(packing.pack, rows),
        "encrypt": lambda: key.encrypt_all(plaintexts),
        "encrypt one by one": each(key.encrypt, plaintexts),
        "encrypt, short exponent": lambda: quick.encrypt_all(plaintexts),
        "add": each(public.add, ciphertexts, ciphertexts),
        "check": lambda: public.check(ciphertexts),
        "decrypt": each(key.decrypt, few),
        "unpack": each(packing.unpack, plaintexts, [packing.slots] * PLAINTEXTS),
    }
    # Every repeat goes through all operations, so that a busy moment of the machine slows the raw
    # powers as much as what is compared with them.
    rounds = [
        {name: seconds(operation) for name, operation in operations.items()} for _ in range(repeats)
    ]
    return [
        Measurement(
            key_bits=key_bits,
            operation=name,
            microseconds=statistics.median(one[name] for one in rounds) / values(name) * 1e6,
            raw_powers=statistics.median(
                one[name] / values(name) / (one["raw powers"] / values("raw powers"))
                for one in rounds
            ),
            bytes_per_value=(
                SLOT_BITS / 8
                if name in {"pack", "unpack"}
                else public.ciphertext_bytes / packing.slots
            ),
            design_goal=DESIGN_GOALS.get((key_bits, name)),
        )
        for name in operations
    ]


def seconds(operation: Callable[[], object]) -> float:
    """Return the duration of one call."""
    start = time.perf_counter()
    operation()
    return time.perf_counter() - start


def machine_class() -> str:
    """Describe what the figures depend on."""
    return (
        f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}, "
        f"Python {platform.python_version()}, gmpy2 {gmpy2.version()}, {gmpy2.mp_version()}"
    )


def show(measurements: list[Measurement]) -> None:
    """Print the table."""
    table = Table(title="Paillier primitives, 32-bit slots, one thread", caption=machine_class())
    table.add_column("key bits", justify="right")
    table.add_column("operation")
    for heading in ("us per value", "design goal", "in raw powers", "bytes per value"):
        table.add_column(heading, justify="right")
    for one in measurements:
        table.add_row(
            str(one.key_bits),
            one.operation,
            f"{one.microseconds:.3f}",
            "" if one.design_goal is None else f"{one.design_goal:g}",
            f"{one.raw_powers:.4f}",
            f"{one.bytes_per_value:.2f}",
            end_section=one.operation == "unpack",
        )
    Console().print(table)


def main() -> None:
    """Measure all key sizes and print the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=9, help="repeats per figure (default 9)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    if arguments.repeats < 1:
        parser.error("--repeats is at least 1")
    measurements = [
        one for key_bits in (1024, 2048, 3072) for one in measure(key_bits, arguments.repeats)
    ]
    if arguments.json:
        lines = [asdict(one) for one in measurements]
        print(json.dumps({"machine": machine_class(), "measurements": lines}, indent=2))
    else:
        show(measurements)


if __name__ == "__main__":
    main()
