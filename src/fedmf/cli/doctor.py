"""``fedmf doctor``: what this machine has, how fast it is, and what is missing."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import gmpy2
import numpy as np
from rich.console import RenderableType
from rich.table import Table

from fedmf.benchmarking.machine import CPU_INFORMATION, this_machine
from fedmf.cli.console import print_answer
from fedmf.cli.options import Json
from fedmf.crypto.packing import SlotPacking, slots_for
from fedmf.crypto.paillier import PrivateKey
from fedmf.figures import seconds_text

PACKAGES = ("fedmf", "numpy", "gmpy2", "cryptography", "pyarrow", "typer", "rich")
SLOT_BITS = 32
REPEATS = 9
AT_ONCE = 20


def doctor(as_json: Json = False) -> None:
    """Print versions, cores, the speed of the primitives, and what is missing."""
    machine = this_machine(PACKAGES)
    versions = {name: machine.versions.get(name) for name in PACKAGES}
    found = {
        "versions": versions,
        "machine": {
            "python": machine.python,
            "system": machine.system,
            "cores": machine.cores,
            "gmp": gmpy2.mp_version(),
        },
        "cpu_features": cpu_features(),
        "paillier_seconds_per_value": {bits: _paillier_speed(bits) for bits in (2048, 3072)},
        "missing": [name for name, number in versions.items() if number is None],
    }
    print_answer(found, _lines(found), as_json=as_json)


def _lines(found: dict[str, Any]) -> Iterator[RenderableType]:
    about = Table(title="This machine", title_justify="left", show_header=False)
    shown = {"cpu features": ", ".join(found["cpu_features"]) or "not known"}
    for name, value in {**found["machine"], **shown, **found["versions"]}.items():
        about.add_row(name, str(value) if value is not None else "missing")
    yield about
    table = Table(title=f"Paillier, per value in {SLOT_BITS}-bit slots", title_justify="left")
    table.add_column("key")
    for operation in ("encrypt", "add", "decrypt"):
        table.add_column(operation, justify="right")
    for key_bits, speed in found["paillier_seconds_per_value"].items():
        table.add_row(f"{key_bits} bit", *map(seconds_text, speed.values()))
    yield table
    yield f"missing: {', '.join(found['missing']) or 'nothing'}"


def cpu_features() -> list[str]:
    """Return which of the processor's features that help are there; empty where nobody can tell.

    GMP multiplies with bmi2 and adx, numpy with avx2 and avx512f; sha_ni hashes messages.
    """
    try:
        text = CPU_INFORMATION.read_text(encoding="utf-8")
    except OSError:
        return []
    flags = next((line for line in text.splitlines() if line.startswith("flags")), "").split()
    return [name for name in ("bmi2", "adx", "avx2", "avx512f", "sha_ni", "aes") if name in flags]


def _paillier_speed(key_bits: int) -> dict[str, float]:
    """Return median seconds per value."""
    key = PrivateKey.generate(key_bits)
    slots = slots_for(key_bits, SLOT_BITS)
    packing = SlotPacking(SLOT_BITS, slots)
    values = np.arange(slots, dtype=np.int64)
    plaintexts = [packing.pack(values)] * AT_ONCE
    # The first encryption builds tables that last for a whole training.
    ciphertext = key.encrypt_all(plaintexts)[0]
    return {
        "encrypt": _median(lambda: key.encrypt_all(plaintexts)) / (slots * AT_ONCE),
        "add": _median(lambda: key.public.add(ciphertext, ciphertext)) / slots,
        "decrypt": _median(lambda: packing.unpack(key.decrypt(ciphertext), slots)) / slots,
    }


def _median(act: Callable[[], object]) -> float:
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        act()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)
