"""What a server does, from the first step to the last."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx

from fedmf.errors import TransportError
from fedmf.federation.flower.certificates import admitted_silos, check_certificate
from fedmf.federation.flower.control import admit_nodes, run_of_its_own
from fedmf.federation.flower.events import Events
from fedmf.federation.flower.folders import ServerFolder
from fedmf.federation.flower.processes import superlink
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
