"""``fedmf error``: the page that says what an error means and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Annotated

import typer

from fedmf.cli.console import output, print_lines
from fedmf.errors import UnknownNameError


def error(
    number: Annotated[int, typer.Argument(help="Number of the error, which is its exit status.")],
) -> None:
    """Print the page of an error: what it means and what to do."""
    pages = {
        int(page.name.removesuffix(".md")): page
        for page in _folder().iterdir()
        if page.name != "README.md"
    }
    if number not in pages:
        raise UnknownNameError(
            f"no error has the number {number}; known: {', '.join(map(str, sorted(pages)))}"
        )
    text = pages[number].read_text("utf-8").rstrip()
    # Links lead from page to page; a terminal has commands and the paths of the repository.
    text = re.sub(r"\]\((\d+)\.md\)", r"](fedmf error \1)", text)
    print_lines(output(), _lines(text.replace("](../", "](docs/")))


def _lines(page: str) -> Iterator[str]:
    """Yield each paragraph and each item of a list as a line, which the terminal breaks anew."""
    for block in page.split("\n\n"):
        if block.startswith(("    ", "|", "#")):
            yield block
        else:
            yield from (" ".join(item.split()) for item in re.split(r"\n(?=- )", block))
        yield ""


def _folder() -> Traversable:
    """Return the folder of the pages: in the wheel, or of the clone that is installed as it is."""
    package = resources.files("fedmf")
    shipped = package / "error_pages"
    return shipped if shipped.is_dir() else package / ".." / ".." / "docs" / "errors"
