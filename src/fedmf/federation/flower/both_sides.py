"""What a server does, and what a silo does, from the first step to the last."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import httpx

from fedmf.errors import TransportError
from fedmf.federation.flower.admitted import admitted_silos, check_certificate
from fedmf.federation.flower.answering import answer
from fedmf.federation.flower.control import admit_nodes, run_of_its_own
from fedmf.federation.flower.events import Events
from fedmf.federation.flower.folders import ServerFolder, SiloFolder
from fedmf.federation.flower.node import AGAIN, SiloNode
from fedmf.federation.flower.processes import superlink
from fedmf.federation.flower.reaching import check_server
from fedmf.federation.flower.transport import GridTransport


def serve(
    folder: Path,
    conduct: Callable[[GridTransport], None],
    events: Events,
    *,
    host: str,
    port: int,
) -> None:
    """Run a SuperLink, admit the silos, and conduct a federation over it.

    Parameters
    ----------
    folder
        The server's folder.
    conduct
        Runs the rounds over the transport.
    events
        Where to tell what happens.
    host, port
        Where silos come in.

    Raises
    ------
    SettingsError, KeyMaterialError
        Certificates or keys are missing or cannot be used.
    TransportError
        The SuperLink cannot be started, or is gone.
    """
    files = ServerFolder(folder)
    check_certificate(files)
    silos = admitted_silos(files)
    with superlink(files, host, port, events) as running:
        try:
            admit_nodes(running, silos)
            running.open_door()
            with run_of_its_own(running) as grid:
                events.record(
                    "listening",
                    f"silos come in at {host}:{port}; admitted: {', '.join(map(str, silos))}",
                    port=port,
                    silos=len(silos),
                )
                conduct(GridTransport(grid, silos, events))
        except httpx.HTTPError as error:
            raise TransportError(
                f"the SuperLink does not answer ({error}); start the server again, and it goes on "
                "where it was"
            ) from error
    events.record("ended", "the federation is done; the SuperLink has ended")


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
