"""Ctrl-C at any moment of a training: it goes on to the same table, and nobody is left out.

`cryptography` turns an interrupt inside it into an error of its own. So does `interrupt_opening`
here, at any envelope that one likes; and a clock interrupts trainings at moments that a seed
chooses.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest

from fedmf import FederatedRecommender
from fedmf.crypto.derivation import MasterSecret
from fedmf.crypto.envelopes import DOES_NOT_OPEN, EnvelopeKey
from fedmf.errors import FedmfError, OpenError
from fedmf.federation import DataChoice, RunDirectory, TrainingPlan, TrainingSettings, train_locally
from fedmf.interrupts import HeldInterrupts
from fedmf.protocol.committee.sums import LyingMemberWarning

DATA = DataChoice("movielens-small", users=6, items=8)
_, TRAINING, HELDOUT = DATA.load()
SETTINGS: dict[str, Any] = {"factors": 1, "rounds": 2}
KEY = MasterSecret(bytes(range(32)))
pytestmark = pytest.mark.usefixtures("interrupts_of_a_terminal")


def fitted() -> str:
    result = FederatedRecommender(**SETTINGS, workers=1).fit(TRAINING).result
    assert result is not None
    return result.table_sha256


@pytest.fixture(scope="module")
def whole() -> str:
    return fitted()


def interrupt_opening(at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupt the opening of an envelope, whose library takes that for a bad envelope."""
    opened, left = EnvelopeKey.open, at

    def opening(key: EnvelopeKey, envelope: bytes, label: str, *context: bytes) -> bytes:
        nonlocal left
        left -= 1
        if left == 0:
            try:
                signal.raise_signal(signal.SIGINT)
            except KeyboardInterrupt:
                raise OpenError(DOES_NOT_OPEN) from None
        return opened(key, envelope, label, *context)

    monkeypatch.setattr(EnvelopeKey, "open", opening)


def ends_by_itself(seconds: float, act: Callable[[], object]) -> bool:
    """Interrupt something after so many seconds; return whether it was over before."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        del number, frame
        signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, seconds)
            act()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        return False
    finally:
        signal.signal(signal.SIGALRM, before)
    return True


@pytest.mark.parametrize("at", range(1, 61))
def test_an_envelope_that_is_interrupted_is_not_taken_for_a_bad_one(
    at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt_opening(at, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        fitted()


def test_without_the_wait_it_would_be(whole: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests above and below are worth something: this is what they would see."""
    monkeypatch.setattr(HeldInterrupts, "__enter__", lambda _: None)
    ends = []
    for at in range(1, 25):
        with monkeypatch.context() as patched:
            interrupt_opening(at, patched)
            try:
                ends.append("the same table" if fitted() == whole else "another table")
            except (FedmfError, LyingMemberWarning):
                ends.append("an error")
    assert ends.count("another table") > 0, ends


def test_a_fit_that_is_interrupted_ends_or_has_the_same_table(whole: str) -> None:
    tables = []
    began = time.perf_counter()
    fitted()
    took = time.perf_counter() - began
    luck = np.random.default_rng(1)
    ended = [
        ends_by_itself(luck.uniform(0, took), lambda: tables.append(fitted())) for _ in range(100)
    ]
    assert not all(ended)
    assert set(tables) <= {whole}


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_that_is_interrupted_goes_on_to_the_same_table(tmp_path: Path, workers: int) -> None:
    """Run after run, each of which is interrupted as often as it takes to be over."""
    plan = TrainingPlan.make(TrainingSettings(**SETTINGS), TRAINING, public_key=None, measured=True)
    parts = (TRAINING, HELDOUT)

    def make() -> None:
        RunDirectory.create(folder, plan, DATA, parts, KEY)

    def train() -> None:
        run = RunDirectory.find(folder)
        result = train_locally(plan, KEY, *parts, run=run, workers=workers)
        assert [one.included for one in result.rounds] == [len(plan.members)] * 2
        tables.add(result.table_sha256)

    tables: set[str] = set()
    luck, interrupts = np.random.default_rng(workers), 0
    longest = {1: 0.3, 2: 2.0}[workers]
    while interrupts < {1: 60, 2: 4}[workers]:
        folder = tmp_path / f"run-{interrupts}"
        while not folder.exists():
            interrupts += not ends_by_itself(luck.uniform(0, 0.02), make)
        assert [path.name for path in tmp_path.iterdir() if path.name[0] == "."] == []
        while not ends_by_itself(luck.uniform(0, longest), train):
            interrupts += 1
            longest *= 1.05
    assert len(tables) == 1
