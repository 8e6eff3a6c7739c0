"""The server's role: a state machine that adds what it cannot read. No I/O, no clock."""

from __future__ import annotations

from collections.abc import Iterable

from fedmf.errors import ProtocolError
from fedmf.protocol.messages import ClosingMessage, TableMessage, UploadMessage
from fedmf.protocol.protection import ServerProtection
from fedmf.protocol.session import Session


class Server:
    """Holds the protected table and runs rounds: open, receive uploads, close.

    ``table_message -> open_round -> receive … receive -> close_round`` and again, at most
    `session.rounds` times. Whatever a participant sends, a call that raises has changed nothing.

    Parameters
    ----------
    session
        The agreed parameters.
    protection
        The server's half of the protection, with a started or restored table.
    closings
        The closings of the rounds that the table already includes.
    """

    def __init__(
        self,
        session: Session,
        protection: ServerProtection,
        closings: Iterable[ClosingMessage] = (),
    ) -> None:
        self.session = session
        self.closings = list(closings)
        self._spent_nonces = {nonce for closing in self.closings for nonce in closing.nonces}
        self._protection = protection
        self._cohort: frozenset[int] | None = None
        self._included: dict[int, bytes] = {}

    @property
    def closed_rounds(self) -> int:
        """Rounds that the table includes."""
        return len(self.closings)

    @property
    def next_round(self) -> int:
        """The round under way, or the next one to open; from 1."""
        return self.closed_rounds + 1

    def table_message(self) -> TableMessage:
        """Return the table after the last closed round, for everybody."""
        if self._cohort is not None:
            raise ProtocolError(f"the table changes while round {self.next_round} is open")
        return TableMessage(self.next_round, self._protection.payload())

    def open_round(self, cohort: Iterable[int]) -> None:
        """Begin the next round for these participants.

        Raises
        ------
        ProtocolError
            A round is open already, all rounds are over, or the cohort is empty or unknown.
        """
        members = frozenset(cohort)
        if self._cohort is not None:
            raise ProtocolError(f"round {self.next_round} is still open")
        if self.next_round > self.session.rounds:
            raise ProtocolError(f"all {self.session.rounds} rounds of the session are over")
        if not members or not all(0 <= member < self.session.participants for member in members):
            raise ProtocolError("a cohort is one or more of the session's participants")
        self._cohort, self._included = members, {}

    def receive(self, data: bytes) -> int:
        """Check one upload and add it.

        Parameters
        ----------
        data
            The bytes of an `UploadMessage`.

        Returns
        -------
        int
            The participant whose upload it was.

        Raises
        ------
        MessageError
            Malformed, damaged, of another session or of the wrong size.
        ProtocolError
            No round is open, or the upload is for another round, from outside the cohort, or the
            participant's second one.
        """
        if self._cohort is None:
            raise ProtocolError("an upload while no round is open")
        upload = UploadMessage.from_bytes(data, self.session)
        if upload.round != self.next_round:
            raise ProtocolError(f"an upload for round {upload.round} in round {self.next_round}")
        if upload.participant not in self._cohort:
            raise ProtocolError(
                f"participant {upload.participant} is not in the cohort of the round"
            )
        if upload.participant in self._included:
            raise ProtocolError(f"a second upload of participant {upload.participant} in the round")
        if upload.nonce in self._spent_nonces:
            raise ProtocolError(
                f"participant {upload.participant} uses the nonce of another upload"
            )
        self._protection.add(upload.payload, upload.rows)
        self._included[upload.participant] = upload.nonce
        if upload.nonce:
            self._spent_nonces.add(upload.nonce)
        return upload.participant

    def close_round(self) -> ClosingMessage:
        """End the round: say whose uploads it includes."""
        if self._cohort is None:
            raise ProtocolError("there is no open round to close")
        included = tuple(sorted(self._included))
        nonces = tuple(self._included[number] for number in included if self.session.nonce_bytes)
        closing = ClosingMessage(self.next_round, included, nonces)
        self._cohort = None
        self.closings.append(closing)
        return closing
