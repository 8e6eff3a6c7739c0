"""One round as its server goes through it, the same over any engine and any transport."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from fedmf.errors import FedmfError
from fedmf.federation.engine import Carrier
from fedmf.federation.transcript import EVERYBODY, SERVER, Transcript, member_name, participant_name
from fedmf.protocol import ClosingMessage, Server


@dataclass(frozen=True, slots=True)
class Received:
    """An upload that was received, without its message: all of a round's would fill the memory."""

    participant: int
    """Who sent it."""
    size: int
    """Bytes of its message."""
    seconds: float
    """Processor time of the participant in this round."""


@dataclass(frozen=True, slots=True)
class Played:
    """A round that is over."""

    round: int
    """Its number; void ones have numbers, too."""
    closing: ClosingMessage
    """How it ended."""
    data: bytes
    """The same as bytes."""
    uploads: Sequence[Received]
    """What was received, before anything was left out."""
    opening_bytes: int
    """Size of what everybody heard at its beginning."""


class RoundPlayer:
    """Takes a server through rounds: opening, uploads, freezing, answers, closing.

    Parameters
    ----------
    server
        At the start, or restored from a checkpoint.
    carrier
        Carries the messages.
    transcript
        Records them.
    keep_frozen
        Makes a frozen round durable, by its number, before anybody is asked to open it.
    refuse
        Hears of uploads that the server refuses, by participant; None: these are errors.
    """

    def __init__(
        self,
        server: Server,
        carrier: Carrier,
        transcript: Transcript,
        keep_frozen: Callable[[int, bytes], None],
        refuse: Callable[[int, FedmfError], None] | None = None,
    ) -> None:
        self._server = server
        self._carrier = carrier
        self._transcript = transcript
        self._keep_frozen = keep_frozen
        self._refuse = refuse
        self.server_seconds = 0.0
        """Processor seconds of the server so far."""
        self.member_seconds: dict[int, float] = {}
        """Processor seconds of the members of the committee in the last round."""

    def play(self, cohort: Sequence[int], leaving: frozenset[int], frozen: bytes = b"") -> Played:
        """Play the next round to its closing, which nobody has heard yet.

        Parameters
        ----------
        cohort
            Who takes part.
        leaving
            Those of them that take back all that they ever contributed.
        frozen
            The round as `Server.frozen` returned it before a crash: whoever still lives goes on
            with what was uploaded then. Empty: it begins.
        """
        self.member_seconds = {}
        number = self._server.next_round
        uploads: list[Received] = []
        opening = b""
        if frozen:
            self._server.restore_frozen(frozen)
        else:
            opening = self._open(cohort)
            if not self._server.is_void:
                uploads = self._collect(number, cohort, leaving)
                self._freeze(number)
        self._server.settle()
        self._consult()
        closing = self._server.close_round()
        data = closing.to_bytes(self._server.session)
        self._transcript.record(number, SERVER, EVERYBODY, "closing", data)
        return Played(number, closing, data, uploads, len(opening))

    def _open(self, cohort: Sequence[int]) -> bytes:
        """Begin a round; return what everybody hears of it."""
        self._server.prepare_round()
        self._consult()
        if self._server.is_void:
            return b""
        number = self._server.next_round
        with self.timed():
            opening = self._server.open_round(cohort)
        if opening:
            self._transcript.record(number, SERVER, EVERYBODY, "opening", opening)
            self._carrier.begin_round(opening)
        return opening

    def _collect(
        self, number: int, cohort: Sequence[int], leaving: frozenset[int]
    ) -> list[Received]:
        """Receive the uploads of a round; return what they cost, whatever becomes of them."""
        uploads = []
        for uploaded in self._carrier.collect(cohort, leaving):
            sender = participant_name(uploaded.participant)
            self._transcript.record(number, sender, SERVER, "upload", uploaded.message)
            try:
                with self.timed():
                    self._server.receive(uploaded.message)
            except FedmfError as error:
                if self._refuse is None:
                    raise
                self._refuse(uploaded.participant, error)
            else:
                size = len(uploaded.message)
                uploads.append(Received(uploaded.participant, size, uploaded.seconds))
        return uploads

    def _freeze(self, number: int) -> None:
        """End the time for uploads, and write down what is going to be opened."""
        with self.timed():
            self._server.freeze()
        self._consult()
        frozen = self._server.frozen()
        if frozen:
            self._keep_frozen(number, frozen)

    def _consult(self) -> None:
        """Carry messages between the server and the members of its committee, if it has one."""
        number = self._server.next_round
        while requests := self._requests():
            for member, request in requests.items():
                name = member_name(member)
                self._transcript.record(number, SERVER, name, "request", request)
            asked = time.process_time()
            for member, reply in self._carrier.consult(requests):
                taken = time.process_time() - asked
                self.member_seconds[member] = self.member_seconds.get(member, 0.0) + taken
                self._transcript.record(number, member_name(member), SERVER, "reply", reply)
                with self.timed():
                    self._server.hear(member, reply)
                asked = time.process_time()

    def _requests(self) -> Mapping[int, bytes]:
        with self.timed():
            return self._server.requests()

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Charge what happens inside to the server."""
        before = time.process_time()
        yield
        self.server_seconds += time.process_time() - before
