"""Every error has a number and a page, and anyone who looks for either finds it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import fedmf.cli.app  # noqa: F401 - imports every module that could define an error
from fedmf import errors
from fedmf.errors import FedmfError
from fedmf.interrupts import INTERRUPTED

PAGES = Path(__file__).parents[1] / "docs" / "errors"
INDEX = (PAGES / "README.md").read_text("utf-8")


def all_errors(base: type[FedmfError] = FedmfError) -> Iterator[type[FedmfError]]:
    for error in base.__subclasses__():
        yield error
        yield from all_errors(error)


ERRORS = {error.__name__: error for error in all_errors()}
each_error = pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)


def test_numbers_are_unique_and_leave_the_other_exit_statuses_alone() -> None:
    numbers = [error.number for error in ERRORS.values()]
    assert len(set(numbers)) == len(ERRORS)
    # 0 success, 1 an error nobody expected, 2 usage; from 126 on shells have their own.
    assert all(3 <= number < 126 for number in numbers)
    assert FedmfError.number == 1


@each_error
def test_page_has_the_number_in_its_title_and_shows_the_error(error: type[FedmfError]) -> None:
    page = (PAGES / f"{error.number}.md").read_text("utf-8")
    assert re.match(rf"# Error {error.number}: [a-z].*[^.]\n\n", page)
    printed = re.findall(r"^error (\d+): ", page, flags=re.MULTILINE)
    raised = re.findall(r"^fedmf\.errors\.(\w+): ", page, flags=re.MULTILINE)
    assert printed or raised
    assert set(printed) <= {str(error.number)}
    assert set(raised) <= {error.__name__}
    for heading in ("## Example", "## Usual causes", "## What to do"):
        assert f"\n{heading}\n" in page


@each_error
def test_tree_of_the_module_and_index_list_the_error(error: type[FedmfError]) -> None:
    assert re.search(
        rf"^    [├└]── {error.__name__} +{error.number}  +\S", errors.__doc__ or "", re.MULTILINE
    )
    row = rf"^\| \[{error.number}\]\({error.number}\.md\) \| `{error.__name__}` \| \S.* \|$"
    assert re.search(row, INDEX, re.MULTILINE)


def test_there_are_no_pages_and_rows_without_an_error() -> None:
    numbers = {str(error.number) for error in ERRORS.values()}
    assert {page.stem for page in PAGES.glob("*.md")} == numbers | {"README"}
    assert set(re.findall(r"^\| \[(\d+)\]", INDEX, re.MULTILINE)) == numbers
    assert set(re.findall(r"── \w+ +(\d+) ", errors.__doc__ or "")) == numbers


def test_index_lists_the_other_exit_statuses() -> None:
    listed = re.findall(r"^\| (\d+) \| \S", INDEX, re.MULTILINE)
    assert listed == ["0", "1", "2", str(INTERRUPTED)]


def test_links_of_the_pages_lead_somewhere() -> None:
    for page in PAGES.glob("*.md"):
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8")):
            assert (page.parent / target).is_file(), f"{page.name} links to {target}"
