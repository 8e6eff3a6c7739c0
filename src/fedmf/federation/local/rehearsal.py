"""A session with all its roles on this machine and changes that are made up: what rounds cost."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from fedmf.crypto.participants_key import ParticipantsKey
from fedmf.federation.engine import Observation, Uploaded
from fedmf.federation.roles import (
    begin_member_logs,
    keyring,
    make_members,
    make_server,
    participants_half,
)
from fedmf.federation.rounds import Played, RoundPlayer
from fedmf.interrupts import HeldInterrupts
from fedmf.protocol import (
    Change,
    ClosingMessage,
    IntegerTable,
    ParticipantProtection,
    Session,
    TableMessage,
    UploadMessage,
)


class Rehearsal:
    """A session whose roles all live in this process; it carries their messages itself.

    Its participants have no ratings, and upload what they are given.

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
    """

    def __init__(
        self,
        session: Session,
        key: ParticipantsKey | None,
        participants: Iterable[int],
        *,
        openers: int = 1,
        logs: Path | None = None,
    ) -> None:
        start = session.shape.zeros()
        self.session = session
        self.participants = participants_half(session, key, start, participants)
        self._openers = [self.participants]
        self._openers += [participants_half(session, key, start, ()) for _ in range(openers - 1)]
        keys = keyring(session, key)
        self.server = make_server(session, start, keys.charter)
        if logs is not None:
            begin_member_logs(session, logs)
        self._members = make_members(session, keys, logs)
        self._changes: Mapping[int, Change] = {}
        self._after_upload: Callable[[], None] = lambda: None
        self._warm_up = False
        self._begin_seconds = self._hear_seconds = self._open_seconds = 0.0
        self.table: IntegerTable = ()
        """The table after the last round, as participants open it."""
        self._player = RoundPlayer(self.server, self)
        # A server that opens hands out the secret of its tags with the start table.
        self._player.distribute()

    def play(
        self,
        changes: Mapping[int, Change],
        *,
        warm_up: bool = False,
        after_upload: Callable[[], None] = lambda: None,
    ) -> Played:
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
        self._changes, self._warm_up, self._after_upload = changes, warm_up, after_upload
        self._begin_seconds = 0.0
        played = self._player.play(list(changes))
        played.begin_seconds = self._begin_seconds
        played.hear_seconds, played.open_seconds = self._hear_seconds, self._open_seconds
        return played

    # What carries the messages; see `Carrier`.

    def distribute(self, table: bytes) -> Observation:
        """Have all openers open the table."""

        def open_table(half: ParticipantProtection) -> None:
            message = TableMessage.from_bytes(table, self.session)
            self.table = half.open(message.payload)

        self._open_seconds = self._median(open_table)
        return Observation()

    def consult(self, requests: Mapping[int, bytes]) -> Iterator[tuple[int, bytes]]:
        """Hand messages to members of the committee."""
        with HeldInterrupts():
            for member, request in requests.items():
                yield member, self._members[member].respond(request)

    def begin_round(self, opening: bytes) -> None:
        """Have all openers check how the round begins."""
        self._begin_seconds = self._median(lambda half: half.begin(opening))

    def collect(
        self, cohort: Iterable[int], leaving: frozenset[int] = frozenset()
    ) -> Iterator[Uploaded]:
        """Protect the changes that were made up."""
        del leaving
        numbers = list(cohort)
        if self._warm_up:
            self._protect(numbers[0])
        for number in numbers:
            with HeldInterrupts():
                start = time.process_time()
                message = self._protect(number)
                seconds = time.process_time() - start
            yield Uploaded(number, message, seconds)
            del message
            self._after_upload()

    def deliver_closing(self, closing: bytes) -> None:
        """Have all openers check how the round ended."""
        self._hear_seconds = self._median(
            lambda half: half.hear(ClosingMessage.from_bytes(closing, self.session))
        )

    def table_copy(self) -> bytes:
        """Return nothing: nobody comes late."""
        return b""

    def _protect(self, number: int) -> bytes:
        round_number, change = self.server.next_round, self._changes[number]
        protected = self.participants.protect(change, round_number=round_number, participant=number)
        rows = self.session.rows_named(change)
        message = UploadMessage(round_number, number, protected.nonce, rows, protected.payload)
        return message.to_bytes(self.session)

    def _median(self, act: Callable[[ParticipantProtection], None]) -> float:
        """Have all openers do something; return the median of their seconds."""
        seconds = []
        for half in self._openers:
            with HeldInterrupts():
                start = time.process_time()
                act(half)
                seconds.append(time.process_time() - start)
        return statistics.median(seconds)
