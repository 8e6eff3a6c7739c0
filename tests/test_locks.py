"""Locks pin all that pip will look for, so that a release of tomorrow changes nothing.

With ``--require-hashes`` some versions of pip do not take the pin ``coverage==7.1`` for the
requirement ``coverage[toml]``: they look for the newest release and refuse it, because the lock
has no hash of it. So each requirement has to be pinned with its extras. What packages require is
read from their metadata, as installed here; nothing is fetched.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
GROUPS = PROJECT["dependency-groups"]
LOCKED = {
    "run": GROUPS["build"],
    "dev": GROUPS["build"] + GROUPS["dev"],
    "flower": PROJECT["project"]["optional-dependencies"]["flower"]
    + GROUPS["build"]
    + GROUPS["flower-tests"],
}
"""What `make lock` locks beside the package's own dependencies."""

HERE = ("flower",) if find_spec("flwr") else ("run", "dev")
"""The locks that this environment was installed from."""

pytestmark = pytest.mark.skipif(
    find_spec("flwr") is not None and find_spec("mypy") is not None,
    reason="Flower was added to the environment of the tools, which follows no lock then",
)
each_lock = pytest.mark.parametrize("name", HERE)


def lines_of(name: str) -> list[str]:
    text = (ROOT / "locks" / f"{name}.txt").read_text("utf-8")
    return [line.removesuffix(" \\") for line in text.splitlines() if not line.startswith(" ")]


def required_by(name: str) -> list[Requirement]:
    return [Requirement(line) for line in PROJECT["project"]["dependencies"] + LOCKED[name]]


def applies(requirement: Requirement, extra: str = "") -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def not_pinned(required: list[Requirement], lines: list[str]) -> Iterator[str]:
    """Follow requirements from one to the next; name those that the lock leaves to pip."""
    pins = {canonicalize_name(pin.name): pin for pin in map(Requirement, lines) if applies(pin)}
    waiting = [("pyproject.toml", requirement) for requirement in required if applies(requirement)]
    seen = set()
    while waiting:
        who, requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        pin = pins.get(name)
        if pin is None or not requirement.extras <= pin.extras:
            yield f"{who} requires {requirement}, and the lock has {pin or 'nothing'}"
            continue
        installed = distribution(name)
        assert f"=={installed.version}" == str(pin.specifier), f"{name} {installed.version} is here"
        assert requirement.specifier.contains(installed.version, prereleases=True)
        for extra in {"", *requirement.extras}:
            if (name, extra) not in seen:
                seen.add((name, extra))
                needs = map(Requirement, installed.requires or [])
                waiting += [(name, need) for need in needs if applies(need, extra)]


@each_lock
def test_everything_that_is_required_is_pinned_with_its_extras(name: str) -> None:
    assert list(not_pinned(required_by(name), lines_of(name))) == []


@pytest.mark.parametrize("name", [name for name in HERE if name != "run"])
def test_a_lock_without_extras_is_found(name: str) -> None:
    lines = lines_of(name)
    bare = [re.sub(r"\[.*\]", "", line) for line in lines]
    reduced = {new for old, new in zip(lines, bare, strict=True) if old != new}
    assert reduced
    found = set(not_pinned(required_by(name), bare))
    assert all(re.search(r"requires \S+\[\w+\]", one) for one in found)
    assert {one.rpartition("has ")[2] for one in found} == reduced


@each_lock
def test_a_lock_that_lacks_a_package_is_found(name: str) -> None:
    lines = [line for line in lines_of(name) if not line.startswith("cffi==")]
    found = list(not_pinned(required_by(name), lines))
    assert len(found) == 1
    assert re.fullmatch(r"cryptography requires cffi.*, and the lock has nothing", found[0])


@pytest.mark.parametrize("name", LOCKED)
def test_every_pin_has_one_version_and_hashes(name: str) -> None:
    text = (ROOT / "locks" / f"{name}.txt").read_text("utf-8")
    pins = re.findall(r"^\S.*?(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)
    assert len(pins) == len(lines_of(name))
    assert all(re.match(r"[\w.-]+(\[[\w,-]+\])?==\S+", pin) for pin in pins)
    assert all("--hash=sha256:" in pin for pin in pins)


def test_what_run_pins_dev_pins_likewise() -> None:
    # One is installed on top of the other.
    assert set(lines_of("run")) <= set(lines_of("dev"))
