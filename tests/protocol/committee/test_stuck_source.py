"""Where the operating system repeats itself, other changes still get other keys."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from fedmf.crypto.secret_material import KeyRandomness
from fedmf.protocol import RowChange
from tests.protocol.committee.world import World, no_change

ROW = np.arange(1, 6, dtype=np.int64)[np.newaxis]


def changed(rows: Sequence[int], values: np.ndarray) -> list[RowChange]:
    return [RowChange(np.array(rows), values), *no_change()[1:]]


def nonces(changes: Sequence[Sequence[RowChange]], monkeypatch: pytest.MonkeyPatch) -> set[bytes]:
    """Return the nonces that the first upload of one and the same device gets for each change."""
    world = World()
    world.hand_out()
    world.begin_round(range(5))
    monkeypatch.setattr("os.urandom", bytes)
    found = set()
    for change in changes:
        protection = world.protections[0]
        protection._randomness = KeyRandomness(b"device" * 8)
        found.add(protection.protect(change, round_number=1, participant=0).nonce)
    return found


def test_one_change_under_one_device_key_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    # Without this the test below would not test the hedge.
    assert len(nonces([changed([2], ROW)] * 2, monkeypatch)) == 1


def test_changes_that_differ_anywhere_get_other_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    changes = [
        no_change(),
        changed([2], ROW),
        changed([3], ROW),
        changed([2], ROW[:, ::-1]),
        changed([2, 3], np.concatenate([ROW, ROW])),
        changed([2, 4], np.concatenate([ROW, ROW])),
        [no_change()[0], RowChange(np.array([2]), np.array([[1, 2]]))],
    ]
    assert len(nonces(changes, monkeypatch)) == len(changes)
