"""Examples of the error pages are run as they stand; messages that they quote are in the source."""

from __future__ import annotations

import ast
import doctest
import os
import re
import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from fedmf.cli.app import app
from fedmf.crypto.paillier import PrivateKey
from fedmf.protocol import Server, TableMessage, participant_protection, server_protection
from tests.end_to_end.processes import LAST_RESORT, children, end, fedmf, has_played, wait_until
from tests.protocol.sessions import SHAPE, small_session

ROOT = Path(__file__).parents[2]
PAGES = {
    page.stem: page.read_text("utf-8") for page in sorted((ROOT / "docs/errors").glob("[0-9]*.md"))
}
SMALL = ("--users", "20", "--items", "30", "--factors", "4", "--rounds", "2", "--workers", "1")
OF_PROCESSES = {"50", "51"}
"""Examples that one process cannot play: 50 is below, 51 in federation/flower/test_certificates."""

FROM_OPENSSL = {"hostname mismatch", "IP address mismatch", "certificate has expired"}


def examples(number: str) -> list[str]:
    return re.findall(r"^```console\n(.*?)^```", PAGES[number], re.S | re.M)


def steps(block: str) -> Iterator[tuple[list[str], str]]:
    """Yield the commands of an example, as words, and what each prints."""
    for step in re.split(r"^\$ ", block, flags=re.M)[1:]:
        command, _, shown = step.partition("\n")
        yield command.split(), shown


def printed_as(shown: str, printed: str) -> bool:
    """Whether a page shows what was printed: ... is any text, and floats need not agree.

    A terminal breaks lines where it has to.
    """
    shown, printed = (" ".join(text.split()) for text in (shown, printed))
    pattern = re.escape(shown).replace(r"\.\.\.", ".*")
    pattern = re.sub(r"\d+\\\.\d{6,}(e\\\+\d+)?", r"[\\d.e+]+", pattern)
    return re.fullmatch(pattern, printed, re.DOTALL) is not None


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("trained") / "run"
    result = CliRunner().invoke(app, ["train", *SMALL, "--quiet", "--out", str(run)])
    assert result.exit_code == 0, result.output
    return run


def damage(page: str, run: Path) -> None:
    """Do what the sentence above an example says."""
    if page == "41":
        os.truncate(run / "model" / "items.npz", 300)
    if page == "40":
        (table,) = run.glob("checkpoints/*/server.bin")
        data = bytearray(table.read_bytes())
        data[100] ^= 1
        table.write_bytes(data)


@pytest.mark.parametrize(
    "number", [page for page in PAGES if "\n$ " in PAGES[page] and page not in OF_PROCESSES]
)
def test_examples_of_the_command_line_print_what_the_page_shows(
    number: str, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if re.search(r"\brun\b", "".join(examples(number))):
        shutil.copytree(trained, "run")
        damage(number, tmp_path / "run")
    for block in examples(number):
        for (program, *arguments), shown in steps(block):
            if program == "cat":
                Path(arguments[0]).write_text(shown)
            elif program == "chmod":
                Path(arguments[1]).chmod(int(arguments[0], base=8))
            else:
                assert program == "fedmf"
                result = CliRunner().invoke(app, arguments)
                assert result.exit_code == int(number)
                assert printed_as(shown, result.output), result.output


@pytest.mark.parametrize("number", [page for page in PAGES if "\n>>> " in PAGES[page]])
def test_examples_in_python_raise_what_the_page_shows(number: str, weak_key: PrivateKey) -> None:
    (block,) = examples(number)
    session = small_session()
    if number == "31":
        session = replace(session, protection="paillier", public_key=int(weak_key.public.n))
    half = server_protection(session)
    half.start(SHAPE.zeros())
    server = Server(session, half)
    names: dict[str, Any] = {"server": server}
    if number == "31":
        names = {"server": half, "participant": participant_protection(session, weak_key)}
    if number == "32":
        data = bytearray(server.table_message().to_bytes(session))
        data[-1] ^= 1
        names = {"TableMessage": TableMessage, "data": bytes(data), "session": session}
    test = doctest.DocTestParser().get_doctest(block, names, f"{number}.md", None, None)
    said: list[str] = []
    doctest.DocTestRunner(verbose=False).run(test, out=said.append)
    assert said == []


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes in Linux' /proc")
def test_a_killed_worker_is_told_as_the_page_shows(tmp_path: Path) -> None:
    (block,) = examples("50")
    ((command, shown),) = steps(block)
    process = fedmf(*command[1:], folder=tmp_path)
    try:
        wait_until(lambda: has_played(tmp_path / "long", 1), process)
        os.kill(children(process.pid)[0], signal.SIGKILL)
        out, err = process.communicate(timeout=LAST_RESORT)
    finally:
        end(process)
    assert (process.returncode, out) == (50, "")
    assert printed_as(shown, err), err


class Sentences(ast.NodeVisitor):
    """All text of the source that is not documentation, with … where something is filled in."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):
            self.generic_visit(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        texts = [part.value if isinstance(part, ast.Constant) else "…" for part in node.values]
        self.found.append("".join(map(str, texts)))

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            self.found.append(node.value)


def test_quoted_messages_are_in_the_source() -> None:
    source = Sentences()
    for module in (ROOT / "src").rglob("*.py"):
        source.visit(ast.parse(module.read_text("utf-8")))
    text = "\n".join(source.found).lower()
    quoted = {
        " ".join(quote.split())
        for page in PAGES.values()
        for quote in re.findall(r"(?<!\*)\*([^*\n ][^*]*)\*(?!\*)", page)
    }
    assert quoted > FROM_OPENSSL
    ours = {quote: re.sub(r"\.\.\.|\d+", "…", quote).lower() for quote in quoted - FROM_OPENSSL}
    assert [quote for quote, pattern in ours.items() if pattern not in text] == []
