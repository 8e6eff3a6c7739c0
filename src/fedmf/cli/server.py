"""``fedmf server``: runs the server of a federation of organisations."""

from __future__ import annotations

from typing import Annotated

import typer

from fedmf.cli.console import ends_in_order, print_answer, resumable, say
from fedmf.cli.options import Json, ServerFolder
from fedmf.federation.flower import require_flower
from fedmf.federation.silos import Coordinator, RoundEntry, SiloTransport


def server(
    folder: ServerFolder,
    host: Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port for silos.", min=1, max=65535)] = 9092,
    as_json: Json = False,
) -> None:
    """Conduct a federation of organisations that join over the network.

    Starts a Flower SuperLink with TLS that admits the silos whose keys lie in FOLDER/flower/silos,
    and runs the rounds that are left. The same command goes on after a stop or a kill.
    """
    require_flower()
    # Not before flwr is known to be there.
    from fedmf.federation.flower.events import Events
    from fedmf.federation.flower.folders import ServerFolder
    from fedmf.federation.flower.serve import serve

    files = ServerFolder(folder)
    events = Events(files.events if files.path.is_dir() else None, say)
    entries: list[RoundEntry] = []

    def after_round(entry: RoundEntry) -> None:
        entries.append(entry)
        reasons = "".join(f"; silo {silo}: {why}" for silo, why in sorted(entry.errors.items()))
        if entry.frozen:
            reasons += f"; away for too long, come back only together: {_silos(entry.frozen)}"
        if entry.waiting:
            reasons += f"; wait for others of their kind: {_silos(entry.waiting)}"
        events.record(
            "round",
            f"round {entry.round}: {'void' if entry.void else _silos(entry.included)}, "
            f"{entry.seconds:.1f} s{reasons}",
            **entry.as_json(),
        )

    def conduct(transport: SiloTransport) -> None:
        coordinator = Coordinator.open(folder, transport)
        try:
            coordinator.run(after_round)
        finally:
            coordinator.close()

    with resumable(f"fedmf server {folder}"), ends_in_order():
        serve(folder, conduct, events, host=host, port=port)
    rounds = [entry.as_json() for entry in entries]
    print_answer({"folder": str(folder), "rounds": rounds}, [], as_json=as_json)


def _silos(silos: tuple[int, ...]) -> str:
    return f"silos {', '.join(map(str, silos))}"
