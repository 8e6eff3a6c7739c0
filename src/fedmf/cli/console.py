"""What every command shares: where it prints, and how an error ends it."""

from __future__ import annotations

import functools
import json
import sys
import warnings
from collections.abc import Callable
from typing import ParamSpec

import typer
from rich.console import Console
from rich.markup import escape

from fedmf.errors import FedmfError

Parameters = ParamSpec("Parameters")
INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it: 128 + SIGINT."""


def output() -> Console:
    """Return the console for results."""
    return Console(highlight=False, soft_wrap=True)


def progress() -> Console:
    """Return the console for progress and errors: standard error, so that results can be piped."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def print_json(document: object) -> None:
    """Print one JSON document to standard output."""
    json.dump(document, sys.stdout, ensure_ascii=False, indent=1, allow_nan=False)
    sys.stdout.write("\n")


def ends_with_error_number(
    command: Callable[Parameters, None],
) -> Callable[Parameters, None]:
    """Wrap a command: an error becomes one sentence on standard error and its exit status."""

    @functools.wraps(command)
    def wrapped(*args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
        warnings.showwarning = _show_warning
        try:
            command(*args, **kwargs)
        except FedmfError as error:
            progress().print(f"[bold red]error {error.number}[/]: {escape(str(error))}")
            progress().print(f"[dim]see docs/errors/{error.number}.md[/]")
            raise typer.Exit(error.number) from None
        except KeyboardInterrupt:
            progress().print("stopped before anything was written")
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            # Whoever read our output, such as head, has enough of it.
            sys.stderr.close()
            raise typer.Exit(0) from None

    return wrapped


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: object = None,
    line: str | None = None,
) -> None:
    del category, filename, lineno, file, line
    progress().print(f"[yellow]warning[/]: {escape(str(message))}")
