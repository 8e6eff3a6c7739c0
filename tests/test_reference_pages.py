"""The reference pages that are written from the code: fresh, and of everything public."""

from __future__ import annotations

from pathlib import Path

import pytest

import fedmf
from scripts.python_reference import markdown
from scripts.reference_pages import pages

PAGES = pages()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_page_is_fresh(path: Path) -> None:
    assert path.read_text("utf-8") == PAGES[path], "write it anew with: make reference"


def test_every_public_name_has_its_heading() -> None:
    page = next(text for path, text in PAGES.items() if path.name == "python.md")
    for name in fedmf.__all__:
        assert f"\n### {name}\n" in page
    assert "see [`Ratings.take`](#ratingstake)" in page


def test_options_come_with_name_default_and_bounds() -> None:
    page = next(text for path, text in PAGES.items() if path.name == "command-line.md")
    for row in (
        "| `--open TEXT` | `participants` | committee: participants or server open the sums. |",
        "| `--seed N` | `0` | Public seed of start, cohorts and split. |",
        "| `--port N` | `9092` | Port for silos. From 1 to 65535. |",
        "| `--users N` | required | Users of a silo; once for each, in order of numbers. "
        "May be given several times. |",
        "| `--json` |  | Print one JSON document. |",
    ):
        assert f"\n{row}\n" in page


def test_docstrings_become_lists_and_code() -> None:
    docstring = (
        "Do it.\n\nParameters\n----------\na, b\n    One of\n\n    - x\n\n"
        "Raises\n------\nDataError\n    Bad.\n\nExamples\n--------\n>>> 1\n1"
    )
    assert markdown(docstring) == (
        "Do it.\n\n**Parameters**\n\n- `a`, `b`: One of\n\n    - x\n\n"
        "**Raises**\n\n- [`DataError`](../errors/10.md): Bad.\n\n"
        "**Examples**\n\n```pycon\n>>> 1\n1\n```"
    )
