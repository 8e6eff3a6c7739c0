"""The two halves of a protection: what participants do with integer tables, and the server.

They answer how a participant protects a change, how the server adds what it cannot read, and who
opens the sum.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fedmf.errors import ProtocolError
from fedmf.protocol.table import Change, IntegerTable, Rows

if TYPE_CHECKING:
    from fedmf.protocol.messages import ClosingMessage
    from fedmf.protocol.session import Session

NOT_MOVED = (
    "the table is the one that this participant's last upload went into: a server that replays a "
    "table isolates the next upload. If the last round was an honest one, it changed nothing: the "
    "training has converged"
)


@dataclass(frozen=True, slots=True)
class Protected:
    """A protected change."""

    payload: bytes
    """What goes to the server."""
    nonce: bytes = b""
    """Public bytes, fresh for this upload, from which holders of the key find the upload's own key
    or masks; empty where the session has no nonces."""


class ParticipantProtection(ABC):
    """The participant's half: protects its changes and opens the table.

    Parameters
    ----------
    session
        The agreed parameters.
    """

    def __init__(self, session: Session) -> None:
        self.session = session

    @abstractmethod
    def protect(
        self,
        change: Change,
        *,
        round_number: int,
        participant: int,
        leaving: bool = False,
        renewing: bool = False,
    ) -> Protected:
        """Return the payload of an upload, and its nonce where the session has nonces.

        Parameters
        ----------
        change
            What to protect.
        round_number, participant
            When, and for whom: bound into the protection where it has a key for each upload.
        leaving
            The change takes back all that the participant ever contributed.
        renewing
            Its ratings are others than those behind its last contribution.

        Raises
        ------
        FixedPointRangeError
            A value does not fit its word. Nothing has been protected then.
        """

    def has_moved(self, participant: int) -> bool:
        """Return whether the table is another one than the participant's last upload went into.

        Where it is not, and an upload would be refused for it, either the server replays a table or
        nothing moves any more.
        """
        del participant
        return True

    def waits(self, participant: int) -> str:
        """Return what a participant's next uploads wait for; empty if they pass by themselves."""
        del participant
        return ""

    def begin(self, opening_message: bytes) -> None:
        """Hear how a round begins, where the protection has something to agree on first.

        Raises
        ------
        MessageError, ProtocolError
            The round does not begin as it should.
        """
        del opening_message

    def copy(self) -> bytes:
        """Return the table, protected for participants who come late, where that is needed.

        Raises
        ------
        ProtocolError
            The server's own table serves them.
        """
        raise ProtocolError(f"protection {self.session.protection} needs no copies of its table")

    def hear(self, closing: ClosingMessage) -> None:
        """Take note of whose uploads the table includes from now on; again is no harm.

        Protections whose uploads have neither keys nor masks of their own need not know.

        Raises
        ------
        ProtocolError
            A closing before this one was missed.
        """
        del closing

    def replay(self, closings: Sequence[ClosingMessage]) -> None:
        """Hear all closings again that were heard before a restart, as they were kept."""
        for closing in closings:
            self.hear(closing)

    @abstractmethod
    def open(self, payload: bytes, rows: Rows | None = None) -> IntegerTable:
        """Return the table that a payload of the server protects.

        Parameters
        ----------
        payload
            Of a table message.
        rows
            Open only these rows, which is cheaper; the result holds nothing of value in the
            others. Which rows a participant opens shows to nobody, unless the server damages some
            and watches who complains.

        Raises
        ------
        MessageError
            The payload has the wrong size or is malformed.
        OpenError
            Wrong key or damaged table.
        """

    @abstractmethod
    def work(self, rows: Rows | None = None) -> int:
        """Return in how many units of work (ciphertexts, or words) these rows lie; None: all rows.

        Protecting and opening grow linearly with it.
        """

    @abstractmethod
    def payload_bytes(self, rows: Rows | None = None) -> int:
        """Return the size of an upload's payload that holds these rows; None: all rows."""

    def table_bytes(self, uploaded: Rows | None) -> int:
        """Return the size of the table's payload after a round of uploads of these rows."""
        del uploaded
        return self.payload_bytes()

    def reopenable(self, payload: bytes) -> bytes:
        """Return the payload that was just opened, in a form that opens after a restart."""
        return payload


class ServerProtection(ABC):
    """The server's half: holds the protected table and adds to it.

    Parameters
    ----------
    session
        The agreed parameters.
    """

    def __init__(self, session: Session) -> None:
        self.session = session

    @abstractmethod
    def start(self, table: IntegerTable) -> None:
        """Take the public start table as the protected one."""

    @abstractmethod
    def add(self, payload: bytes, rows: Rows | None, *, counted_round: int) -> None:
        """Add the change that an upload protects; on any error the table is as before.

        Parameters
        ----------
        payload
            Of the upload message.
        rows
            The rows that it names; None where all have the same.
        counted_round
            Which of the session's rounds it is, from 1, void ones left out: says what travels.

        Raises
        ------
        MessageError
            The payload has the wrong size or is malformed.
        """

    @abstractmethod
    def payload(self) -> bytes:
        """Return the protected table as bytes, exactly."""

    def table_payload(self) -> bytes:
        """Return what goes out as the table: the same, unless opened tables are rounded."""
        return self.payload()

    @abstractmethod
    def restore(self, payload: bytes) -> None:
        """Take a protected table that `payload` once returned."""
