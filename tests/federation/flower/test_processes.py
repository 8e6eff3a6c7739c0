"""Messages between real processes, over TLS, with keys; and what can go wrong on the way."""

from __future__ import annotations

import os
import shutil
import signal
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("flwr", reason="Flower is an extra")

from fedmf.federation.flower.certificates import make_node_key, make_server_certificate
from tests.federation.flower.organisations import Organisations, superlink_of

ALL = [0, 1, 2]


@contextmanager
def ended(them: Organisations) -> Iterator[Organisations]:
    """End what was started there."""
    try:
        yield them
    finally:
        them.close()
        for process in them.processes:
            if process.stdout is not None:
                process.stdout.close()


@pytest.fixture
def organisations(tmp_path: Path) -> Iterator[Organisations]:
    with ended(Organisations(tmp_path)) as them:
        yield them


@pytest.fixture(scope="module")
def listening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Organisations]:
    """Return organisations whose server waits for a silo that never comes."""
    with ended(Organisations(tmp_path_factory.mktemp("listening"))) as them:
        them.serve([step([0])])
        them.wait_until("server", "listening")
        yield them


def step(silos: list[int], size: int = 100, over: str = "") -> dict[str, object]:
    return {"silos": silos, "bytes": size, "over": over}


def test_three_silos_answer_small_and_large_messages(organisations: Organisations) -> None:
    silos = [organisations.join(silo) for silo in ALL]
    server = organisations.serve([step(ALL), step(ALL, size=6_000_000), step([1], size=0)])
    status, said = organisations.end(server)
    assert status == 0, said
    exchanged = organisations.events("server", "exchanged")
    assert [one["right"] for one in exchanged] == [ALL, ALL, [1]]
    for silo in silos:
        silo.terminate()
        assert organisations.end(silo)[0] == 130


def test_a_silo_killed_over_a_request_answers_it_when_it_is_back(
    organisations: Organisations,
) -> None:
    doomed = organisations.join(1, until="it is killed")
    others = [organisations.join(silo) for silo in (0, 2)]
    server = organisations.serve([step(ALL), step(ALL)])
    organisations.wait_until("silo-1", "asked")
    doomed.kill()
    others.append(organisations.join(1))
    status, said = organisations.end(server)
    assert status == 0, said
    assert [one["right"] for one in organisations.events("server", "exchanged")] == [ALL, ALL]
    # The same request, once before the kill and once after it, and then the next one.
    assert len(organisations.events("silo-1", "asked")) == 3


def test_a_late_silo_is_missing_and_its_late_answer_harms_nothing(
    organisations: Organisations,
) -> None:
    for silo in ALL:
        organisations.join(silo, until="too late" if silo == 2 else "")
    server = organisations.serve([step([0, 1]), step(ALL, over="over"), step(ALL)])
    organisations.wait_until("silo-2", "asked")
    organisations.wait_until("server", "answered", count=4)
    organisations.say("over")
    organisations.wait_until("server", "silent")
    organisations.say("too late")
    status, said = organisations.end(server)
    assert status == 0, said
    exchanged = organisations.events("server", "exchanged")
    assert [one["right"] for one in exchanged] == [[0, 1], [0, 1], ALL]
    assert [one["silo"] for one in organisations.events("server", "silent")] == [2]


def test_a_killed_superlink_ends_the_server_and_silos_find_the_next_one(
    organisations: Organisations,
) -> None:
    for silo in ALL:
        organisations.join(silo)
    server = organisations.serve([step(ALL), step([9])])
    organisations.wait_until("server", "exchanged")
    os.kill(superlink_of(server), signal.SIGKILL)
    status, said = organisations.end(server)
    assert status == 51
    assert "start the server again" in said
    again = organisations.serve([step(ALL)])
    assert organisations.end(again)[0] == 0
    assert [one["right"] for one in organisations.events("server", "exchanged")] == [ALL, ALL]


def test_a_killed_server_takes_its_superlink_with_it(organisations: Organisations) -> None:
    server = organisations.serve([step(ALL)])
    organisations.wait_until("server", "listening")
    server.kill()
    server.wait()
    # Else the port would be taken.
    organisations.join(0)
    again = organisations.serve([step([0])])
    status, said = organisations.end(again)
    assert status == 0, said


def test_a_silo_leaves_a_server_with_another_certificate_alone(listening: Organisations) -> None:
    other = make_server_certificate(listening.folder / "another-server", ["localhost"])
    shutil.copy(other.authority, listening.silo(0) / "flower" / "authority.pem")
    status, said = listening.end(listening.join(0))
    assert status == 51
    assert f"localhost:{listening.port} is not the server that" in said
    assert not listening.events("silo-0", "connected")


def test_a_silo_with_a_key_that_nobody_registered_is_not_admitted(
    listening: Organisations,
) -> None:
    own = make_node_key(listening.folder / "stranger")
    shutil.copy(listening.folder / "server" / "flower" / "authority.pem", own.authority)
    stranger = listening._play("join", "stranger", f"localhost:{listening.port}", "")
    status, said = listening.end(stranger)
    assert status == 51
    assert "does not admit this silo" in said


def test_a_taken_port_is_told(listening: Organisations) -> None:
    status, said = listening.end(listening.serve([step([0])]))
    assert status == 51
    assert f"cannot listen on 127.0.0.1:{listening.port}" in said


def test_the_door_for_silos_leads_nowhere_else(listening: Organisations) -> None:
    trusting = ssl.create_default_context(
        cafile=listening.folder / "server" / "flower" / "authority.pem"
    )

    def status(path: str) -> int:
        url = f"https://localhost:{listening.port}{path}"
        request = urllib.request.Request(url, data=b"")
        try:
            with urllib.request.urlopen(request, context=trusting) as response:  # noqa: S310
                return int(response.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    # What commands the operator, what takes on runs, and what describes them all.
    for path in ("/v1/control/start-run", "/v1/runtime/acquire-task", "/docs", "/health"):
        assert status(path) == 404
    for path in ("/v1/fleet/../control/start-run", "/v1/fleet/%2e%2e/control/start-run"):
        assert status(path) in (404, 405)
    # The door itself is there: it asks for another kind of message.
    assert status("/v1/fleet/pull-messages") not in (404, 200)
