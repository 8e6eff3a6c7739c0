"""What a reader can copy has to run: examples, and the Python blocks of the documentation."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scripts.notebook_pages import NOTEBOOKS, program

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCKS = [
    pytest.param(block, id=f"{page.relative_to(ROOT)}-{k}")
    for page in PAGES
    for k, block in enumerate(re.findall(r"^```python\n(.*?)^```", page.read_text(), re.S | re.M))
]


def run(*arguments: str, folder: Path) -> str:
    ended = subprocess.run(  # noqa: S603 - our own pages
        [sys.executable, "-W", "error", *arguments],
        cwd=folder, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.py")), ids=lambda p: p.name)
def test_examples_run(example: Path, tmp_path: Path) -> None:
    assert run(str(example), folder=tmp_path)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda p: p.name)
def test_notebooks_run(notebook: Path, tmp_path: Path) -> None:
    assert run("-c", program(notebook), folder=tmp_path)


@pytest.mark.parametrize("block", BLOCKS)
def test_python_blocks_run(block: str, tmp_path: Path) -> None:
    run("-c", block, folder=tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page}: {target}"


def test_options_in_the_documentation_exist() -> None:
    from typer.main import get_command

    from fedmf.cli.app import app

    def options(command: Any) -> set[str]:
        own = {option for parameter in command.params for option in parameter.opts}
        return own.union(*map(options, getattr(command, "commands", {}).values()))

    known = options(get_command(app)) | {"--help"}
    for page in PAGES:
        joined = re.sub(r"\\\n +", " ", page.read_text())
        for line in re.findall(r"^(?:    |\$ )fedmf .*$", joined, re.M):
            for option in re.findall(r"(?<=\s)--[a-z-]+", line.split("#")[0]):
                assert option in known, f"{page}: {line}"
