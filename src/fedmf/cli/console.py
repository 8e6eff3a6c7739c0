"""How every command prints its answer, and how an error or a signal ends it."""

from __future__ import annotations

import functools
import json
import os
import signal
import sys
import textwrap
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

import typer
from rich.console import Console, RenderableType
from rich.text import Text

from fedmf.errors import FedmfError, RunDirectoryError
from fedmf.interrupts import INTERRUPTED, may_be_interrupted

LONGEST = 100
"""Columns of a line of prose on a terminal that has more."""


class PatientConsole(Console):
    """A console that is silent from the moment its reader, such as head, has had enough."""

    def on_broken_pipe(self) -> None:
        """Send what follows nowhere: a training has more to do than to print."""
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def output() -> Console:
    """Return the console for results."""
    return PatientConsole(highlight=False, soft_wrap=True, emoji=False)


def progress() -> Console:
    """Return the console for progress and errors: standard error, so that results can be piped."""
    return Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)


def print_lines(console: Console, lines: Iterable[RenderableType]) -> None:
    """Print lines and tables so that they fit the terminal.

    A plain line is printed as it is, even with brackets in its names. It is broken between words,
    and goes on a little farther in; commands to copy stay whole.
    """
    for line in lines:
        if isinstance(line, str):
            for one in line.split("\n"):
                words = one.lstrip()
                indent = one[: len(one) - len(words)]
                is_command = words.startswith("fedmf ")
                text = one if is_command else _wrapped(words, console, indent, f"{indent}  ")
                console.print(text, markup=False)
        elif isinstance(line, Text):
            # A space becomes a line end, so that styles stay at their places.
            console.print(Text(_wrapped(line.plain, console), spans=line.spans, style=line.style))
        else:
            console.print(line)


def _wrapped(words: str, console: Console, first: str = "", others: str = "") -> str:
    return textwrap.fill(
        words,
        min(console.width, LONGEST),
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )


def say(sentence: str) -> None:
    """Print a sentence about what goes on."""
    print_lines(progress(), [sentence])


def print_answer(document: object, lines: Iterable[RenderableType], *, as_json: bool) -> None:
    """Print what a command found to standard output.

    Parameters
    ----------
    document
        JSON values, for programs; the keys are a contract.
    lines
        The same for people, as `print_lines` takes it; a generator does not run for nothing.
    as_json
        Which of the two.
    """
    if as_json:
        # In ASCII, which every terminal and every pipe can carry.
        json.dump(document, sys.stdout, indent=1, allow_nan=False)
        sys.stdout.write("\n")
    else:
        print_lines(output(), lines)


def commands(
    help_text: str, *members: Callable[..., None], completion: bool = False
) -> typer.Typer:
    """Return commands that share a first word; an error of each becomes its exit status."""
    group = typer.Typer(
        help=help_text,
        no_args_is_help=True,
        add_completion=completion,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
        # A traceback that shows local variables would show secrets.
        pretty_exceptions_enable=False,
    )
    for command in members:
        group.command()(_ends_with_error_number(command))
    return group


def _ends_with_error_number(command: Callable[..., None]) -> Callable[..., None]:
    """Wrap a command: an error becomes one sentence on standard error and its exit status."""

    @functools.wraps(command)
    def wrapped(**options: object) -> None:
        warnings.showwarning = _show_warning
        try:
            with may_be_interrupted():
                command(**options)
        except FedmfError as error:
            raise _ending(error.number, str(error)) from None
        except KeyboardInterrupt:
            say("stopped before anything was written")
            raise typer.Exit(INTERRUPTED) from None
        except OSError as error:
            place = f" ({error.filename})" if error.filename else ""
            message = f"the system says: {error.strerror}{place}"
            raise _ending(RunDirectoryError.number, message) from None

    return wrapped


def _ending(number: int, message: str) -> typer.Exit:
    """Print an error, and return what ends the command with its number."""
    first, *others = message.split("\n")
    said = Text.assemble((f"error {number}", "bold red"), f": {first}")
    more = Text(f"fedmf error {number} says more", style="dim")
    print_lines(progress(), [said, *others, more])
    return typer.Exit(number)


@dataclass(slots=True)
class GoingOn:
    """How to go on with what Ctrl-C stops."""

    command: str
    """Empty until something was written."""


@contextmanager
def resumable(command: str = "") -> Iterator[GoingOn]:
    """Have Ctrl-C within a ``with`` block end the program, and say what goes on from there."""
    going_on = GoingOn(command)
    try:
        yield going_on
    except KeyboardInterrupt:
        if not going_on.command:
            raise
        say(f"stopped; go on with:\n  {going_on.command}")
        raise typer.Exit(INTERRUPTED) from None


@contextmanager
def ends_in_order() -> Iterator[None]:
    """Treat SIGTERM, which service managers send, as Ctrl-C, so that connections are closed."""
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: object = None,
    line: str | None = None,
) -> None:
    del category, filename, lineno, file, line
    print_lines(progress(), [Text.assemble(("warning", "yellow"), f": {message}")])
