"""A silo that stays in a process of its own answers every process that hands it a message."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from fedmf.errors import RunDirectoryError
from fedmf.federation.silos.messages import Bundle, Part
from fedmf.federation.silos.resident import SOCKET, ask, serve, stop
from tests.federation.silos.town import Town


def test_messages_come_in_through_a_socket(tmp_path: Path) -> None:
    town = Town(tmp_path, protection="none")
    folder = town.folder(0)
    with pytest.raises(RunDirectoryError, match="no process serves the silo"):
        ask(folder, b"x")
    stop(folder)
    # What a killed process left behind is in nobody's way.
    (folder / SOCKET).touch()
    silo, ready = town.transport.silo(0), threading.Event()
    thread = threading.Thread(target=serve, args=(silo, folder), kwargs={"ready": ready.set})
    thread.start()
    try:
        assert ready.wait(300)
        request = Bundle(town.federation.digest, 0, bytes(16), ()).to_bytes()
        for _ in range(2):
            reply = Bundle.from_bytes(ask(folder, request))
            assert reply.one(Part.STANDING) == bytes(8)
            assert reply.one(Part.ERROR) is None
    finally:
        stop(folder)
        thread.join(300)
    assert not thread.is_alive()
