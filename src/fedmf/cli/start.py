"""Where the program starts. Nothing of fedmf is loaded yet, which takes a while.

Until a command begins, and again once it is over, there is nothing to tidy up: Ctrl-C ends the
process at once and without a word, whatever is being loaded.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it: 128 + SIGINT."""


def main() -> None:
    """Run the command line."""
    # Whoever starts a job in the background has it ignore Ctrl-C.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)
    from fedmf.cli.app import app

    app()


@contextmanager
def may_be_interrupted() -> Iterator[None]:
    """Have Ctrl-C raise KeyboardInterrupt while a command runs that `main` started."""
    if signal.getsignal(signal.SIGINT) is not _end:
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, _end)


def _end(number: int, frame: FrameType | None) -> None:
    del number, frame
    os._exit(INTERRUPTED)
