"""Ctrl-C waits while it could be taken for something else.

KeyboardInterrupt is raised wherever the main thread is, even inside a library, and a library may
turn it into an error of its own: `cryptography` then says that an envelope does not open. Taken for
a verdict on the participant that sealed it, that would leave an honest one out permanently.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it: 128 + SIGINT."""
_Handler = Callable[[int, FrameType | None], object]

_HELD = (signal.SIGINT, signal.SIGTERM)


def end_at_once() -> None:
    """Have Ctrl-C end the process without a word: there is nothing to tidy up yet.

    `may_be_interrupted` changes that while a command runs.
    """
    # A shell that starts a job in the background has it ignore Ctrl-C.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


@contextmanager
def may_be_interrupted() -> Iterator[None]:
    """Have Ctrl-C raise KeyboardInterrupt while a command runs after `end_at_once`."""
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


class HeldInterrupts:
    """Has SIGINT and SIGTERM wait while a ``with`` block runs; once it is over they take effect.

    Held are those that a Python function handles, such as the one that raises KeyboardInterrupt;
    it is called when the block ends, however it ends. In other threads than the main one, where no
    signal is handled, nothing is done.
    """

    __slots__ = ("_before", "_came", "_is_holding")

    def __init__(self) -> None:
        self._before: dict[int, _Handler] = {}
        self._came: list[tuple[int, FrameType | None]] = []
        # A signal between the steps of entering and leaving finds either the handler that was there
        # before or one that hands it on: none is ever held for good.
        self._is_holding = False

    def __enter__(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        try:
            for number in _HELD:
                handler = signal.getsignal(number)
                if callable(handler):
                    self._before[number] = handler
                    signal.signal(number, self._handle)
            self._is_holding = True
        except BaseException:
            self._restore()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._is_holding = False
            self._restore()
        except BaseException:
            self._restore()
            raise
        for number, frame in self._came:
            self._before[number](number, frame)

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._is_holding:
            self._came.append((number, frame))
        else:
            self._before[number](number, frame)
