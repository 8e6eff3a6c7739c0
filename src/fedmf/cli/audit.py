"""``fedmf audit``: attacks on every protection, with what each adversary really sees."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from fedmf.audit import AuditSettings, Row, part_names
from fedmf.audit import audit as run_audit
from fedmf.cli.console import print_answer, progress
from fedmf.cli.options import Json, RatingsSource
from fedmf.figures import interval_text, measure_text
from fedmf.ratings import Ratings, load_ratings


def audit(
    source: RatingsSource = "movielens-small",
    users: Annotated[int, typer.Option(help="Number of users to take: the first ones.")] = 40,
    items: Annotated[int, typer.Option(help="Number of items to take: the most rated ones.")] = 200,
    factors: Annotated[int, typer.Option(help="Length of user and item vectors.")] = 8,
    seed: Annotated[int, typer.Option(help="Public seed of the runs.")] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
    as_json: Json = False,
) -> None:
    """Attack every protection with what each adversary really sees; takes a minute or two.

    An attack that succeeds proves a leak. One that fails proves nothing: it says that this attack
    found nothing in a sample of this size.
    """
    ratings = load_ratings(source).take(users, items)
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
    print_answer(document, _lines(ratings, rows), as_json=as_json)


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


def _lines(ratings: Ratings, rows: list[Row]) -> Iterator[RenderableType]:
    yield (
        f"{ratings.name}: {ratings.n_users:,} users, {ratings.n_items:,} items, "
        f"{len(ratings):,} ratings\n"
    )
    yield _learnt(rows)
    yield _table(rows)
    yield Text.from_markup(
        "[bold]leak[/]: the whole 99.9 % interval lies above chance. [bold]-[/]: no evidence "
        "found at this sample size,\nwhich is no proof. Sums that are opened say more than uploads "
        "that are not: see rows of opened sums.\nWhat each attack does: docs/explanation/attacks.md"
    )


def _learnt(rows: list[Row]) -> Table:
    """Return who learns what of single participants, by protection and adversary."""
    table = Table(
        title="what is learnt of single participants from their uploads", title_justify="left"
    )
    for name in ("protection", "upload", "adversary", "rated items", "ratings"):
        table.add_column(name)
    cells: dict[tuple[str, str, str], dict[str, str]] = {}
    for row in rows:
        kind = {"R-precision": "rated items", "share of ratings recovered": "ratings"}.get(
            row.metric
        )
        if kind is None or row.method == "any" or row.attack not in _SINGLE:
            continue
        place = cells.setdefault((row.protection, row.upload, row.adversary), {})
        if row.succeeded or kind not in place:
            place[kind] = f"[red]{row.value:.0%}[/]" if row.succeeded else "-"
    for (protection, upload, adversary), found in cells.items():
        table.add_row(
            protection, upload, adversary, found.get("rated items", ""), found.get("ratings", "")
        )
    return table


_SINGLE = ("rated items", "ratings from single uploads")


def _table(rows: list[Row]) -> Table:
    table = Table(title="every attack", title_justify="left")
    for name in ("run", "adversary", "attack", "circumstance"):
        table.add_column(name, overflow="fold")
    for name in ("value (99.9 % interval)", "chance", "n", ""):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            f"{row.protection} {row.upload}, {row.method}",
            row.adversary,
            row.attack,
            row.setting,
            interval_text(row.value, max(0.0, row.low), min(1.0, row.high), 3),
            measure_text(row.chance, 3),
            f"{row.n:,}",
            "[red]leak[/]" if row.succeeded else "-",
        )
    return table
