"""The reference pages of the command line and of the Python API, and notebooks, as pages.

``make reference`` writes them; a test fails when they are stale.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, get_args, get_origin

from typer import Typer
from typer.models import ArgumentInfo, OptionInfo

from fedmf.cli.app import app
from scripts.notebook_pages import NOTEBOOKS, notebook_page
from scripts.python_reference import python_page

FOLDER = Path(__file__).parents[1] / "docs" / "reference"
VALUES = {int: "N", float: "X", str: "TEXT", Path: "PATH"}
COMMAND_LINE = """\
# Command line

This page is written from the code by `make reference`. `fedmf -h` lists the commands, and
`fedmf COMMAND -h` prints what stands here. `python -m fedmf` is the same as `fedmf`.

Results go to standard output, and progress and errors to standard error. A command that succeeds
ends with status 0; wrong usage ends with 2, Ctrl-C with 130, and everything else with the
[number of its error](../errors/README.md).
"""


def pages() -> dict[Path, str]:
    """Return each page with its text."""
    tutorial = FOLDER.parent / "tutorial"
    return {
        FOLDER / "command-line.md": command_line_page(),
        FOLDER / "python.md": python_page(),
        **{tutorial / f"{one.stem}.md": notebook_page(one) for one in NOTEBOOKS},
    }


def command_line_page() -> str:
    """Return the page of all commands and their options, as Markdown."""
    commands = list(_commands(app, "fedmf"))
    index = [
        "| command | what it does |",
        "|---|---|",
        *(
            f"| [`{name}`](#{name.replace(' ', '-')}) | {_cell(_summary(command))} |"
            for name, command in commands
        ),
    ]
    sections = [_section(name, command) for name, command in commands]
    return "\n".join([COMMAND_LINE, *index, "", "\n\n".join(sections), ""])


def _commands(group: Typer, name: str) -> Iterator[tuple[str, Callable[..., Any]]]:
    for command in group.registered_commands:
        assert command.callback is not None  # noqa: S101 - typer makes commands of functions
        yield f"{name} {command.name or command.callback.__name__}", command.callback
    for inner in group.registered_groups:
        assert inner.typer_instance is not None  # noqa: S101 - as `add_typer` had it
        yield from _commands(inner.typer_instance, f"{name} {inner.name}")


def _summary(command: Callable[..., Any]) -> str:
    return (inspect.getdoc(command) or "").split("\n\n")[0].replace("\n", " ")


def _section(name: str, command: Callable[..., Any]) -> str:
    arguments, options = [], []
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        if get_origin(parameter.annotation) is Annotated:
            kind, info = get_args(parameter.annotation)
            if isinstance(info, ArgumentInfo):
                arguments.append((_argument_name(parameter, info), parameter, kind, info))
            else:
                options.append((_option_name(parameter, kind, info), parameter, kind, info))
    optional = {True: "{}", False: "[{}]"}
    usage = [name, "[OPTIONS]"] + [
        optional[parameter.default is parameter.empty].format(shown)
        for shown, parameter, _, _ in arguments
    ]
    rows = [
        f"| `{shown}` | {_default(parameter, info)} | {_cell(_meaning(kind, info))} |"
        for shown, parameter, kind, info in (*arguments, *options)
    ]
    return "\n".join(
        [
            f"## {name}",
            "",
            f"`{' '.join(usage)}`",
            "",
            inspect.getdoc(command) or "",
            "",
            "| argument or option | default | meaning |",
            "|---|---|---|",
            *rows,
        ]
    )


def _argument_name(parameter: inspect.Parameter, info: ArgumentInfo) -> str:
    return info.metavar or parameter.name.upper()


def _option_name(parameter: inspect.Parameter, kind: Any, info: OptionInfo) -> str:
    # In an annotation typer takes the first name for a default.
    names = [one for one in (info.default, *(info.param_decls or ())) if isinstance(one, str)]
    name = ", ".join(names).replace("/--", ", --") or "--" + parameter.name.replace("_", "-")
    return (
        name if _value_type(kind) is bool else f"{name} {info.metavar or VALUES[_value_type(kind)]}"
    )


def _value_type(kind: Any) -> Any:
    """Return the type of one value: of ``list[int] | None`` it is int."""
    inner = [one for one in get_args(kind) if one is not NoneType]
    return _value_type(inner[0]) if inner else kind


def _default(parameter: inspect.Parameter, info: ArgumentInfo | OptionInfo) -> str:
    if parameter.default is parameter.empty:
        return "required"
    if isinstance(info.show_default, str):
        return _cell(info.show_default)
    said = parameter.default is not None and parameter.default is not False
    return f"`{parameter.default}`" if said else ""


def _meaning(kind: Any, info: ArgumentInfo | OptionInfo) -> str:
    said = [info.help or ""]
    if info.min is not None:
        said.append(f"From {info.min} to {info.max}." if info.max else f"At least {info.min}.")
    if list in (get_origin(kind), *map(get_origin, get_args(kind))):
        said.append("May be given several times.")
    return " ".join(said)


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


def main() -> None:
    """Write the pages."""
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
        print(path)


if __name__ == "__main__":
    main()
