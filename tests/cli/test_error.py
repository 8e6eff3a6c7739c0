"""The page of an error, on the terminal."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.command import run

PAGES = Path(__file__).parents[2] / "docs" / "errors"
NUMBERS = sorted(page.stem for page in PAGES.glob("[0-9]*.md"))
LINK = re.compile(r"(\[[^]]+\])\(([^)]+)\)")


@pytest.mark.parametrize("number", NUMBERS)
def test_the_page_is_printed_as_it_stands_but_for_links(number: str) -> None:
    ran = run("error", number)
    assert ran.status == 0
    page = " ".join((PAGES / f"{number}.md").read_text("utf-8").split())
    assert LINK.sub(r"\1", ran.text) == LINK.sub(r"\1", page)
    for _, target in LINK.findall(ran.text):
        other = re.fullmatch(r"fedmf error (\d+)", target)
        assert other[1] in NUMBERS if other else (PAGES.parents[1] / target).is_file()


def test_an_unknown_number_is_one_error_that_lists_all() -> None:
    ran = run("error", "99")
    assert ran.status == 11
    assert ran.error == (
        f"error 11: no error has the number 99; known: {', '.join(NUMBERS)} "
        "fedmf error 11 says more"
    )


def test_help_says_where_to_look() -> None:
    assert "fedmf error NUMBER says more" in run("--help").text
