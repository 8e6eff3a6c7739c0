"""The reference page of the Python API, written from signatures and docstrings."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from typing import Any

from fedmf import errors

INTRODUCTION = """\
# Python API

This page is written from the code by `make reference`. Everything that most programs need is in
[`fedmf`](#fedmf); the other modules serve those who measure, audit or run federations by program.
`fedmf.__version__` is the version.
"""
MODULES: dict[str, tuple[str, ...]] = {
    "fedmf": (
        "FederatedRecommender",
        "TrainedRecommender",
        "TrainingSettings",
        "load_ratings",
        "load_fold_in_ratings",
        "Ratings",
        "RatingScale",
        "FactorModel",
        "NewUser",
        "Prediction",
        "Recommendation",
        "SimilarItem",
        "Reason",
        "ModelEvaluation",
        "cross_validate",
        "tune",
        "Validation",
        "Tuning",
        "RatingEstimator",
    ),
    "fedmf.evaluation": ("evaluate_model", "Interval"),
    "fedmf.federation": (
        "make_plan",
        "forecast",
        "train_locally",
        "trained_model",
        "DataChoice",
        "Attendance",
        "TrainingResult",
        "RoundRecord",
        "Forecast",
    ),
    "fedmf.federation.silos": ("Federation", "Coordinator", "Silo"),
    "fedmf.report": ("write_report",),
    "fedmf.audit": ("audit", "AuditSettings", "Row"),
}
"""Modules, and what comes first of each. Of `PARTLY` nothing else comes."""
PARTLY = ("fedmf.federation", "fedmf.report", "fedmf.audit")
WIDTH = 88


def python_page() -> str:
    """Return the page, as Markdown."""
    shown: set[object] = set()
    parts = [INTRODUCTION]
    for name, first in MODULES.items():
        module = importlib.import_module(name)
        others = () if name in PARTLY else sorted(set(module.__all__) - set(first), key=str.lower)
        public = {one: getattr(module, one) for one in (*first, *others)}
        new = {title: one for title, one in public.items() if one not in shown}
        shown |= set(new.values())
        parts += [f"## {name}\n\n{inspect.getdoc(module)}", ", ".join(f"`{one}`" for one in new)]
        parts += [f"### {title}\n\n{_described(one)}" for title, one in new.items()]
    parts.append(_errors())
    return _cross_linked("\n\n".join(part.strip() for part in parts) + "\n")


def _cross_linked(page: str) -> str:
    """Link names in backquotes to their headings, outside headings and blocks of code."""
    anchors: dict[str, str] = {}
    for title in re.findall(r"^###+ (\S+)$", page, re.MULTILINE):
        # Of titles that differ in case only, the first has the plain anchor.
        if title.lower() not in map(str.lower, anchors):
            anchors[title] = title.lower().replace(".", "")

    def link(found: re.Match[str]) -> str:
        anchor = anchors.get(found[1].removeprefix("fedmf."))
        return f"[{found[0]}](#{anchor})" if anchor else found[0]

    def line_linked(line: str) -> str:
        return line if line.startswith("#") else re.sub(r"(?<![`\[])`([\w.]+)`(?!`)", link, line)

    texts_and_code = re.split(r"(^```.*?^```$)", page, flags=re.MULTILINE | re.DOTALL)
    for place in range(0, len(texts_and_code), 2):
        lines = texts_and_code[place].split("\n")
        texts_and_code[place] = "\n".join(map(line_linked, lines))
    return "".join(texts_and_code)


def _errors() -> str:
    rows = [
        f"| {_linked(one.__name__)} | {one.number} | {_cell(inspect.getdoc(one) or '')} |"
        for one in errors.FedmfError.__subclasses__()
        if one.__module__ == errors.__name__
    ]
    return "\n".join(
        [
            "## fedmf.errors",
            "",
            "All of these are a `FedmfError`. Each has a page that says what to do.",
            "",
            "| error | number | meaning |",
            "|---|---|---|",
            *rows,
        ]
    )


class _Constants(ast.NodeTransformer):
    """Puts a constant's value where its name stands: a default is to be read, not looked up."""

    def __init__(self, names: dict[str, Any]) -> None:
        self._names = names

    def visit_Name(self, node: ast.Name) -> ast.expr:
        value = self._names.get(node.id)
        known = node.id.isupper() and isinstance(value, int | float | str)
        return ast.Constant(value) if known else node


def _described(one: Any) -> str:
    tree = ast.parse(textwrap.dedent(inspect.getsource(one)))
    (node,) = _Constants(vars(inspect.getmodule(one))).visit(tree).body
    if isinstance(node, ast.FunctionDef):
        return f"{_signature(node)}\n\n{markdown(inspect.getdoc(one))}"
    assert isinstance(node, ast.ClassDef)  # noqa: S101 - public names are functions and classes
    parts = [markdown(inspect.getdoc(one)), _fields(node)]
    for member in node.body:
        if isinstance(member, ast.FunctionDef) and member.name == "__init__":
            parts.insert(0, _signature(member, node.name))
        elif isinstance(member, ast.FunctionDef) and _is_shown(member):
            text = markdown(inspect.getdoc(getattr(one, member.name)))
            parts.append(f"#### {node.name}.{member.name}\n\n{_signature(member)}\n\n{text}")
    return "\n\n".join(part for part in parts if part)


def _is_shown(member: ast.FunctionDef) -> bool:
    kinds = map(ast.unparse, member.decorator_list)
    return not member.name.startswith("_") and "overload" not in kinds


def _signature(node: ast.FunctionDef, name: str = "") -> str:
    """Return a function's head as a block of code, one parameter a line where it is long.

    Of language ``py``: blocks of ``python`` are for readers to run, and the tests run them.
    """
    kinds = {ast.unparse(one) for one in node.decorator_list}
    # Quotes are Python's way of naming a class within itself.
    returned = ast.unparse(node.returns).strip("'") if node.returns else "None"
    returns = "" if name else f" -> {returned}"
    if kinds & {"property", "cached_property"}:
        return f"```py\n{node.name}: {returned}\n```"
    given = _parameters(node.args, bound="staticmethod" not in kinds)
    line = f"{name or node.name}({', '.join(given)}){returns}"
    if len(line) > WIDTH:
        rows = "".join(f"    {one},\n" for one in given)
        line = f"{name or node.name}(\n{rows}){returns}"
    return f"```py\n{line}\n```"


def _parameters(arguments: ast.arguments, *, bound: bool) -> list[str]:
    plain: list[tuple[ast.arg, ast.expr | None]] = [
        (one, None) for one in arguments.posonlyargs + arguments.args
    ]
    for place, default in enumerate(reversed(arguments.defaults), start=1):
        plain[-place] = (plain[-place][0], default)
    if bound and plain and plain[0][0].arg in ("self", "cls"):
        del plain[0]
    named = list(zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True))
    shown = [_parameter(one, default) for one, default in plain]
    if arguments.vararg:
        shown.append("*" + ast.unparse(arguments.vararg))
    elif named:
        shown.append("*")
    shown += [_parameter(one, default) for one, default in named]
    if arguments.kwarg:
        shown.append("**" + ast.unparse(arguments.kwarg))
    return shown


def _parameter(one: ast.arg, default: ast.expr | None) -> str:
    if default is None:
        return ast.unparse(one)
    return f"{ast.unparse(one)} = {ast.unparse(default)}"


def _fields(node: ast.ClassDef) -> str:
    """Return the table of a data class's fields; fields that share a description share a row."""
    rows, waiting = [], list[str]()
    for statement, after in zip(node.body, [*node.body[1:], None], strict=True):
        if not isinstance(statement, ast.AnnAssign) or ast.unparse(statement.target)[0] == "_":
            continue
        value = f" = {ast.unparse(statement.value)}" if statement.value else ""
        waiting.append(
            f"`{ast.unparse(statement.target)}: {ast.unparse(statement.annotation)}{value}`"
        )
        if not isinstance(after, ast.AnnAssign):
            said = after.value if isinstance(after, ast.Expr) else None
            text = said.value if isinstance(said, ast.Constant) else ""
            words = " ".join(str(text).split())
            rows.append(f"| {_cell('<br>'.join(waiting))} | {_cell(words)} |")
            waiting = []
    return "\n".join(["| field | meaning |", "|---|---|", *rows]) if rows else ""


def markdown(docstring: str | None) -> str:
    """Return a docstring in numpy's style as Markdown.

    Parameters
    ----------
    docstring
        As `inspect.getdoc` has it.
    """
    heading = re.compile(r"^(\w+)\n-{3,}\n", re.MULTILINE)
    before, *sections = heading.split(docstring or "")
    parts = [before.strip()]
    for title, text in zip(sections[::2], sections[1::2], strict=True):
        parts.append(f"**{title}**\n\n{_section(title, text.strip())}")
    return "\n\n".join(parts)


def _section(title: str, text: str) -> str:
    if title == "Examples":
        return f"```pycon\n{text}\n```"
    if not re.search(r"^ ", text, re.MULTILINE):
        return text
    return "\n".join(_entry(title, name, said) for name, said in _entries(text))


def _entries(text: str) -> Iterator[tuple[str, str]]:
    for found in re.finditer(r"^(\S.*)\n((?:(?: .*)?\n?)*)", text, re.MULTILINE):
        yield found[1], textwrap.dedent(found[2]).strip()


def _entry(title: str, name: str, said: str) -> str:
    match title:
        case "Raises":
            names = ", ".join(map(_linked, name.split(", ")))
        case "Parameters":
            names = ", ".join(f"`{one}`" for one in name.split(", "))
        case _:
            names = name
    # Four spaces: a list within an item begins there for every reader of Markdown.
    return f"- {names}: " + textwrap.indent(said, "    ").lstrip()


def _linked(error: str) -> str:
    number = getattr(getattr(errors, error, None), "number", None)
    return f"`{error}`" if number is None else f"[`{error}`](../errors/{number}.md)"


def _cell(text: str) -> str:
    return text.replace("|", r"\|")
