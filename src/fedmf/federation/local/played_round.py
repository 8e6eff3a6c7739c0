"""Rounds played with all their roles on this machine, and what every step of them costs."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fedmf.crypto.participants_key import ParticipantsKey
from fedmf.federation.local.roles import make_members, make_server, participants_half
from fedmf.protocol import (
    Change,
    ClosingMessage,
    IntegerTable,
    ParticipantProtection,
    Session,
    TableMessage,
    UploadMessage,
)
from fedmf.protocol.protection import listed_rows


@dataclass(slots=True)
class PlayedRound:
    """What the steps of a round cost, in seconds of the clock that it was played by."""

    protect: list[float] = field(default_factory=list)
    """For each upload: from the change to the bytes of the message."""
    receive: list[float] = field(default_factory=list)
    """For each upload: from these bytes to the server's sum."""
    members: list[float] = field(default_factory=list)
    """For each member of the committee: all that it did."""
    member_bytes: int = 0
    """What the server and all members sent each other."""
    serving: float = 0.0
    """The server's other steps, the closing among them."""
    close: float = 0.0
    """The step that closed the round; where the server opens sums, it does it here."""
    begin: float = 0.0
    hear: float = 0.0
    open: float = 0.0
    """The median participant's checks of how the round began and how it ended, and opening the
    table."""
    upload_bytes: list[int] = field(default_factory=list)
    """For each upload."""
    opening_bytes: int = 0
    closing_bytes: int = 0
    table_bytes: int = 0
    """What a participant downloads."""
    closing: ClosingMessage = field(default_factory=lambda: ClosingMessage(1, ()))
    """How the round ended."""
    table: IntegerTable = ()
    """The table after it, as participants open it."""


class Stopwatch:
    """Seconds of one step, once its ``with`` statement is over."""

    seconds = 0.0


class PlayedSession:
    """A session whose roles all live in this process.

    Parameters
    ----------
    session
        The agreed parameters.
    key
        The key that this machine plays all roles with; None where the protection has none.
    participants
        Those who live here, all that ever upload among them.
    openers
        How many participants open the table on their own; one does it for all unless given.
    logs
        Folder of the durable logs of the committee's members; None: they forget.
    clock
        Returns seconds; processor time unless given.
    """

    def __init__(
        self,
        session: Session,
        key: ParticipantsKey | None,
        participants: Iterable[int],
        *,
        openers: int = 1,
        logs: Path | None = None,
        clock: Callable[[], float] = time.process_time,
    ) -> None:
        start = session.shape.zeros()
        self.session = session
        self.participants = participants_half(session, key, start, participants)
        self._openers = [self.participants]
        self._openers += [participants_half(session, key, start, ()) for _ in range(openers - 1)]
        self.server = make_server(session, key, start)
        self.members = make_members(session, key, logs)
        if session.committee is not None:
            # A server that opens hands out the secret of its tags with the start table.
            for half in self._openers:
                half.open(self.server.table_message().payload)
        self._clock = clock

    def play(
        self,
        changes: Mapping[int, Change],
        *,
        warm_up: bool = False,
        after_upload: Callable[[], None] = lambda: None,
    ) -> PlayedRound:
        """Play the next round.

        Parameters
        ----------
        changes
            What each participant of the cohort contributes.
        warm_up
            Protect one change more, before the first that counts: tables that last for a whole
            session are built then.
        after_upload
            Called whenever an upload was received and its message let go of.
        """
        played = PlayedRound(members=[0.0] * len(self.members))
        with self._timing() as step:
            self.server.prepare_round()
        played.serving += step.seconds
        self._consult(played)
        with self._timing() as step:
            opening = self.server.open_round(changes)
        played.serving += step.seconds
        played.opening_bytes = len(opening)
        played.begin = self._median(lambda half: half.begin(opening))
        if warm_up:
            self._protect(*next(iter(changes.items())))
        for number, change in changes.items():
            with self._timing() as step:
                data = self._protect(number, change)
            played.protect.append(step.seconds)
            played.upload_bytes.append(len(data))
            with self._timing() as step:
                self.server.receive(data)
            played.receive.append(step.seconds)
            del data
            after_upload()
        for end in (self.server.freeze, self.server.settle):
            with self._timing() as step:
                end()
            played.serving += step.seconds
            self._consult(played)
        self._close(played)
        return played

    def _protect(self, number: int, change: Change) -> bytes:
        round_number = self.server.next_round
        protected = self.participants.protect(change, round_number=round_number, participant=number)
        rows = listed_rows(self.session, change)
        message = UploadMessage(round_number, number, protected.nonce, rows, protected.payload)
        return message.to_bytes(self.session)

    def _consult(self, played: PlayedRound) -> None:
        """Carry messages between the server and the members until all is said."""
        while True:
            with self._timing() as step:
                requests = self.server.requests()
            played.serving += step.seconds
            if not requests:
                return
            for number, request in requests.items():
                with self._timing() as step:
                    reply = self.members[number].respond(request)
                played.members[number] += step.seconds
                played.member_bytes += len(request) + len(reply)
                with self._timing() as step:
                    self.server.hear(number, reply)
                played.serving += step.seconds

    def _close(self, played: PlayedRound) -> None:
        with self._timing() as step:
            closing = self.server.close_round().to_bytes(self.session)
        played.close = step.seconds
        with self._timing() as step:
            table = self.server.table_message().to_bytes(self.session)
        played.serving += played.close + step.seconds
        played.closing_bytes, played.table_bytes = len(closing), len(table)

        def hear(half: ParticipantProtection) -> None:
            played.closing = ClosingMessage.from_bytes(closing, self.session)
            half.hear(played.closing)

        def open_table(half: ParticipantProtection) -> None:
            message = TableMessage.from_bytes(table, self.session)
            played.table = half.open(message.payload)

        played.hear = self._median(hear)
        played.open = self._median(open_table)

    def _median(self, act: Callable[[ParticipantProtection], None]) -> float:
        """Have all openers do something; return the median of their seconds."""
        seconds = []
        for half in self._openers:
            with self._timing() as step:
                act(half)
            seconds.append(step.seconds)
        return statistics.median(seconds)

    @contextmanager
    def _timing(self) -> Iterator[Stopwatch]:
        watch, start = Stopwatch(), self._clock()
        yield watch
        watch.seconds = self._clock() - start
