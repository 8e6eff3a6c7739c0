"""A Flower SuperLink with two doors, as a process of its own: ``python -m`` this module.

Flower serves what nodes need and what commands its operator on one port, and asks nobody who
commands for a password: anyone who reaches it could start runs or admit nodes. Here the door for
silos, with TLS, leads to the former alone; everything else answers on the loopback interface.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

import uvicorn
from flwr.common.constant import ISOLATION_MODE_PROCESS, TRANSPORT_TYPE_GRPC_RERE
from flwr.supercore.constant import FLWR_IN_MEMORY_DB_NAME
from flwr.superlink.cli.flower_superlink import SuperLinkLifespan
from flwr.superlink.config_loader import SuperLinkLifespanConfig, load_control_authn_plugin
from flwr.superlink.main import create_app

INSIDE, OUTSIDE_OPEN = "fedmf-superlink-inside", "fedmf-superlink-outside"
"""Lines on standard output: the inner door is open, at the port that follows; the outer one is."""
OUTSIDE = "/v1/fleet/"
"""Where everything that nodes need begins; it is authenticated by their keys."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Doors:
    """How the process is told what to serve; on its standard input, as JSON."""

    host: str
    port: int
    """Where silos come in."""
    certificate: str
    certificate_key: str
    """Files for TLS."""
    secret: str
    """Who may take on a run, hexadecimal."""


def door_for_silos(application: Application) -> Application:
    """Return the part of an application that nodes need."""

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and str(scope["path"]).startswith(OUTSIDE):
            await application(scope, receive, send)
            return
        if scope["type"] == "http":
            headers = [(b"content-type", b"text/plain")]
            await send({"type": "http.response.start", "status": 404, "headers": headers})
            await send({"type": "http.response.body", "body": b"not for silos\n"})

    return guarded


def superlink_application(doors: Doors) -> Application:
    """Return Flower's application: state in memory, nodes authenticated, no apps run by it."""
    application: Application = create_app(
        SuperLinkLifespanConfig(
            control_address="",
            health_server_address=None,
            host=doors.host,
            port=doors.port,
            insecure=False,
            certificates=None,
            superexec_auth_secret=bytes.fromhex(doors.secret),
            authn_plugin=load_control_authn_plugin(),
            event_log_plugin=None,
            fleet_event_log_plugin=None,
            enable_event_log=False,
            artifact_provider=None,
            enable_supernode_auth=True,
            fleet_api_type=TRANSPORT_TYPE_GRPC_RERE,
            fleet_api_address=None,
            simulation=False,
            ssl_ca_certfile=None,
            ssl_certfile=doors.certificate,
            ssl_keyfile=doors.certificate_key,
            database=FLWR_IN_MEMORY_DB_NAME,
            # Else it would start whatever app a run names.
            isolation=ISOLATION_MODE_PROCESS,
            runtime_dependency_install=False,
        ),
        SuperLinkLifespan,
    )
    return application


async def serve(doors: Doors) -> None:
    """Serve until the process is told to stop.

    The outer door opens when a line comes in, so that nobody knocks before being admitted.
    """
    application = superlink_application(doors)
    inside = socket.socket()
    inside.bind(("127.0.0.1", 0))
    inner = uvicorn.Server(uvicorn.Config(application, log_level="warning", access_log=False))
    outer = uvicorn.Server(
        uvicorn.Config(
            door_for_silos(application),
            host=doors.host,
            port=doors.port,
            ssl_certfile=doors.certificate,
            ssl_keyfile=doors.certificate_key,
            log_level="warning",
            access_log=False,
            # The inner door opens and closes what both share.
            lifespan="off",
            # What it runs, and in which version, is nobody's business.
            server_header=False,
        )
    )

    async def serve_silos() -> None:
        await _started(inner)
        _tell(f"{INSIDE} {inside.getsockname()[1]}")
        await asyncio.to_thread(sys.stdin.readline)
        threading.Thread(target=_end_with_parent, daemon=True).start()
        await outer.serve()

    async def tell_silos_may_come() -> None:
        await _started(outer)
        _tell(OUTSIDE_OPEN)

    await asyncio.gather(inner.serve(sockets=[inside]), serve_silos(), tell_silos_may_come())


async def _started(server: uvicorn.Server) -> None:
    while not server.started:
        await asyncio.sleep(0.02)


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _end_with_parent() -> None:
    """End when the process that started this one is gone, which closes its standard input."""
    sys.stdin.read()
    os._exit(0)


def main() -> None:
    """Read the doors from standard input, and serve."""
    doors = Doors(**json.loads(sys.stdin.readline()))
    asyncio.run(serve(doors))


if __name__ == "__main__":
    main()
