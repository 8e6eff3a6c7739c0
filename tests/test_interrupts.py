"""Signals that wait while a block runs."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import numpy as np
import pytest

from fedmf.errors import OpenError
from fedmf.interrupts import HeldInterrupts
from fedmf.store.atomic import remove_folder

pytestmark = pytest.mark.usefixtures("interrupts_of_a_terminal")


def handlers() -> list[object]:
    return [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]


def test_ctrl_c_waits_for_the_end_of_the_block_however_often_it_comes() -> None:
    before, done = handlers(), []

    def work() -> None:
        with HeldInterrupts():
            for step in range(3):
                signal.raise_signal(signal.SIGINT)
                done.append(step)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == [0, 1, 2]
    assert handlers() == before


def test_it_comes_before_what_went_wrong_in_the_block() -> None:
    def fail() -> None:
        with HeldInterrupts():
            signal.raise_signal(signal.SIGINT)
            raise OpenError

    with pytest.raises(KeyboardInterrupt):
        fail()


def test_blocks_within_a_block_wait_for_it() -> None:
    done = []

    def work() -> None:
        with HeldInterrupts():
            with HeldInterrupts():
                signal.raise_signal(signal.SIGINT)
            done.append("the outer one goes on")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done


def test_another_handler_is_called_with_what_came() -> None:
    came = []

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)
        assert frame is not None

    signal.signal(signal.SIGINT, note)
    before = signal.signal(signal.SIGTERM, note)
    try:
        with HeldInterrupts():
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGINT)
            assert came == []
        assert came == [signal.SIGTERM, signal.SIGINT]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_who_ignores_a_signal_goes_on_ignoring_it() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with HeldInterrupts():
        assert handlers() == [signal.SIG_IGN, signal.SIG_DFL]
        signal.raise_signal(signal.SIGINT)


def test_outside_of_the_main_thread_nothing_is_done() -> None:
    found = []

    def look() -> None:
        with HeldInterrupts():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [signal.default_int_handler]


def test_a_signal_at_any_moment_is_neither_lost_nor_held_for_good() -> None:
    """Also between the steps of entering and leaving; the next one finds things as ever."""

    def interrupted() -> bool:
        give_up = time.monotonic() + 10
        try:
            signal.setitimer(signal.ITIMER_REAL, delay)
            while time.monotonic() < give_up:
                with HeldInterrupts():
                    pass
        except KeyboardInterrupt:
            return True
        return False

    before = signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    luck = np.random.default_rng(0)
    try:
        for _ in range(500):
            delay = luck.uniform(1e-6, 2e-4)
            assert interrupted()
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("remove", [shutil.rmtree, remove_folder])
def test_ctrl_c_while_a_folder_is_removed_is_no_error_of_the_disk(
    remove: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python 3.11 closes a descriptor twice where Ctrl-C comes right after its closing."""
    (tmp_path / "folder" / "within").mkdir(parents=True)
    close, interrupts = os.close, iter([signal.SIGINT])

    def closing(descriptor: int) -> None:
        close(descriptor)
        for number in interrupts:
            signal.raise_signal(number)

    monkeypatch.setattr(os, "close", closing)
    with pytest.raises(KeyboardInterrupt if remove is remove_folder else BaseException):
        remove(tmp_path / "folder")
    assert (tmp_path / "folder").exists() is (remove is shutil.rmtree)
