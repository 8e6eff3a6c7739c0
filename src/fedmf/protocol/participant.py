"""The participant's role: a state machine around one protection. No I/O, no clock."""

from __future__ import annotations

from collections.abc import Sequence

from fedmf.errors import ProtocolError
from fedmf.protocol.halves import ParticipantProtection
from fedmf.protocol.messages import ClosingMessage, TableMessage, UploadMessage
from fedmf.protocol.session import Session
from fedmf.protocol.table import Change, IntegerTable, Rows


class ParticipantRole:
    """Speaks for one participant: receive the table, upload once at most, hear the closing.

    Parameters
    ----------
    session
        The agreed parameters.
    number
        The participant's id in the session.
    protection
        The participant's half of the protection.
    closings
        The closings that this participant has heard.
    """

    def __init__(
        self,
        session: Session,
        number: int,
        protection: ParticipantProtection,
        *,
        closings: Sequence[ClosingMessage] = (),
    ) -> None:
        self.session = session
        self.number = number
        self.heard_rounds = len(closings)
        self._counted_rounds = sum(closing.counts(session) for closing in closings)
        self._protection = protection
        self._has_table = False
        self._has_uploaded = False

    @property
    def counted_rounds(self) -> int:
        """Rounds of the session that are over; void ones do not count."""
        return self._counted_rounds

    @property
    def round(self) -> int:
        """The number of the round under way, from 1; void rounds also have numbers."""
        return self.heard_rounds + 1

    def receive_table(self, message: TableMessage, rows: Rows | None = None) -> IntegerTable:
        """Open the table of the round.

        Parameters
        ----------
        message
            From the server.
        rows
            Open only these rows.

        Raises
        ------
        ProtocolError
            The table is of another round.
        MessageError, OpenError
            The table is malformed, damaged or does not open under this participant's key.
        """
        self._check_due(message.round)
        table = self._protection.open(message.payload, rows)
        self._has_table = True
        return table

    def receive_opened(self, round_number: int) -> None:
        """Take note that the table of a round was opened once for all participants here.

        Raises
        ------
        ProtocolError
            The table is of another round.
        """
        self._check_due(round_number)
        self._has_table = True

    def _check_due(self, round_number: int) -> None:
        if round_number != self.round:
            raise ProtocolError(f"the table of round {round_number} in round {self.round}")

    def upload(
        self, change: Change, *, leaving: bool = False, renewing: bool = False
    ) -> UploadMessage:
        """Protect the change of this round.

        Parameters
        ----------
        change
            What to add.
        leaving
            The change takes back all that this participant ever contributed.
        renewing
            The participant's ratings are others than those behind its last contribution.

        Raises
        ------
        ProtocolError
            Without the round's table, for the second time, or after the last round.
        FixedPointRangeError
            A value does not fit; nothing has been protected.
        """
        if not self._has_table:
            raise ProtocolError("an upload before the table of the round was opened")
        if self._has_uploaded:
            raise ProtocolError(f"participant {self.number} has uploaded in round {self.round}")
        if self._counted_rounds >= self.session.rounds:
            raise ProtocolError(f"all {self.session.rounds} rounds of the session are over")
        protected = self._protection.protect(
            change,
            round_number=self.round,
            participant=self.number,
            leaving=leaving,
            renewing=renewing,
        )
        self._has_uploaded = True
        rows = self.session.rows_named(change)
        return UploadMessage(self.round, self.number, protected.nonce, rows, protected.payload)

    def restore_upload(self) -> None:
        """Remember after a crash that the round's upload was sent."""
        self._has_uploaded = True

    def receive_closing(self, message: ClosingMessage) -> bool:
        """End the round.

        Returns
        -------
        bool
            Whether this participant's upload was included. Only then does its change count.

        Raises
        ------
        ProtocolError
            The closing is of another round, or includes an upload that was never made.
        """
        if message.round != self.round:
            raise ProtocolError(f"the closing of round {message.round} in round {self.round}")
        included = self.number in message.included
        if included and not self._has_uploaded:
            raise ProtocolError(
                f"round {self.round} includes participant {self.number}, which uploaded nothing"
            )
        self._protection.hear(message)
        self.heard_rounds += 1
        self._counted_rounds += message.counts(self.session)
        self._has_table = self._has_uploaded = False
        return included
