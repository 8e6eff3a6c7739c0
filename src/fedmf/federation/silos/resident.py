"""A silo that stays: one process keeps it open, and others hand their messages over to it.

For transports that start a process for every message. The socket is in the silo's folder, which
only its owner may enter.
"""

from __future__ import annotations

from collections.abc import Callable
from multiprocessing.connection import Client, Listener
from pathlib import Path

from fedmf.errors import RunDirectoryError
from fedmf.federation.silos.silo import Silo

SOCKET = "silo.sock"


def serve(silo: Silo, folder: Path, *, ready: Callable[[], None] = lambda: None) -> None:
    """Answer messages that come in through the socket, one after the other, until interrupted.

    An empty message ends it.

    Parameters
    ----------
    silo
        The silo of this folder, opened.
    folder
        The folder. Its path is short: systems allow about 100 characters for a socket's.
    ready
        Called once others can hand messages over.
    """
    path = folder / SOCKET
    # The folder is locked, so that a socket found here belongs to a process that is gone.
    path.unlink(missing_ok=True)
    with Listener(str(path), family="AF_UNIX") as listener:
        ready()
        while True:
            with listener.accept() as connection:
                try:
                    request = connection.recv_bytes()
                    if not request:
                        return
                    connection.send_bytes(silo.respond(request))
                except (EOFError, ConnectionError):
                    # The process that asked is gone; it asks again, and gets the same answer.
                    continue


def ask(folder: Path, request: bytes) -> bytes:
    """Hand one message to the process that serves the silo in this folder; return its reply.

    Raises
    ------
    RunDirectoryError
        Nobody serves it.
    """
    try:
        with Client(str(folder / SOCKET), family="AF_UNIX") as connection:
            connection.send_bytes(request)
            return connection.recv_bytes()
    except (EOFError, OSError) as error:
        raise RunDirectoryError(
            f"no process serves the silo in {folder}; start one and go on"
        ) from error


def stop(folder: Path) -> None:
    """End the process that serves the silo in this folder, if there is one."""
    try:
        with Client(str(folder / SOCKET), family="AF_UNIX") as connection:
            connection.send_bytes(b"")
    except OSError:
        return
