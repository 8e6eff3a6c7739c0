"""A reproduction as tables for people, and as JSON values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import groupby

from rich.table import Table

from fedmf.benchmarking.machine import this_machine
from fedmf.benchmarking.scheme import FACTORS, ROUNDS
from fedmf.benchmarking.shown import figures_table
from fedmf.figures import number_text
from fedmf.reproduce.experiment import (
    BY_ITEMS,
    BY_USERS,
    SETTING,
    Extent,
    Reproduction,
    Timing,
)
from fedmf.reproduce.published import Finding, Target, published, times_text
from fedmf.reproduce.setting import LEARNING_RATE, REG, Source

STAR = "*"
"""Marks figures that were extrapolated from a slice."""
TITLES = {
    SETTING: "Seconds per iteration in the setting of the loss curves",
    BY_ITEMS: "Seconds per iteration against items",
    BY_USERS: "Seconds per iteration against users",
}
SHOWN_LOSSES = 5
TIMES = ("iteration", "server_share", "communication")


def tables(found: Reproduction) -> Iterator[Table]:
    """Yield the tables: accuracy, times, the server's share and the network."""
    yield _curves_table(found)
    accuracy = [one for one in found.findings if one.target.quantity not in TIMES]
    if accuracy:
        yield _accuracy_table(accuracy)
    for section, title in TITLES.items():
        rows = [row for row in found.rows if row.section == section]
        if rows:
            yield _times_table(title, rows, found.findings)
    rows = [row for row in found.rows if row.section != BY_USERS]
    yield _shares_table(rows, found.findings)


def notes() -> list[str]:
    """Return what a reader of the tables has to know."""
    return [
        f"{STAR} measured on a slice and extrapolated linearly; which slice stands in --json",
        "iteration: the slowest user, the server, the network, and a member of the committee; "
        "published: 1024-bit keys on the authors' machine; computed, and shares: from figures that "
        "they published",
        "than published, than phe: how many times faster than the authors say, and than "
        "python-paillier in their arrangement, of which a slice is measured in this run; "
        "reproduced: as fast as they say",
        "shares are reproduced within a tenth; long keys cost users far more than the server, "
        "whose share falls",
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


def _row_json(row: Timing) -> dict[str, object]:
    return {
        "section": row.section,
        **asdict(row.measured),
        "iteration_seconds": row.measured.iteration_seconds,
        "server_share": row.measured.server_share,
        "phe_seconds": row.phe_seconds,
        "times_faster_than_phe": row.times_faster_than_phe,
    }


def _table(title: str, *columns: str) -> Table:
    table = figures_table(title)
    for heading in columns:
        is_text = heading in ("figure", "ours", "scheme", "verdict")
        table.add_column(
            heading, justify="left" if is_text else "right", no_wrap=heading != "figure"
        )
    return table


def _curves_table(found: Reproduction) -> Table:
    """Return losses now and then, the published ones only beside ours from the same ratings."""
    curves = {f"{one.scheme} {one.upload}": (one.losses, one.rmse) for one in found.curves}
    if any(one.target.quantity == "loss" for one in found.findings):
        errors = {one.upload: one.value for one in published().targets if one.quantity == "rmse"}
        theirs = {
            f"published {upload}": (losses, errors[upload])
            for upload, losses in published().curves.items()
        }
        curves = {**theirs, **curves}
    iterations = len(found.curves[0].losses)
    table = _table("Loss of the published setting, by iteration", "scheme")
    shown = sorted(
        {1, *(round(iterations * k / SHOWN_LOSSES) or 1 for k in range(SHOWN_LOSSES + 1))}
    )
    for heading in (*map(str, shown), "RMSE"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, (losses, rmse) in curves.items():
        table.add_row(name, *(f"{losses[k - 1]:.4f}" for k in shown), f"{rmse:.4f}")
    return table


def _accuracy_table(findings: Sequence[Finding]) -> Table:
    table = _table(
        "The published setting, learned again", "figure", "ours", "published", "us", "verdict"
    )
    for one in findings:
        figures = map(_plain, (one.target.value, one.ours))
        table.add_row(one.target.name, one.scheme, *figures, one.verdict)
    return table


def _times_table(title: str, rows: Sequence[Timing], findings: Sequence[Finding]) -> Table:
    table = _table(title, "scheme", "user", "server", "iteration", "than published", "than phe")
    for size, group in _by_size(rows):
        table.add_section()
        table.add_row(f"[bold]{size}[/]")
        for upload, theirs in _published("iteration", group, findings).items():
            said = "computed" if theirs.derived else "published"
            table.add_row(f"{said}, {upload}", "", "", number_text(theirs.value))
        for row in group:
            one, beside = row.measured, _finding(findings, row, "iteration")
            faster = row.times_faster_than_phe
            table.add_row(
                f"{one.scheme} {one.upload}",
                number_text(one.user_seconds),
                number_text(one.server_seconds),
                number_text(one.iteration_seconds) + (STAR if one.extrapolated else " "),
                _short(beside.verdict) if beside else "-",
                f"{times_text(faster)} x" if faster is not None else "-",
            )
    return table


def _shares_table(rows: Sequence[Timing], findings: Sequence[Finding]) -> Table:
    table = _table(
        "The server's share of an iteration, and seconds of one user's messages at 1 Gb/s",
        *("scheme", "share", "verdict", "network", "verdict"),
    )
    for size, group in _by_size(rows):
        shares = _published("server_share", group, findings)
        carried = _published("communication", group, findings)
        table.add_section()
        table.add_row(f"[bold]{size}[/]")
        for upload in shares:
            share, network = (number_text(one[upload].value) for one in (shares, carried))
            table.add_row(f"published, {upload}", share, "", network)
        for row in group:
            of_server = _finding(findings, row, "server_share")
            of_network = _finding(findings, row, "communication")
            if of_server is None or of_network is None:
                continue
            star = STAR if of_server.extrapolated else " "
            table.add_row(
                f"{row.measured.scheme} {row.measured.upload}",
                number_text(of_server.ours) + star,
                of_server.verdict,
                number_text(of_network.ours) + star,
                of_network.verdict,
            )
    return table


def _short(verdict: str) -> str:
    """Return a verdict for a column that says what it is about."""
    return verdict.removeprefix("better by ")


def _by_size(rows: Sequence[Timing]) -> Iterator[tuple[str, list[Timing]]]:
    """Yield rows of the same setting together, and what to call them."""
    for (items, users), group in groupby(
        rows, key=lambda row: (row.measured.items, row.measured.users)
    ):
        yield f"{items:,} items, {users:,} users", list(group)


def _published(
    quantity: str, rows: Sequence[Timing], findings: Sequence[Finding]
) -> dict[str, Target]:
    """Return the published figure for each upload mode that has one."""
    found = [_finding(findings, row, quantity) for row in rows]
    return {one.target.upload: one.target for one in found if one is not None}


def _finding(findings: Sequence[Finding], row: Timing, quantity: str) -> Finding | None:
    one = row.measured
    for found in findings:
        target = found.target
        if (target.quantity, found.scheme) == (quantity, one.scheme) and (
            (target.items, target.users, target.upload) == (one.items, one.users, one.upload)
        ):
            return found
    return None


def _plain(value: float) -> str:
    return f"{value:.6g}"
