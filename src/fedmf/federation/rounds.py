"""One round as its server goes through it, the same over any engine and any transport."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from fedmf.errors import FedmfError
from fedmf.federation.engine import Carrier, Observation, Uploaded
from fedmf.federation.transcript import EVERYBODY, SERVER, Transcript, member_name, participant_name
from fedmf.interrupts import HeldInterrupts
from fedmf.protocol import ClosingMessage, Server

Clock = Callable[[], float]
"""Returns seconds since some moment."""


def no_clock() -> float:
    """Return what is subtracted where nothing is measured: NaN."""
    return math.nan


@dataclass(frozen=True, slots=True)
class Clocks:
    """What the steps of each role are timed by."""

    server: Clock = time.process_time
    members: Clock = time.process_time
    """From a request to the reply; processor time where members live in this process."""
    wall: Clock = time.perf_counter
    """The whole round."""


@dataclass(frozen=True, slots=True)
class Received:
    """An upload that was received, without its message: all of a round's would fill the memory."""

    participant: int
    """Who sent it."""
    size: int
    """Bytes of its message."""
    seconds: float
    """Of the participant: see `Uploaded.seconds`."""
    server_seconds: float
    """Of the server: from these bytes to the sum."""


@dataclass(slots=True)
class Played:
    """The record of a round: how it ended, and what every step of it cost."""

    round: int
    """Its number; void rounds also have numbers."""
    cohort: Sequence[int] = ()
    """Who was asked to take part, ascending."""
    void_before: int = 0
    """Rounds before this one, since the last that counted, that ended void."""
    uploads: list[Received] = field(default_factory=list)
    """What was received, before anything was left out."""
    closing: ClosingMessage = field(default_factory=lambda: ClosingMessage(1, ()))
    """How it ended."""
    frozen: tuple[int, ...] = ()
    """Participants whose contribution stays as it is after it: they were away for too long."""
    waiting: tuple[int, ...] = ()
    """Participants whose uploads were left out, because too few came of their lot."""
    observation: Observation = field(default_factory=Observation)
    """What the table after it is worth, as far as what carries the messages knows."""
    download_bytes: int = 0
    """The table before the round, how the round began and how it ended, as everybody hears it."""
    opening_bytes: int = 0
    closing_bytes: int = 0
    table_bytes: int = 0
    """How the round began, how it ended, and the table after it."""
    seconds: float = 0.0
    """Wall time from the beginning to the new table."""
    serving_seconds: float = 0.0
    """Everything that the server did besides receiving uploads."""
    close_seconds: float = 0.0
    """The step of it that closed the round; where the server opens sums, it does it here."""
    member_seconds: dict[int, float] = field(default_factory=dict)
    """For each member of the committee that replied: all that it did."""
    member_bytes: int = 0
    """What the server and all members sent each other."""
    begin_seconds: float = math.nan
    hear_seconds: float = math.nan
    open_seconds: float = math.nan
    """The median participant's checks of how the round began and how it ended, and opening the
    table; NaN where what carries the messages does not measure them."""

    @property
    def protecting(self) -> list[float]:
        """The participant's seconds for each upload."""
        return [one.seconds for one in self.uploads]

    @property
    def receiving(self) -> list[float]:
        """The server's seconds for each upload."""
        return [one.server_seconds for one in self.uploads]

    @property
    def upload_bytes(self) -> list[int]:
        """The size of each upload."""
        return [one.size for one in self.uploads]

    @property
    def members(self) -> list[float]:
        """The seconds of each member of the committee."""
        return list(self.member_seconds.values())

    @property
    def server_seconds(self) -> float:
        """All that the server did."""
        return self.serving_seconds + sum(self.receiving)


class RoundPlayer:
    """Takes a server through rounds: beginning, uploads, freezing, answers, closing, next table.

    Parameters
    ----------
    server
        At the start, or restored from a checkpoint.
    carrier
        Carries the messages.
    transcript
        Records them; None: nobody does, since digests of all uploads take a third of a server.
    keep_frozen
        Makes a frozen round durable, by its number, before anybody is asked to open it; None: the
        round does not survive a kill.
    refuse
        Hears of uploads that the server refuses, by participant; None: these are errors.
    clocks
        What steps are timed by.
    """

    def __init__(
        self,
        server: Server,
        carrier: Carrier,
        transcript: Transcript | None = None,
        *,
        keep_frozen: Callable[[int, bytes], None] | None = None,
        refuse: Callable[[int, FedmfError], None] | None = None,
        clocks: Clocks | None = None,
    ) -> None:
        self.server = server
        self._carrier = carrier
        self._transcript = transcript or Transcript(is_kept=False)
        self._keep_frozen = keep_frozen
        self._refuse = refuse
        self._clocks = clocks or Clocks()
        self._table_bytes = 0

    def distribute(self) -> Observation:
        """Hand out the table as it is, before the first round that is played; say what it is worth.

        A table goes out after each round by itself.
        """
        return self._distribute(Played(self.server.next_round))

    def play(
        self, cohort: Sequence[int], leaving: frozenset[int] = frozenset(), frozen: bytes = b""
    ) -> Played:
        """Play the next round, to the table after it.

        Parameters
        ----------
        cohort
            Who takes part.
        leaving
            Those of them that take back all that they ever contributed.
        frozen
            The round as `Server.frozen` returned it before a crash: participants and members go
            on with what was uploaded then. Empty: it begins.
        """
        start = self._clocks.wall()
        played = Played(self.server.next_round, tuple(cohort))
        if frozen:
            with HeldInterrupts():
                self.server.restore_frozen(frozen)
        else:
            self._begin(played)
            if not self.server.is_void:
                for uploaded in self._carrier.collect(cohort, leaving):
                    self._receive(played, uploaded)
                    # The next upload is made without this one's message in memory.
                    del uploaded
                self._freeze(played)
        with self._serving(played):
            self.server.ask_to_open()
        self._consult(played)
        played.download_bytes = self._table_bytes
        self._close(played)
        played.observation = self._distribute(played)
        played.download_bytes += played.opening_bytes + played.closing_bytes
        played.seconds = self._clocks.wall() - start
        return played

    def _begin(self, played: Played) -> None:
        """Begin a round, and tell everybody where there is something to tell."""
        with self._serving(played):
            self.server.prepare_round()
        self._consult(played)
        if self.server.is_void:
            return
        with self._serving(played):
            opening = self.server.begin_round(played.cohort)
        played.opening_bytes = len(opening)
        if opening:
            self._transcript.record(played.round, SERVER, EVERYBODY, "opening", opening)
            self._carrier.begin_round(opening)

    def _receive(self, played: Played, uploaded: Uploaded) -> None:
        """Receive an upload, and note what it cost, even if it is refused."""
        sender, size = participant_name(uploaded.participant), len(uploaded.message)
        self._transcript.record(played.round, sender, SERVER, "upload", uploaded.message)
        start = self._clocks.server()
        try:
            with HeldInterrupts():
                self.server.receive(uploaded.message)
        except FedmfError as error:
            if self._refuse is None:
                raise
            played.serving_seconds += self._clocks.server() - start
            self._refuse(uploaded.participant, error)
        else:
            seconds = self._clocks.server() - start
            received = Received(uploaded.participant, size, uploaded.seconds, seconds)
            played.uploads.append(received)

    def _freeze(self, played: Played) -> None:
        """End the time for uploads, and write down what is going to be opened."""
        with self._serving(played):
            self.server.freeze()
        self._consult(played)
        if self._keep_frozen is not None and (frozen := self.server.frozen()):
            self._keep_frozen(played.round, frozen)

    def _consult(self, played: Played) -> None:
        """Carry messages between the server and the members of its committee, if it has one."""
        clock = self._clocks.members
        while True:
            with self._serving(played):
                requests = self.server.requests()
            if not requests:
                return
            for member, request in requests.items():
                name = member_name(member)
                self._transcript.record(played.round, SERVER, name, "request", request)
                played.member_bytes += len(request)
            asked = clock()
            for member, reply in self._carrier.consult(requests):
                seconds = played.member_seconds.get(member, 0.0) + clock() - asked
                played.member_seconds[member] = seconds
                played.member_bytes += len(reply)
                self._transcript.record(played.round, member_name(member), SERVER, "reply", reply)
                with self._serving(played):
                    self.server.hear(member, reply)
                asked = clock()

    def _close(self, played: Played) -> None:
        """Close the round, and tell everybody."""
        start = self._clocks.server()
        with HeldInterrupts():
            played.closing = self.server.close_round()
            played.frozen = self.server.members.frozen_participants
            played.waiting = self.server.members.waiting_participants
            data = played.closing.to_bytes(self.server.session)
        played.close_seconds = self._clocks.server() - start
        played.serving_seconds += played.close_seconds
        played.closing_bytes = len(data)
        self._transcript.record(played.round, SERVER, EVERYBODY, "closing", data)
        self._carrier.deliver_closing(data)

    def _distribute(self, played: Played) -> Observation:
        """Hand out the table after a round, and have it copied for those who come late."""
        with self._serving(played):
            message = self.server.table_message()
            data = message.to_bytes(self.server.session)
        self._table_bytes = played.table_bytes = len(data)
        self._transcript.record(message.round, SERVER, EVERYBODY, "table", data)
        observation = self._carrier.distribute(data)
        if self.server.needs_copy and self.server.counted_rounds:
            copy = self._carrier.table_copy()
            if copy:
                self._transcript.record(message.round, participant_name(0), SERVER, "copy", copy)
                with HeldInterrupts():
                    self.server.keep_copy(copy)
        return observation

    @contextmanager
    def _serving(self, played: Played) -> Iterator[None]:
        """Charge what happens inside to the server; Ctrl-C waits until it is over."""
        before = self._clocks.server()
        with HeldInterrupts():
            yield
        played.serving_seconds += self._clocks.server() - before
