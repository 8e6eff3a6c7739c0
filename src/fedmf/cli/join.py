"""``fedmf join``: has a silo take part in a federation of organisations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fedmf.cli.console import ends_in_order, resumable, say
from fedmf.cli.options import SiloFolder
from fedmf.errors import FedmfError
from fedmf.federation.flower import require_flower
from fedmf.federation.silos import Silo
from fedmf.federation.silos.resident import serve


def join(
    folder: SiloFolder,
    address: Annotated[
        str | None,
        typer.Option(
            "--server",
            metavar="HOST:PORT",
            help="Where the server listens.",
            show_default="serve a Flower SuperNode on this machine",
        ),
    ] = None,
) -> None:
    """Take part in a federation, with the ratings and keys of one organisation.

    Connects out to the server, and listens nowhere; then answers its requests until Ctrl-C. The
    server can send no code. A server that goes away is waited for.
    """
    if address is None:
        _serve_supernode(folder)
        return
    require_flower()
    # Not before flwr is known to be there.
    from fedmf.federation.flower.events import Events
    from fedmf.federation.flower.folders import SiloFolder
    from fedmf.federation.flower.join import join as connect

    files = SiloFolder(folder)
    events = Events(files.events if files.path.is_dir() else None, say)

    def tell(error: FedmfError) -> None:
        events.record("trouble", f"error {error.number}: {error}", error=error.number)

    def note(waits: str) -> None:
        events.record("waits", f"this silo: {waits}")

    silo = Silo.open(folder, tell=tell, note=note)
    try:
        with resumable(f"fedmf join {folder} --server {address}"), ends_in_order():
            connect(folder, address, silo.respond, events)
    finally:
        silo.close()


def _serve_supernode(folder: Path) -> None:
    silo = Silo.open(
        folder,
        tell=lambda error: say(f"error {error.number}: {error}"),
        note=lambda waits: say(f"this silo: {waits}"),
    )
    try:
        with resumable(f"fedmf join {folder}"), ends_in_order():
            serve(silo, folder)
    finally:
        silo.close()
