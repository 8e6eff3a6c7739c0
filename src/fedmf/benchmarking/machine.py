"""What figures depend on besides the code: the class of the machine, and versions."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from fedmf.workers import available_cores

PACKAGES = ("fedmf", "numpy", "cryptography", "gmpy2", "phe", "seal-python", "tenseal")
CPU_INFORMATION = Path("/proc/cpuinfo")


@dataclass(frozen=True, slots=True)
class Machine:
    """The class of a machine, and what is installed on it."""

    processor: str
    """Its model, as far as the system tells."""
    cores: int
    """Those that this process may use."""
    system: str
    """Operating system and architecture."""
    python: str
    """Version of Python."""
    versions: dict[str, str]
    """Of the packages whose speed counts; those that are missing are left out."""

    def __str__(self) -> str:
        installed = ", ".join(f"{name} {found}" for name, found in self.versions.items())
        return (
            f"{self.processor}, {self.cores} cores, {self.system}, Python {self.python}; "
            f"{installed}"
        )


def this_machine(packages: Sequence[str] = PACKAGES) -> Machine:
    """Return the class of this machine, and the versions of these packages."""
    versions = {}
    for name in packages:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return Machine(
        processor=_processor(),
        cores=available_cores(),
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        versions=versions,
    )


def _processor() -> str:
    try:
        lines = CPU_INFORMATION.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or "processor not known"
