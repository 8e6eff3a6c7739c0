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
            progress().print(f"[bold red]error {error.number}[/]: {escape(str(error))}")
            progress().print(f"[dim]see docs/errors/{error.number}.md[/]")
            raise typer.Exit(error.number) from None
        except KeyboardInterrupt:
            progress().print("stopped before anything was written")
            raise typer.Exit(INTERRUPTED) from None
        except OSError as error:
            place = f" ({error.filename})" if error.filename else ""
            progress().print(
                f"[bold red]error 40[/]: the system says: {escape(f'{error.strerror}{place}')}"
            )
            progress().print("[dim]see docs/errors/40.md[/]")
            raise typer.Exit(RunDirectoryError.number) from None

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
