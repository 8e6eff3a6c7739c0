"""The command line as a person meets it: in this process, through the same entry point."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from typer.testing import CliRunner

from fedmf.cli.app import app

SMALL = ["--users", "15", "--items", "25", "--factors", "3", "--rounds", "2", "--workers", "1"]
"""A training of a moment: 14 users are left, with 123 ratings."""


@dataclass(frozen=True)
class Ran:
    """What one call printed, and its exit status."""

    status: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """Standard output on one line."""
        return " ".join(self.out.split())

    @property
    def error(self) -> str:
        """Standard error on one line."""
        return " ".join(self.err.split())

    @property
    def json(self) -> Any:
        """Standard output, which has to be one JSON document."""
        assert self.status == 0, self.err
        return json.loads(self.out)


@dataclass(frozen=True)
class Trained:
    """A run that tests copy, and what its training printed."""

    folder: Path
    ran: Ran


def run(*arguments: str, answer: str = "") -> Ran:
    """Run one command; `answer` is what a person types."""
    ended = CliRunner().invoke(app, list(arguments), input=answer, catch_exceptions=False)
    # Usage errors, of status 2, are typer's.
    if "--json" not in arguments and ended.exit_code != 2:
        assert_fits(ended.output.replace("[y/N]:", "[y/N]:\n"))
    return Ran(ended.exit_code, ended.stdout, ended.stderr)


def assert_fits(printed: str) -> None:
    """Check that what is printed for people fits a terminal of 80 columns.

    Commands to copy stay whole, and so do words that are longer, such as paths.
    """
    for line in printed.splitlines():
        words = line.split()
        assert cell_len(line) <= 80 or words[0] == "fedmf" or len(words) == 1, line
        assert "\u2026" not in line
