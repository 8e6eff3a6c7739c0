"""``fedmf audit``: attacks on every protection, with what each adversary really sees."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich import box
from rich.console import RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from fedmf.audit import AuditSettings, Row, part_names
from fedmf.audit import audit as run_audit
from fedmf.cli.console import print_answer, progress
from fedmf.cli.options import Json, RatingsSource
from fedmf.cli.reading_options import takes_reading
from fedmf.figures import interval_text, measure_text
from fedmf.ratings import Ratings, Reading, read_ratings


@takes_reading()
def audit(
    reading: Reading,
    source: RatingsSource = "movielens-small",
    users: Annotated[int, typer.Option(help="Number of users to take: the first ones.")] = 40,
    items: Annotated[int, typer.Option(help="Number of items to take: the most rated ones.")] = 200,
    factors: Annotated[int, typer.Option(help="Length of user and item vectors.")] = 8,
    seed: Annotated[int, typer.Option(help="Public seed of the runs.")] = 0,
    show_all: Annotated[
        bool, typer.Option("--all", help="Print every attack, with its interval.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
    as_json: Json = False,
) -> None:
    """Attack every protection with what each adversary really sees; takes a minute or two.

    An attack that succeeds proves a leak. One that fails proves nothing: it says that this attack
    found nothing in a sample of this size.
    """
    ratings = read_ratings(source, reading).take(users, items)
    settings = AuditSettings(factors=factors, seed=seed)
    with _bar(quiet=quiet) as after_part:
        rows = run_audit(ratings, settings, after_part)
    document = {
        "dataset": {
            "name": ratings.name,
            "users": ratings.n_users,
            "items": ratings.n_items,
            "ratings": len(ratings),
        },
        "rows": [row.as_json() for row in rows],
    }
    print_answer(document, _lines(ratings, rows, show_all=show_all), as_json=as_json)


@contextmanager
def _bar(*, quiet: bool) -> Iterator[Callable[[str], None]]:
    """Show on standard error which part runs; yield what to call after each part."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=progress(),
        disable=quiet,
    ) as bar:
        names = part_names()
        task = bar.add_task(names[0], total=len(names))

        def after_part(name: str) -> None:
            done = names.index(name) + 1
            bar.update(task, completed=done, description=(*names, "done")[done])

        yield after_part


def _lines(ratings: Ratings, rows: list[Row], *, show_all: bool) -> Iterator[RenderableType]:
    yield (
        f"{ratings.name}: {ratings.n_users:,} users, {ratings.n_items:,} items, "
        f"{len(ratings):,} ratings\n"
    )
    yield _learnt(rows)
    if show_all:
        yield _table("every attack, with its 99.9 % interval", rows, show_all=True)
    else:
        others = [row for row in rows if row.succeeded and _kind(row) is None]
        yield _table("what else is learnt: attacks that succeed", others, show_all=False)
        silent = sum(not row.succeeded for row in rows)
        yield f"{silent} of {len(rows)} attacks found nothing; --all prints each with its interval."
    yield Text.from_markup(
        "[bold]leak[/]: the whole 99.9 % interval lies above chance. [bold]-[/]: no evidence "
        "found at this sample size, which is no proof. Sums that are opened say more than uploads "
        "that are not: see rows of opened sums."
    )
    yield "What each attack does: docs/explanation/attacks.md"


def _learnt(rows: list[Row]) -> Table:
    """Return who learns what of single participants, by protection and adversary."""
    table = Table(
        title="what is learnt of single participants from their uploads", title_justify="left"
    )
    for name in ("protection", "upload", "adversary", "rated items", "ratings"):
        table.add_column(name)
    cells: dict[tuple[str, str, str], dict[str, str]] = {}
    for row in rows:
        kind = _kind(row)
        if kind is None:
            continue
        place = cells.setdefault((row.protection, row.upload, row.adversary), {})
        if row.succeeded or kind not in place:
            place[kind] = f"[red]{row.value:.0%}[/]" if row.succeeded else "-"
    for (protection, upload, adversary), found in cells.items():
        table.add_row(
            protection, upload, adversary, found.get("rated items", ""), found.get("ratings", "")
        )
    return table


def _kind(row: Row) -> str | None:
    """Return what of the first table an attack is about; None: of nothing in it."""
    if row.method == "any" or row.attack not in ("rated items", "ratings from single uploads"):
        return None
    kinds = {"R-precision": "rated items", "share of ratings recovered": "ratings"}
    return kinds.get(row.metric)


def _table(title: str, rows: list[Row], *, show_all: bool) -> Table:
    """Return attacks below the run and the adversary that they are of."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("attack, circumstance", min_width=32)
    for name in ("value", "chance", "n", ""):
        table.add_column(name, justify="right", no_wrap=True)
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(_who(row), []).append(row)
    for who, attacks in groups.items():
        table.add_section()
        table.add_row(f"[bold]{escape(who)}[/]")
        for row in attacks:
            low, high = max(0.0, row.low), min(1.0, row.high)
            table.add_row(
                Padding(": ".join(filter(None, (row.attack, row.setting))), (0, 0, 0, 2)),
                interval_text(row.value, low, high, 3) if show_all else f"{row.value:.3f}",
                measure_text(row.chance, 3),
                f"{row.n:,}",
                "[red]leak[/]" if row.succeeded else "-",
            )
    return table


def _who(row: Row) -> str:
    run = f"{row.protection} {row.upload}"
    return (
        f"{run}, {row.adversary}"
        if row.method == "any"
        else f"{run}, {row.method}, {row.adversary}"
    )
