"""A silo's connection to a server that sends what it should not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("flwr", reason="Flower is an extra")

from google.protobuf.message import DecodeError

from fedmf.federation.flower import node
from fedmf.federation.flower.certificates import make_node_key, make_server_certificate
from fedmf.federation.flower.events import Events
from fedmf.federation.flower.folders import SiloFolder
from fedmf.federation.flower.node import SiloNode


class OddServer:
    """Answers for a server: what it is told to send comes first, then nothing more.

    Parameters
    ----------
    sends
        Errors that reading its messages ends with, or messages.
    """

    def __init__(self, sends: list[Any]) -> None:
        self.sends = sends
        self.asked = 0

    def ActivateNode(self, request: Any) -> Any:  # noqa: N802 - Flower's name
        del request
        return SimpleNamespace(node_id=7)

    def PullMessages(self, request: Any) -> Any:  # noqa: N802 - Flower's name
        del request
        self.asked += 1
        if not self.sends:
            return SimpleNamespace(messages_list=[])
        sent = self.sends.pop(0)
        if isinstance(sent, Exception):
            raise sent
        return sent

    def SendNodeHeartbeat(self, request: Any) -> None:  # noqa: N802 - Flower's name
        del request

    def DeactivateNode(self, request: Any) -> None:  # noqa: N802 - Flower's name
        del request

    def close(self) -> None:
        """Nothing is open."""


# A head that names a run, and no tree of pieces.
HEADLESS = SimpleNamespace(
    messages_list=[SimpleNamespace(metadata=SimpleNamespace(run_id=1))], message_object_trees=[]
)


@pytest.mark.parametrize("sent", [DecodeError("not\nof ours"), HEADLESS], ids=["bytes", "message"])
def test_what_cannot_be_read_is_one_line_and_the_silo_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: Any
) -> None:
    server = OddServer([sent])
    monkeypatch.setattr(node, "_fleet_client", lambda *_: server)
    monkeypatch.setattr(node, "AGAIN", 0.0)
    monkeypatch.setattr(node, "POLL", 0.0)
    own = make_node_key(tmp_path / "silo")
    shutil.copy(make_server_certificate(tmp_path, ["localhost"]).authority, own.authority)
    said: list[str] = []
    files = SiloFolder(tmp_path / "silo")
    silo = SiloNode(files, "localhost:1", Events(files.events, said.append))
    silo.run(lambda record: record, until=lambda: server.asked >= 3)
    assert server.asked == 3
    assert len(said) == 2
    assert said[1].startswith("the server at localhost:1 sent something that cannot be read (")
    assert "\n" not in said[1]
    events = [json.loads(line)["event"] for line in files.events.read_text("utf-8").splitlines()]
    assert events == ["connected", "malformed"]
