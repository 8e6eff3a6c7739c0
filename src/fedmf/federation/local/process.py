"""Calling hosts of participants: one in this process, or one in a worker at the end of a pipe.

The participants' key crosses the pipe as raw bytes, never pickled and never on disk. Uploads cross
it as raw bytes as well: pickling them would copy a megabyte four times more.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import socket
import sys
import traceback
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from fedmf.crypto.paillier_numbers import WeakKeyWarning
from fedmf.crypto.participants_key import (
    ParticipantsKey,
    participants_key_from_bytes,
    participants_key_to_bytes,
)
from fedmf.errors import FedmfError, RunDirectoryError, WorkerError
from fedmf.federation.engine import Uploaded
from fedmf.federation.host import HostedParticipant, ParticipantHost
from fedmf.federation.plan import TrainingPlan
from fedmf.federation.roles import participants_half
from fedmf.interrupts import HeldInterrupts

P = ParamSpec("P")
T = TypeVar("T")

# Spawn behaves alike on every platform and carries no locks or threads of the parent over.
_CONTEXT = multiprocessing.get_context("spawn")
_PIPE_BYTES = 2**21
# What libraries read when they are loaded. One thread for each process: there are as many processes
# as cores, and threads on top of them wait for each other in loops that keep the cores busy, so
# that a training took twice as long. And glibc is to keep memory for the next participant, whose
# arrays have the same sizes: fetching pages from the system takes longer than computing on them.
_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": str(2**25),
    "MALLOC_TRIM_THRESHOLD_": str(2**28),
}


class CalledHost(Protocol):
    """A host of participants, wherever it is."""

    @property
    def connection(self) -> Connection | None:
        """The pipe that answers come out of; None in this process, where they are there at once."""
        ...

    def ask(
        self, act: Callable[Concatenate[ParticipantHost, P], T], *args: P.args, **named: P.kwargs
    ) -> Callable[[], T]:
        """Have the host do something; return a function that waits for the answer.

        That function raises what the host raised, and `WorkerError` where its process died or
        failed in a way that nobody expected.
        """
        ...

    def collect(self, cohort: Sequence[int], leaving: frozenset[int]) -> Iterator[Uploaded]:
        """Have participants take part; return an iterator that waits for their uploads."""
        ...

    def close(self) -> None:
        """Let go of the host; it keeps nothing that a checkpoint lacks."""
        ...


def ready(hosts: Collection[CalledHost]) -> list[CalledHost]:
    """Wait until some of the hosts that were asked to collect have something to say."""
    pipes = {host.connection: host for host in hosts if host.connection is not None}
    if len(pipes) < len(hosts):
        return [host for host in hosts if host.connection is None]
    return [pipes[pipe] for pipe in wait(list(pipes))]  # type: ignore[index]


class HostHere:
    """A host in this process.

    Parameters
    ----------
    plan, key, hosted
        As for `ParticipantHost`.
    """

    connection = None

    def __init__(
        self, plan: TrainingPlan, key: ParticipantsKey | None, hosted: Sequence[HostedParticipant]
    ) -> None:
        with HeldInterrupts():
            self._host = _host(plan, key, hosted)

    def ask(
        self, act: Callable[Concatenate[ParticipantHost, P], T], *args: P.args, **named: P.kwargs
    ) -> Callable[[], T]:
        """Do it now."""
        with HeldInterrupts():
            answer = act(self._host, *args, **named)
        return lambda: answer

    def collect(self, cohort: Sequence[int], leaving: frozenset[int]) -> Iterator[Uploaded]:
        """Have participants take part one by one, as their uploads are asked for."""
        return self._host.collect(cohort, leaving)

    def close(self) -> None:
        """Do nothing."""


class HostProcess:
    """The parent's end of a worker process.

    Parameters
    ----------
    plan, key, hosted
        As for `ParticipantHost`.
    """

    def __init__(
        self, plan: TrainingPlan, key: ParticipantsKey | None, hosted: Sequence[HostedParticipant]
    ) -> None:
        self.connection, theirs = _CONTEXT.Pipe()
        for end in (self.connection, theirs):
            _widen(end)
        self._process = _CONTEXT.Process(target=_serve, args=(theirs,), daemon=True)
        with HeldInterrupts(), _without_interrupts(), _born_with(_ENVIRONMENT):
            self._process.start()
        theirs.close()
        try:
            self.connection.send_bytes(b"" if key is None else participants_key_to_bytes(key))
            self.connection.send((plan, list(hosted)))
        except OSError as error:
            raise self._died() from error

    def ask(
        self, act: Callable[Concatenate[ParticipantHost, P], T], *args: P.args, **named: P.kwargs
    ) -> Callable[[], T]:
        """Send what to do, without waiting for the answer."""
        self._send(act.__name__, *args, **named)
        return self._answer

    def collect(self, cohort: Sequence[int], leaving: frozenset[int]) -> Iterator[Uploaded]:
        """Have participants take part one after the other, as fast as they can, from now on."""
        self._send(ParticipantHost.collect.__name__, cohort, leaving)
        return self._uploads()

    def _uploads(self) -> Iterator[Uploaded]:
        while (announced := self._answer()) is not None:
            try:
                message = self.connection.recv_bytes()
            except (EOFError, OSError) as error:
                raise self._died() from error
            yield replace(announced, message=message)

    def close(self) -> None:
        """End the process."""
        self.connection.close()
        self._process.terminate()
        self._process.join()

    def _send(self, command: str, *arguments: object, **named: object) -> None:
        try:
            self.connection.send((command, arguments, named))
        except OSError as error:
            raise self._died() from error

    def _answer(self) -> Any:
        try:
            kind, value = self.connection.recv()
        except (EOFError, OSError) as error:
            raise self._died() from error
        if kind == "error":
            raise value
        return value

    def _died(self) -> WorkerError:
        self._process.join(timeout=1)
        return WorkerError(
            f"a worker process died (exit code {self._process.exitcode}). After -9 try fewer "
            "workers: memory has run out. In a script of your own, see that training starts under "
            'if __name__ == "__main__":'
        )


def _widen(end: Connection) -> None:
    """Make room in a pipe for a whole upload, as far as the system lets us.

    The fewer pieces it comes in, the less often both sides wake each other and allocate memory.
    """
    if sys.platform != "win32":
        with socket.socket(fileno=os.dup(end.fileno())) as pipe:
            pipe.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _PIPE_BYTES)
            pipe.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _PIPE_BYTES)


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Keep Ctrl-C from a process that is being born; it inherits that, and the parent decides."""
    if not hasattr(signal, "pthread_sigmask"):  # pragma: no cover - not on Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _born_with(environment: Mapping[str, str]) -> Iterator[None]:
    """Have a process that is being born find these variables, unless the user has set them."""
    ours = {name: value for name, value in environment.items() if name not in os.environ}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            del os.environ[name]


def _serve(connection: Connection) -> None:
    # Ctrl-C reaches the whole process group; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The parent is gone when the pipe is: there is nobody left to work for.
    with contextlib.suppress(EOFError, OSError):
        key_bytes = connection.recv_bytes()
        plan, hosted = connection.recv()
        key = _received_key(key_bytes) if key_bytes else None
        host = _host(plan, key, hosted)
        while True:
            connection.send(_answer(host, connection, *connection.recv()))


def _received_key(data: bytes) -> ParticipantsKey:
    with warnings.catch_warnings():
        # The process that made a weak key has warned already.
        warnings.simplefilter("ignore", WeakKeyWarning)
        return participants_key_from_bytes(data)


def _answer(
    host: ParticipantHost,
    connection: Connection,
    command: str,
    arguments: tuple[Any, ...],
    named: dict[str, Any],
) -> tuple[str, object]:
    try:
        answer = getattr(host, command)(*arguments, **named)
        if command == ParticipantHost.collect.__name__:
            for uploaded in answer:
                connection.send(("value", replace(uploaded, message=b"")))
                connection.send_bytes(uploaded.message)
            answer = None
        return "value", answer
    except FedmfError as error:
        return "error", error
    except OSError as error:
        return "error", RunDirectoryError(f"a worker cannot write: {error.strerror}")
    except Exception:  # noqa: BLE001 - the parent has to hear of every error
        return "error", WorkerError(f"a worker process failed:\n{traceback.format_exc()}")


def _host(
    plan: TrainingPlan, key: ParticipantsKey | None, hosted: Sequence[HostedParticipant]
) -> ParticipantHost:
    """Return a host of participants that are simulated, whose roles have the shared key."""
    numbers = [one.number for one in hosted]
    half = participants_half(plan.session, key, plan.start_table(), numbers)
    return ParticipantHost(plan, half, hosted)
