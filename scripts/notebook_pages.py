"""The notebooks of ``examples/`` as pages of the documentation: text, code, and what it printed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))


def notebook_page(notebook: Path) -> str:
    """Return a notebook as Markdown.

    Blocks of code are of language ``py``: those of ``python`` have to run alone, and the tests run
    a notebook as a whole.
    """
    title, *cells = map(_cell, cells_of(notebook))
    source = f"The notebook is [{notebook.name}](../../examples/{notebook.name})."
    return "\n\n".join([title, source, *cells]) + "\n"


def cells_of(notebook: Path) -> list[dict[str, Any]]:
    """Return the cells as their format, nbformat 4, has them."""
    cells: list[dict[str, Any]] = json.loads(notebook.read_text("utf-8"))["cells"]
    return cells


def program(notebook: Path) -> str:
    """Return all code of a notebook as one program."""
    found = ("".join(one["source"]) for one in cells_of(notebook) if one["cell_type"] == "code")
    return "\n\n".join(found)


def _cell(cell: dict[str, Any]) -> str:
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        return source
    printed = "".join(text for output in cell["outputs"] for text in output["text"])
    return f"```py\n{source}\n```\n\n```text\n{printed.rstrip()}\n```"
