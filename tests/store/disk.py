"""A disk on which a process dies after a write of choice, or that is full."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import TypeVar

import pytest

Result = TypeVar("Result")


class Kill(BaseException):
    """What a power failure, or a signal, does to a process."""


class Disk:
    """Counts what is made durable, and has the process die right after one of these writes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._fsync = os.fsync
        self._writes = self._fatal = 0
        self._is_anothers = self._is_full = False
        monkeypatch.setattr(os, "fsync", self._make_durable)

    def outlive(self, attempt: Callable[[], Result], died: Callable[[], None]) -> Result:
        """Attempt something until it is lived through, each time for one write longer.

        So that a kill hits every write, unless what is attempted goes on where it was.
        """
        for fatal in count(1):
            with self.dying(fatal):
                try:
                    return attempt()
                except Kill:
                    died()
        raise AssertionError("it never lives")

    @contextmanager
    def dying(self, fatal: int) -> Iterator[None]:
        """The process dies right after the write of this number, from 1."""
        self._writes, self._fatal = 0, fatal
        try:
            yield
        finally:
            self._fatal = 0

    @contextmanager
    def of_another(self, *, is_anothers: bool = True) -> Iterator[None]:
        """What is written meanwhile does not count: it is of another process, which lives on."""
        before, self._is_anothers = self._is_anothers, is_anothers
        try:
            yield
        finally:
            self._is_anothers = before

    def here(self, function: Callable[..., Result]) -> Callable[..., Result]:
        """Return the function such that what it writes counts for every caller."""

        def counted(*arguments: object, **options: object) -> Result:
            with self.of_another(is_anothers=False):
                return function(*arguments, **options)

        return counted

    @contextmanager
    def full(self) -> Iterator[None]:
        """Nothing can be written meanwhile."""
        self._is_full = True
        try:
            yield
        finally:
            self._is_full = False

    def _make_durable(self, descriptor: int) -> None:
        if self._is_full:
            raise OSError(28, "No space left on device")
        self._fsync(descriptor)
        if not self._is_anothers:
            self._writes += 1
            if self._writes == self._fatal:
                raise Kill
