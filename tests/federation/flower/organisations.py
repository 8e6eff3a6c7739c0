"""A server and silos on this machine, as real processes with TLS and keys, that echo."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fedmf.federation.flower.certificates import make_node_key, make_server_certificate

if TYPE_CHECKING:
    from fedmf.federation.silos import SiloTransport

LAST_RESORT = 600.0
"""Seconds after which an exchange or a test gives up; what is well takes less than a tenth."""
IMPORTING = f"import sys; sys.path.insert(0, {str(Path(__file__).parents[3])!r}); "
"""What a process starts with that needs this module."""


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def wait_for(what: Callable[[], bool], who: Callable[[], str]) -> None:
    """Wait until something holds; fail with what the processes said."""
    deadline = time.monotonic() + LAST_RESORT
    while not what():
        assert time.monotonic() < deadline, who()
        time.sleep(0.05)


@dataclass
class Organisations:
    """Folders, and the processes that were started."""

    folder: Path
    """Where they live."""
    silos: int = 3
    """How many there are."""
    port: int = field(default_factory=free_port)
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        files = make_server_certificate(self.folder / "server", ["localhost"])
        files.silos.mkdir()
        for silo in range(self.silos):
            own = make_node_key(self.silo(silo))
            shutil.copy(files.authority, own.authority)
            shutil.copy(own.node_public_key, files.silos / f"{silo}.pub")

    def silo(self, silo: int) -> Path:
        return self.folder / f"silo-{silo}"

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start a process whose output is read when it has ended."""
        process = subprocess.Popen(  # noqa: S603
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=self.folder
        )
        self.processes.append(process)
        return process

    def serve(self, plan: list[dict[str, Any]]) -> subprocess.Popen[str]:
        """Start a server that makes these exchanges; see `main` below."""
        return self._play("serve", "server", str(self.port), json.dumps(plan))

    def join(self, silo: int, *, until: str = "") -> subprocess.Popen[str]:
        """Start a silo that keeps its answers back until there is a file of this name."""
        return self._play("join", self.silo(silo).name, f"localhost:{self.port}", until)

    def say(self, name: str) -> None:
        """Make the file for which a silo or an exchange waits."""
        (self.folder / name).touch()

    def _play(self, *arguments: str) -> subprocess.Popen[str]:
        code = f"{IMPORTING} from {__name__} import main; main()"
        return self.start(sys.executable, "-c", code, *arguments)

    def events(self, who: str, event: str) -> list[dict[str, Any]]:
        """Return what a server or a silo told of an event so far."""
        path = self.folder / who / "flower" / "events.jsonl"
        if not path.exists():
            return []
        # The last line may be half written.
        lines = [json.loads(line) for line in path.read_text("utf-8").split("\n")[:-1]]
        return [line for line in lines if line["event"] == event]

    def wait_until(self, who: str, event: str, count: int = 1) -> None:
        """Wait until somebody has told so often of an event."""
        wait_for(lambda: len(self.events(who, event)) >= count, lambda: self.told(who, event))

    def told(self, who: str, event: str) -> str:
        """Return what everybody said, after ending them."""
        self.close()
        said = "\n".join(process.communicate()[0] for process in self.processes)
        return f"{who} has not told of {event!r} in time; all said:\n{said}"

    def end(self, process: subprocess.Popen[str]) -> tuple[int, str]:
        """Wait for the end of a process; return its status and output."""
        try:
            said, _ = process.communicate(timeout=LAST_RESORT)
        except subprocess.TimeoutExpired:
            raise AssertionError(self.told("a process", "its end")) from None
        return process.returncode, said

    def close(self) -> None:
        """Kill what still runs."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()


def superlink_of(server: subprocess.Popen[Any]) -> int:
    """Return the process id of a server's SuperLink."""
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text("ascii").split()
    return int(children[0])


def wait_for_all_but(away: Path) -> None:
    """Have this process's transport wait without end, but not at all for silos in a file."""
    from fedmf.federation.flower.transport import GridTransport

    whole = GridTransport.exchange

    def exchange(
        self: GridTransport, requests: Mapping[int, bytes], *, seconds: float
    ) -> Iterator[tuple[int, bytes]]:
        del seconds
        gone = set(map(int, away.read_text("ascii").split()))
        there = {silo: request for silo, request in requests.items() if silo not in gone}
        yield from whole(self, there, seconds=LAST_RESORT)

    GridTransport.exchange = exchange  # type: ignore[method-assign]


def say(sentence: str) -> None:
    """Print a sentence at once."""
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


@dataclass(frozen=True)
class Clock:
    """Real time for a transport, until there is a file; then no time is left."""

    over: Path
    """The file."""

    def monotonic(self) -> float:
        return time.monotonic() + (2 * LAST_RESORT if self.over.is_file() else 0.0)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def main() -> None:
    """Play a server or a silo.

    A server exchanges what its plan says, an entry for each exchange: the silos that are asked,
    the bytes that each gets, and the name of the file that ends it; it tells who answered rightly.
    A silo answers with its request and its own name.
    """
    # The test's own process does not need what these import.
    from fedmf.errors import FedmfError
    from fedmf.federation.flower.events import Events

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    role, folder, address, told = sys.argv[1:]
    events = Events(Path(folder) / "flower" / "events.jsonl", say)

    def conduct(transport: SiloTransport) -> None:
        from fedmf.federation.flower import transport as module

        for step in json.loads(told):
            vars(module)["time"] = Clock(Path(step["over"]))
            requests = {silo: bytes([silo]) * step["bytes"] for silo in step["silos"]}
            right = {}
            for silo, reply in transport.exchange(requests, seconds=LAST_RESORT):
                right[silo] = reply == requests[silo] + f"silo-{silo}".encode()
            events.record("exchanged", right=sorted(silo for silo in right if right[silo]))

    def respond(request: bytes) -> bytes:
        events.record("asked", bytes=len(request))
        while told and not Path(told).exists():
            time.sleep(0.05)
        return request + Path(folder).name.encode()

    try:
        if role == "serve":
            from fedmf.federation.flower.serve import serve

            serve(Path(folder), conduct, events, host="127.0.0.1", port=int(address))
        else:
            from fedmf.federation.flower.join import join

            join(Path(folder), address, respond, events)
    except FedmfError as error:
        say(f"error {error.number}: {error}")
        sys.exit(error.number)
    except KeyboardInterrupt:
        sys.exit(130)
