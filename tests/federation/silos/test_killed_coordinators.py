"""A coordinator that is killed at any moment goes on, and comes to the same table."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fedmf.errors import MessageError, ProtocolError, RunDirectoryError, SettingsError
from fedmf.federation.silos import Coordinator
from tests.federation.silos.town import SILOS, Town
from tests.store.disk import Disk, Kill


def crashing_exchange(at: int, *, after: int) -> Callable[[int, int], str]:
    """Return a fate in which the coordinator dies when this many replies have come."""
    seen = 0

    def fate(exchange: int, silo: int) -> str:
        nonlocal seen
        del silo
        if exchange == at:
            if seen == after:
                raise Kill
            seen += 1
        return "ok"

    return fate


@pytest.mark.parametrize("after", [0, 2, 3])
@pytest.mark.parametrize("at", range(11))
def test_killed_in_any_exchange_of_a_committee(tmp_path: Path, at: int, after: int) -> None:
    """After 0, 2 and 3 of 4 replies; members that have answered do not answer otherwise."""
    town = Town(tmp_path)
    with pytest.raises(Kill):
        town.run(crashing_exchange(at, after=after))
    entries = town.run()
    assert town.tables() == {town.local_table()}
    assert not any(entry.void for entry in entries)


@pytest.mark.parametrize("at", range(4))
def test_killed_in_any_exchange_without_a_committee(tmp_path: Path, at: int) -> None:
    """Silos repeat the upload that they made: none is ever protected twice in a round."""
    town = Town(tmp_path, protection="rlwe")
    with pytest.raises(Kill):
        town.run(crashing_exchange(at, after=3))
    town.run(lambda exchange, silo: "gone" if (exchange, silo) == (at + 1, 2) and at < 3 else "ok")
    assert town.tables() == {town.local_table({at + 1: {2}} if at < 3 else None)}


@pytest.mark.parametrize("protection", ["committee", "rlwe"])
def test_killed_at_any_write(
    tmp_path: Path, protection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What nobody may hear of before it is on disk is not heard of; the rest is done again."""
    town = Town(tmp_path, protection=protection, rounds=1)
    disk, deaths = Disk(monkeypatch), []
    exchange = town.transport.exchange

    def in_another_process(requests: Any, *, seconds: float) -> Any:
        replies = exchange(requests, seconds=seconds)
        while True:
            with disk.of_another():
                one = next(replies, None)
            if one is None:
                return
            yield one

    monkeypatch.setattr(town.transport, "exchange", in_another_process)
    disk.outlive(town.run, lambda: deaths.append(1))
    assert len(deaths) > 10
    assert town.tables() == {town.local_table()}
    lines = (town.coordinator_folder / "rounds.jsonl").read_text().splitlines()
    assert [f'"round": {k}' in line for k, line in enumerate(lines, 1)] == [True, True]


def test_an_end_that_not_all_heard_is_told_again(tmp_path: Path) -> None:
    town = Town(tmp_path, protection="rlwe")
    with pytest.raises(ProtocolError, match=r"1 silos have not written their models.*silo 2"):
        town.run(lambda exchange, silo: "gone" if exchange >= 3 and silo == 2 else "ok")
    assert town.run() == []
    assert all((town.folder(silo) / "model" / "model.json").exists() for silo in range(SILOS))


def test_a_folder_put_back_in_time_is_found_out(tmp_path: Path) -> None:
    town = Town(tmp_path, protection="rlwe")
    town.run()
    shutil.rmtree(town.coordinator_folder / "checkpoints")
    with pytest.raises(ProtocolError, match="put back in time"):
        town.run()


def test_silos_that_are_too_few_stop_a_round_that_goes_on_later(tmp_path: Path) -> None:
    town = Town(tmp_path, protection="none")
    with pytest.raises(ProtocolError, match=r"round 2 has 2 uploads, and it takes 3 .*silo 0: no"):
        town.run(lambda exchange, silo: "gone" if exchange >= 1 and silo < 2 else "ok")
    town.run()
    assert town.tables() == {town.local_table()}


def test_a_coordinators_folder_that_is_not_one(tmp_path: Path) -> None:
    town = Town(tmp_path / "town")
    with pytest.raises(SettingsError, match="no coordinator's folder"):
        Coordinator.open(tmp_path / "nothing", town.transport)
    folder = town.coordinator_folder
    running = Coordinator.open(folder, town.transport)
    with pytest.raises(RunDirectoryError, match="another process coordinates"):
        Coordinator.open(folder, town.transport)
    running.close()
    other = Town(tmp_path / "other")
    (folder / "charter.json").write_bytes((other.coordinator_folder / "charter.json").read_bytes())
    with pytest.raises(SettingsError, match="another session than the federation file"):
        Coordinator.open(folder, town.transport)
    (folder / "federation.json").unlink()
    with pytest.raises(MessageError, match="cannot read the federation file"):
        Coordinator.open(folder, town.transport)
