"""``fedmf bench``: what every protection costs per value, beside the limit and beside others."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import RenderableType

from fedmf.benchmarking.machine import this_machine
from fedmf.benchmarking.operations import measure
from fedmf.benchmarking.own import own_operations
from fedmf.benchmarking.peers import Missing, peer_operations
from fedmf.benchmarking.shown import rows_table
from fedmf.cli.console import print_answer, progress
from fedmf.cli.options import Json
from fedmf.errors import SettingsError
from fedmf.protocol.session import LEAST_COHORT

REPEATS, QUICK_REPEATS = 11, 1
QUICK_VALUES = 20_000
LEAST_VALUES = 100


def bench(
    values: Annotated[
        int, typer.Option(help="Values in the table; whole rows of 100 factors are taken.")
    ] = 256_000,
    participants: Annotated[
        int, typer.Option(help="Participants of the session; words depend on them.")
    ] = 610,
    quick: Annotated[
        bool, typer.Option("--quick", help="One repeat on a small table: a look, no figures.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Measure protecting, adding and opening under every protection, per value."""
    problems = []
    if values < LEAST_VALUES:
        problems.append(f"--values must be at least {LEAST_VALUES}")
    if participants < LEAST_COHORT:
        problems.append(f"--participants must be at least {LEAST_COHORT}")
    if problems:
        raise SettingsError("; ".join(problems))
    if quick:
        values = min(values, QUICK_VALUES)
    machine = this_machine()
    with progress().status("making keys") as status:
        own = own_operations(values, participants)
        peers, missing = peer_operations(values)
        rows = measure(
            [*own, *peers],
            values=values,
            repeats=QUICK_REPEATS if quick else REPEATS,
            told=lambda repeat: status.update(f"measuring: {repeat}"),
        )
    document = {
        "rows": [asdict(row) for row in rows],
        "missing": [asdict(one) for one in missing],
        "machine": asdict(machine),
        "participants": participants,
        "quick": quick,
    }
    lines: list[RenderableType] = [rows_table(rows), *_notes(missing), f"machine: {machine}"]
    print_answer(document, lines, as_json=as_json)


def _notes(missing: list[Missing]) -> list[str]:
    return [
        "protect, add and open of our own run from integers to messages and back: tags, hashes, "
        "envelopes and signatures included; member: one upload at one member of the committee",
        "where fewer values are named, a slice was measured; the cost per value is the same",
        *(f"left out: {one.name} ({one.reason})" for one in missing),
    ]
