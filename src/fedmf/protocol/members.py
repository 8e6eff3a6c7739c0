"""Whom the server consults in its rounds: nobody, unless the protection has a committee."""

from __future__ import annotations

from collections.abc import Mapping, MutableSequence, Sequence
from typing import Protocol

from fedmf.errors import ProtocolError
from fedmf.protocol.halves import ServerProtection
from fedmf.protocol.messages import ClosingMessage, UploadMessage


class Member(Protocol):
    """A member of a committee, as seen by what carries its messages."""

    @property
    def newest_round(self) -> int:
        """The last round that the member did anything in; 0 before the first."""
        ...

    def respond(self, data: bytes) -> bytes:
        """Return the answer to a message of the server: a refusal where there is none."""
        ...


class MemberLog(Protocol):
    """An append-only list of records that survives a crash."""

    def records(self) -> Sequence[bytes]:
        """Return all records, oldest first."""
        ...

    def append(self, record: bytes) -> None:
        """Append a record; return when it would survive a power failure, not before."""
        ...


class Spool(Protocol):
    """Where the server keeps the words of a round's uploads until nobody needs them any more.

    One may have to come out, and members of a blind committee add all of them up again.

    By participant; nothing in it is secret.
    """

    def keep(self, participant: int, words: bytes) -> None:
        """Keep a participant's words."""
        ...

    def take(self, participant: int) -> bytes:
        """Return a participant's words."""
        ...

    def clear(self) -> None:
        """Forget all of them: a round begins, or is over for good."""
        ...

    def sync(self) -> None:
        """Make durable what was kept, where it is to survive a crash."""
        ...


class Members:
    """Nobody: there is nothing to ask, and every upload that was received counts.

    A committee overrides what it has a say in. The server calls, in each round, ``prepare -> begin
    -> add … add -> freeze -> ask_to_open -> closing -> note``, and asks for `requests` in between.

    Parameters
    ----------
    table
        What the uploads are added to.
    """

    needs_copy = False
    """Whether a participant has to give the server a copy of the table for late ones."""

    def __init__(self, table: ServerProtection) -> None:
        self.table = table

    @property
    def is_void(self) -> bool:
        """Whether the round under way is known to be void."""
        return False

    @property
    def frozen_participants(self) -> tuple[int, ...]:
        """Whose contribution stays as it is until enough of them renew theirs in one round."""
        return ()

    @property
    def waiting_participants(self) -> tuple[int, ...]:
        """Whose uploads were left out in this round, because too few came of their lot."""
        return ()

    @property
    def complaints(self) -> Mapping[int, tuple[int, ...]]:
        """Whom members complained about in this round, by member: their uploads are left out."""
        return {}

    @property
    def refusals(self) -> Mapping[int, str]:
        """What members gave as reasons in this round, by member."""
        return {}

    def keep_copy(self, copy: bytes, counted_round: int) -> None:
        """Keep a participant's copy of the table after this many counted rounds.

        Raises
        ------
        MessageError
            It is none, or of another round.
        ProtocolError
            No copy is needed.
        """
        del copy, counted_round
        raise ProtocolError("this server holds the table itself")

    def prepare(self, round_number: int) -> None:
        """Prepare a round."""
        del round_number

    def requests(self) -> Mapping[int, bytes]:
        """Return messages for members, by member; none when all was asked.

        Raises
        ------
        ProtocolError
            Too few members are there to end the round in any way. The next call asks those again
            that are missing.
        """
        return {}

    def hear(self, member: int, reply: bytes) -> None:
        """Take note of a member's reply; what is no proper reply counts as a refusal."""
        del reply
        raise ProtocolError(f"member {member} speaks in a session without a committee")

    def begin(self, counted_round: int) -> bytes:
        """Begin the round, as this one of those that count; return a message for everybody.

        Raises
        ------
        ProtocolError
            Members have to be asked first.
        """
        del counted_round
        return b""

    def add(self, upload: UploadMessage, counted_round: int) -> None:
        """Check an upload and add it to the table; on any error the table is as before.

        Raises
        ------
        MessageError
            The upload is malformed, or not what its participant signed.
        """
        self.table.add(upload.payload, upload.rows, counted_round=counted_round)

    def freeze(self) -> None:
        """End the time for uploads."""

    def ask_to_open(self) -> None:
        """Ask members for what is needed to close the round."""

    def frozen(self) -> bytes:
        """Return the frozen round, to go on after a crash; empty where there is nothing to ask."""
        return b""

    def forget_words(self) -> None:
        """Forget the uploads of a round whose end is safely kept."""

    def restore_frozen(self, data: bytes, round_number: int, counted_round: int) -> frozenset[int]:
        """Take a round that `frozen` returned; return its participants.

        Raises
        ------
        MessageError
            The bytes are damaged, or of another round; nothing has changed.
        """
        del data, round_number, counted_round
        raise ProtocolError("this server freezes nothing")

    def closing(self, round_number: int, received: Mapping[int, bytes] | None) -> ClosingMessage:
        """Return how the round ends.

        Parameters
        ----------
        received
            The nonces of the uploads that were received, by participant; None where no round is
            open, which only a void one may be.

        Raises
        ------
        ProtocolError
            There is none, or members have not signed its end yet, or too few of them answered to
            open its sum: the session ends then.
        OpenError
            The server is to open the sum, and it does not open: the session ends then.
        """
        if received is None:
            raise ProtocolError("there is no round under way to close")
        included = tuple(sorted(received))
        nonces = tuple(received[number] for number in included if received[number])
        return ClosingMessage(round_number, included, nonces)

    def note(self, closings: MutableSequence[ClosingMessage]) -> None:
        """Take note of the last of the closings so far; drop what nobody asks the others for."""
        del closings
