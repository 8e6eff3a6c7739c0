"""A reproduction as tables for people, and as JSON values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict

from rich import box
from rich.table import Table

from fedmf.benchmarking import figure, this_machine
from fedmf.reproduce.data import Source
from fedmf.reproduce.experiment import (
    BY_ITEMS,
    BY_USERS,
    ITEMS,
    SETTING,
    USERS,
    Extent,
    Reproduction,
    Row,
)
from fedmf.reproduce.iteration import ROUNDS
from fedmf.reproduce.published import published
from fedmf.reproduce.schemes import FACTORS, LEARNING_RATE, REG
from fedmf.reproduce.verdict import Finding, times_text

STAR = "*"
"""Marks figures that were extrapolated from a slice."""
TITLES = {
    SETTING: "Time per iteration in seconds: 40 items, 7 users",
    BY_ITEMS: f"Time per iteration in seconds against items, {USERS} users",
    BY_USERS: f"Time per iteration in seconds against users, {ITEMS:,} items",
}
TIMES = ("iteration", "server_share", "communication")


def tables(found: Reproduction) -> Iterator[Table]:
    """Yield the tables: accuracy, times, the server's share and the network."""
    accuracy = [one for one in found.findings if one.target.quantity not in TIMES]
    if accuracy:
        yield _accuracy_table(accuracy)
    for section, title in TITLES.items():
        rows = [row for row in found.rows if row.section == section]
        if rows:
            yield _times_table(title, rows, found.findings, section)
    yield _shares_table(found.findings)


def notes() -> list[str]:
    """Return what a reader of the tables has to know."""
    return [
        f"{STAR} measured on a slice and extrapolated linearly; which slice stands in --json",
        "iteration: the slowest user, the server, the network, and a member of the committee; "
        "published: 1024-bit keys on the authors' machine; those against users, and all shares, "
        "are computed from published figures",
        "than phe: python-paillier in the authors' arrangement, measured on a slice in this run",
        "1024-bit keys reproduce the paper and protect nothing today; 3072 bits do",
    ]


def reproduction_json(
    found: Reproduction, *, source: Source, extent: Extent, quick: bool
) -> dict[str, object]:
    """Return everything as JSON values."""
    return {
        "paper": published().paper,
        "targets": [one.as_json() for one in found.findings],
        "measured": [_row_json(row) for row in found.rows],
        "curves": [asdict(curve) for curve in found.curves],
        "left_out": [asdict(one) for one in found.left_out],
        "settings": {
            "quick": quick,
            "ratings": source.ratings.name,
            "is_the_authors_data": source.is_the_authors,
            "factors": FACTORS,
            "learning_rate": LEARNING_RATE,
            "reg": REG,
            "iterations": extent.iterations,
            "planned_rounds_of_timed_sessions": ROUNDS,
            "slice_items": extent.slice_items,
            "published_setting": dict(published().setup),
        },
        "machine": asdict(this_machine()),
        "seconds": found.seconds,
    }


def _row_json(row: Row) -> dict[str, object]:
    return {
        "section": row.section,
        **asdict(row.measured),
        "iteration_seconds": row.measured.iteration_seconds,
        "server_share": row.measured.server_share,
        "phe_seconds": row.phe_seconds,
        "times_faster_than_phe": row.times_faster_than_phe,
    }


def _table(title: str, left: Sequence[str], right: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for heading in left:
        table.add_column(heading)
    for heading in right:
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    return table


def _accuracy_table(findings: Sequence[Finding]) -> Table:
    table = _table("The published setting, learned again", ("figure", "ours"), ("published", "us"))
    for one in findings:
        table.add_row(one.name, one.scheme, _plain(one.published), _plain(one.ours), one.verdict)
    return table


def _times_table(
    title: str, rows: Sequence[Row], findings: Sequence[Finding], section: str
) -> Table:
    size = {SETTING: "upload", BY_ITEMS: "items", BY_USERS: "users"}[section]
    right = (size, "user", "server", "iteration", "published", "than phe")
    table = _table(title, ("scheme",), right)
    last = None
    for row in rows:
        one = row.measured
        if last is not None and last != (one.items, one.users):
            table.add_section()
        last = (one.items, one.users)
        beside = _finding(findings, row, "iteration")
        faster = row.times_faster_than_phe
        table.add_row(
            f"{one.scheme} {one.upload}",
            {SETTING: one.upload, BY_ITEMS: str(one.items), BY_USERS: str(one.users)}[section],
            figure(one.user_seconds),
            figure(one.server_seconds),
            figure(one.iteration_seconds) + (STAR if one.extrapolated else ""),
            figure(beside.published) if beside else "-",
            f"{times_text(faster)} x" if faster is not None else "-",
            beside.verdict if beside else "nothing published",
        )
    return table


def _shares_table(findings: Sequence[Finding]) -> Table:
    table = _table(
        "The server's share of an iteration, and seconds on a network of 1 Gb/s",
        ("figure", "ours"),
        ("published", "us"),
    )
    for one in findings:
        if one.target.quantity in ("server_share", "communication"):
            star = STAR if one.extrapolated else ""
            ours = figure(one.ours) + star
            table.add_row(one.name, one.scheme, figure(one.published), ours, one.verdict)
    return table


def _finding(findings: Sequence[Finding], row: Row, quantity: str) -> Finding | None:
    one = row.measured
    for found in findings:
        target = found.target
        if (
            target.quantity == quantity
            and found.scheme == one.scheme
            and (target.items, target.users, target.upload) == (one.items, one.users, one.upload)
        ):
            return found
    return None


def _plain(value: float) -> str:
    return f"{value:.6g}"
