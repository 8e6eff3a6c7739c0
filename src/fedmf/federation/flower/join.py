"""What a silo does to take part, from the first step to the last."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from fedmf.federation.flower.certificates import check_server
from fedmf.federation.flower.events import Events
from fedmf.federation.flower.folders import SiloFolder
from fedmf.federation.flower.node import AGAIN, SiloNode
from fedmf.federation.flower.records import answer


def join(
    folder: Path,
    server: str,
    respond: Callable[[bytes], bytes],
    events: Events,
    *,
    until: Callable[[], bool] = lambda: False,
) -> None:
    """Connect a silo to a server, and answer until told to stop.

    Parameters
    ----------
    folder
        The silo's folder.
    server
        As host:port.
    respond
        The silo's answer to the bytes of a request.
    events
        Where to tell what happens.
    until
        Asked between requests; True ends it.

    Raises
    ------
    TransportError
        The server is not the one that the silo was told of, or does not admit the silo.
    SettingsError, KeyMaterialError
        Certificates or keys are missing or cannot be used.
    """
    files = SiloFolder(folder)
    node = SiloNode(files, server, events)
    sentence = f"nobody answers at {server}; trying again until somebody does"
    while not check_server(server, files.authority):
        if until():
            return
        events.record("unreachable", sentence)
        sentence = ""
        time.sleep(AGAIN)
    node.run(lambda record: answer(record, respond, events), until=until)
