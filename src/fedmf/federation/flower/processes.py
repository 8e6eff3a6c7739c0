"""The SuperLink as a child process: started, listened to, and ended with its parent."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from fedmf.errors import TransportError
from fedmf.federation.flower.events import Events
from fedmf.federation.flower.folders import ServerFolder
from fedmf.federation.flower.superlink import INSIDE, OUTSIDE_OPEN, Doors

STARTING = 60.0
"""Seconds that a SuperLink has to start."""
ENDING = 5.0
"""Seconds that it has to end before it is killed."""
# Colours of Flower's log.
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, slots=True)
class RunningSuperLink:
    """A SuperLink that runs."""

    process: subprocess.Popen[str]
    """Its process."""
    address: str
    """Of the inner door, as host:port."""
    secret: bytes
    """Who may take on a run."""
    lines: queue.Queue[str | None]
    """What it says from now on."""

    def open_door(self) -> None:
        """Let silos come in; before that nobody is listening.

        Raises
        ------
        TransportError
            It cannot listen there, or the certificate does not fit its key.
        """
        _say(self.process, "open")
        _wait_for(OUTSIDE_OPEN, self.lines)


@contextmanager
def superlink(
    files: ServerFolder, host: str, port: int, events: Events
) -> Iterator[RunningSuperLink]:
    """Run a SuperLink for the time of a ``with`` block.

    Parameters
    ----------
    files
        Certificate and key.
    host, port
        Where silos come in.
    events
        What it logs is told there, under ``"superlink"``.

    Raises
    ------
    TransportError
        The port is taken, or Flower does not start.
    """
    _check_port(host, port)
    secret = secrets.token_bytes(32)
    doors = Doors(host, port, str(files.certificate), str(files.certificate_key), secret.hex())
    process = subprocess.Popen(
        [sys.executable, "-m", "fedmf.federation.flower.superlink"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        # Ctrl-C is for the server, which then ends its SuperLink in order.
        start_new_session=True,
        env=os.environ | {"NO_COLOR": "1"},
    )
    lines: queue.Queue[str | None] = queue.Queue()
    listener = threading.Thread(
        target=_listen, args=(process, lines.put, events), daemon=True, name="superlink-log"
    )
    listener.start()
    try:
        _say(process, json.dumps(asdict(doors)))
        port_inside = int(_wait_for(INSIDE, lines))
        yield RunningSuperLink(process, f"127.0.0.1:{port_inside}", secret, lines)
    finally:
        _end(process)
        listener.join(ENDING)


def _check_port(host: str, port: int) -> None:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
    except OSError as error:
        raise TransportError(
            f"cannot listen on {host}:{port}: {error.strerror}; end what listens there, or choose "
            "another with --port"
        ) from error


def _say(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None  # noqa: S101 - what PIPE means
    with contextlib.suppress(BrokenPipeError):
        # What went wrong is in its log, which is read next.
        process.stdin.write(f"{line}\n")
        process.stdin.flush()


def _wait_for(start: str, lines: queue.Queue[str | None]) -> str:
    """Return the rest of the line that starts like this."""
    said: list[str] = []
    try:
        while (line := lines.get(timeout=STARTING)) is not None:
            if line.startswith(start):
                return line.removeprefix(start).strip()
            said.append(line)
    except queue.Empty:
        raise TransportError(f"the SuperLink has not started within {STARTING:.0f} s") from None
    text = "\n".join(said)
    if "KEY_VALUES_MISMATCH" in text:
        raise TransportError("the server's certificate and its key do not belong together")
    if "ssl.SSLError" in text:
        raise TransportError("the server's certificate or its key cannot be read")
    raise TransportError(
        "the SuperLink did not start: " + (said[-1] if said else "it said nothing")
    )


def _listen(
    process: subprocess.Popen[str], put: Callable[[str | None], None], events: Events
) -> None:
    assert process.stdout is not None  # noqa: S101 - what PIPE means
    for line in process.stdout:
        text = _ESCAPES.sub("", line).strip()
        put(text)
        if text and not text.startswith((INSIDE, OUTSIDE_OPEN)):
            events.record("superlink", line=text)
    put(None)


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(ENDING)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
