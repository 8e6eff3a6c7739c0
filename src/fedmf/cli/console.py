"""What every command shares: where it prints, and how an error ends it."""

from __future__ import annotations

import functools
import json
import os
import sys
import warnings
from collections.abc import Callable
from typing import ParamSpec

import typer
from rich.console import Console
from rich.markup import escape

from fedmf.errors import FedmfError, RunDirectoryError

Parameters = ParamSpec("Parameters")
INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it: 128 + SIGINT."""


class PatientConsole(Console):
    """A console that goes on in silence when whoever read it, such as head, has had enough."""

    def on_broken_pipe(self) -> None:
        """Send what follows nowhere: a training has more to do than to print."""
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def output() -> Console:
    """Return the console for results."""
    return PatientConsole(highlight=False, soft_wrap=True)


def progress() -> Console:
    """Return the console for progress and errors: standard error, so that results can be piped."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def print_json(document: object) -> None:
    """Print one JSON document to standard output."""
    # In ASCII, which every terminal and every pipe can carry.
    json.dump(document, sys.stdout, indent=1, allow_nan=False)
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
            raise _ending(error.number, str(error)) from None
        except KeyboardInterrupt:
            progress().print("stopped before anything was written")
            raise typer.Exit(INTERRUPTED) from None
        except OSError as error:
            place = f" ({error.filename})" if error.filename else ""
            message = f"the system says: {error.strerror}{place}"
            raise _ending(RunDirectoryError.number, message) from None

    return wrapped


def _ending(number: int, message: str) -> typer.Exit:
    """Print an error, and return what ends the command with its number."""
    progress().print(f"[bold red]error {number}[/]: {escape(message)}")
    progress().print(f"[dim]fedmf error {number} says more[/]")
    return typer.Exit(number)


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
