"""Rows of figures as a table for people."""

from __future__ import annotations

from collections.abc import Iterable

from rich import box
from rich.table import Table

from fedmf.benchmarking.operations import Measured
from fedmf.figures import number_text


def figures_table(title: str) -> Table:
    """Return an empty table with no more between its columns than figures need."""
    return Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))


def rows_table(rows: Iterable[Measured]) -> Table:
    """Return a table of what `measure` found."""
    table = figures_table("Per value: processor time, bytes; medians")
    for heading in ("scheme", "operation"):
        table.add_column(heading, no_wrap=True)
    for heading in ("ns", "times the limit", "bytes", "of values"):
        table.add_column(heading, justify="right", no_wrap=True)
    last = ""
    for row in rows:
        if last and row.scheme != last:
            table.add_section()
        table.add_row(
            "" if row.scheme == last else row.scheme,
            row.operation,
            number_text(row.ns_per_value),
            number_text(row.times_limit),
            f"{row.bytes_per_value:.4g}",
            f"{row.values:,}",
        )
        last = row.scheme
    return table
