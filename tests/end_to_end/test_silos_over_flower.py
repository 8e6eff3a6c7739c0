"""Four silos over Flower, killed and started anew: the table is that of the same history."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("flwr", reason="Flower is an extra")

from fedmf.federation.flower.certificates import make_node_key, make_server_certificate
from fedmf.federation.silos import CoordinatorSettings
from tests.federation.flower.organisations import (
    IMPORTING,
    LAST_RESORT,
    free_port,
    superlink_of,
    wait_for,
    wait_for_all_but,
)
from tests.federation.silos.town import SILOS, Town


class TownOverFlower:
    """A town whose coordinator and silos are processes of the command line."""

    def __init__(self, path: Path) -> None:
        self.town = Town(path, rounds=4)
        self.port = free_port()
        self.started: list[subprocess.Popen[bytes]] = []
        server = make_server_certificate(self.town.coordinator_folder, ["localhost"])
        server.silos.mkdir()
        for silo in range(SILOS):
            own = make_node_key(self.town.folder(silo))
            shutil.copy(server.authority, own.authority)
            shutil.copy(own.node_public_key, server.silos / f"{silo}.pub")
        self.away_file = path / "away.txt"
        self.away()

    def away(self, *silos: int) -> None:
        """Say which silos the server need not wait for; it asks once only while there are any."""
        self.away_file.write_text(" ".join(map(str, silos)))
        settings = CoordinatorSettings(patience=1 if silos else 6)
        settings.write(self.town.coordinator_folder)

    def start(self, *command: str, before: str = "") -> subprocess.Popen[bytes]:
        code = f"{before}from fedmf.cli.start import main; main()"
        with (self.town.path / "said.txt").open("ab") as said:
            process = subprocess.Popen(  # noqa: S603 - our own command line
                [sys.executable, "-c", code, *command], stdout=said, stderr=said
            )
        self.started.append(process)
        return process

    def server(self) -> subprocess.Popen[bytes]:
        return self.start(
            "server",
            str(self.town.coordinator_folder),
            "--port",
            str(self.port),
            before=f"{IMPORTING} from pathlib import Path; "
            f"from {wait_for_all_but.__module__} import wait_for_all_but; "
            f"wait_for_all_but(Path({str(self.away_file)!r})); ",
        )

    def join(self, silo: int) -> subprocess.Popen[bytes]:
        return self.start("join", str(self.town.folder(silo)), "--server", f"localhost:{self.port}")

    def rounds(self) -> list[dict[str, Any]]:
        path = self.town.coordinator_folder / "rounds.jsonl"
        if not path.exists():
            return []
        # The last line may be half written.
        lines = path.read_text("utf-8").split("\n")[:-1]
        return [json.loads(line) for line in lines]

    def wait_until(self, what: Callable[[], bool]) -> None:
        wait_for(what, self.said)

    def said(self) -> str:
        return (self.town.path / "said.txt").read_text("utf-8")

    def stop(self) -> None:
        for process in self.started:
            if process.poll() is None:
                process.terminate()
        for process in self.started:
            process.wait(LAST_RESORT)


@pytest.fixture
def town(tmp_path: Path) -> Iterator[TownOverFlower]:
    made = TownOverFlower(tmp_path)
    yield made
    made.stop()


def test_after_kills_and_with_too_few_members_the_table_is_that_of_its_history(
    town: TownOverFlower,
) -> None:
    silos = [town.join(silo) for silo in range(SILOS)]
    server = town.server()
    town.wait_until(lambda: len(town.rounds()) >= 1)
    silos[3].kill()
    silos[3].wait()
    silos[3] = town.join(3)
    town.wait_until(lambda: len(town.rounds()) >= 3)
    os.kill(superlink_of(server), signal.SIGKILL)
    assert server.wait(LAST_RESORT) == 51, town.said()
    # Two members are left, where three have to answer: what is under way waits for the others.
    for silo in (2, 3):
        silos[silo].kill()
        silos[silo].wait()
    town.away(2, 3)
    assert town.server().wait(LAST_RESORT) == 33, town.said()
    assert "2 of the 3 members that have to sign are there" in town.said()
    town.away()
    for silo in (2, 3):
        silos[silo] = town.join(silo)
    assert town.server().wait(LAST_RESORT) == 0, town.said()
    town.stop()
    counted = [one for one in town.rounds() if not one["void"]]
    assert len(counted) == 5
    dropped = {
        k + 1: set(range(SILOS)) - set(one["included"])
        for k, one in enumerate(counted)
        if len(one["included"]) < SILOS
    }
    assert town.town.tables() == {town.town.local_table(dropped)}
    assert "Traceback" not in town.said()
