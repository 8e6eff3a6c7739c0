"""The server's role: a state machine that adds what it cannot read. No I/O, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fedmf.errors import ProtocolError
from fedmf.protocol.halves import ServerProtection
from fedmf.protocol.members import Members
from fedmf.protocol.messages import ClosingMessage, TableMessage, UploadMessage
from fedmf.protocol.session import Session


class Server:
    """Holds the protected table and runs rounds.

    ``prepare_round -> begin_round -> receive … receive -> freeze -> ask_to_open -> close_round``
    and again, until `is_over`; `table_message` in between. After `prepare_round`, `freeze` and
    `ask_to_open`, members of a committee are consulted: send them what `requests` returns and hand
    their replies to `hear`, until `requests` returns nothing. Protections without a committee have
    nothing to ask. A call that raises has changed nothing, even for a malicious upload.

    Parameters
    ----------
    session
        The agreed parameters.
    protection
        The server's half of the protection, with a started or restored table.
    closings
        The closings of the rounds so far.
    members
        Whom to consult; nobody unless given.
    """

    def __init__(
        self,
        session: Session,
        protection: ServerProtection,
        closings: Iterable[ClosingMessage] = (),
        members: Members | None = None,
    ) -> None:
        self.session = session
        self.closings = list(closings)
        self.members = members or Members(protection)
        self.members.note(self.closings)
        self._spent_nonces = {nonce for closing in self.closings for nonce in closing.nonces}
        self._protection = protection
        self._cohort: frozenset[int] | None = None
        self._frozen = False
        self._received: dict[int, bytes] = {}

    @property
    def counted_rounds(self) -> int:
        """Rounds that the table includes; void ones do not count."""
        return sum(closing.counts(self.session) for closing in self.closings)

    @property
    def is_over(self) -> bool:
        """Whether all rounds of the session are over."""
        return self.counted_rounds >= self.session.rounds

    @property
    def next_round(self) -> int:
        """The number of the round under way, or of the next one to begin; from 1."""
        return len(self.closings) + 1

    @property
    def needs_copy(self) -> bool:
        """Whether a participant has to give the server a copy of the table for late ones."""
        return self.members.needs_copy

    def keep_copy(self, copy: bytes) -> None:
        """Keep a participant's copy of the table; raise MessageError if it is none."""
        self.members.keep_copy(copy, self.counted_rounds)

    @property
    def is_void(self) -> bool:
        """Whether the round under way is known to be void; then only `close_round` is left."""
        return self.members.is_void

    def table_message(self) -> TableMessage:
        """Return the table after the last closed round, for everybody."""
        if self._cohort is not None:
            raise ProtocolError(f"the table changes while round {self.next_round} is under way")
        return TableMessage(self.next_round, self._protection.table_payload())

    def prepare_round(self) -> None:
        """Prepare the next round.

        Raises
        ------
        ProtocolError
            A round is under way already, or all rounds are over.
        """
        self._check_that_a_round_may_begin()
        self.members.prepare(self.next_round)

    def _check_that_a_round_may_begin(self) -> None:
        if self._cohort is not None:
            raise ProtocolError(f"round {self.next_round} is still under way")
        if self.is_over:
            raise ProtocolError(f"all {self.session.rounds} rounds of the session are over")

    def requests(self) -> Mapping[int, bytes]:
        """Return messages for members of a committee, by member; see `Members.requests`."""
        return self.members.requests()

    def hear(self, member: int, reply: bytes) -> None:
        """Take note of a member's reply."""
        self.members.hear(member, reply)

    def begin_round(self, cohort: Iterable[int]) -> bytes:
        """Begin the next round for these participants.

        Returns
        -------
        bytes
            A message for everybody; empty where the protection needs none.

        Raises
        ------
        ProtocolError
            A round is under way already, all rounds are over, the cohort is empty or unknown, or
            members have to be asked first.
        """
        self._check_that_a_round_may_begin()
        participants = frozenset(cohort)
        if not participants or not all(
            0 <= one < self.session.participants for one in participants
        ):
            raise ProtocolError("a cohort is one or more of the session's participants")
        opening = self.members.begin(self.counted_rounds + 1)
        self._cohort, self._frozen, self._received = participants, False, {}
        return opening

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
            No round is under way or its set of uploads is frozen, or the upload is for another
            round, from outside the cohort, or the participant's second one.
        """
        if self._cohort is None:
            raise ProtocolError("an upload while no round is under way")
        if self._frozen:
            raise ProtocolError(f"an upload after the deadline of round {self.next_round}")
        upload = UploadMessage.from_bytes(data, self.session)
        if upload.round != self.next_round:
            raise ProtocolError(f"an upload for round {upload.round} in round {self.next_round}")
        if upload.participant not in self._cohort:
            raise ProtocolError(
                f"participant {upload.participant} is not in the cohort of the round"
            )
        if upload.participant in self._received:
            raise ProtocolError(f"a second upload of participant {upload.participant} in the round")
        if upload.nonce in self._spent_nonces:
            raise ProtocolError(
                f"participant {upload.participant} uses the nonce of another upload"
            )
        self.members.add(upload, self.counted_rounds + 1)
        self._received[upload.participant] = upload.nonce
        if upload.nonce:
            self._spent_nonces.add(upload.nonce)
        return upload.participant

    def freeze(self) -> None:
        """End the time for uploads: the set of those that may count is known now."""
        if self._cohort is None or self._frozen:
            raise ProtocolError("there is no round under way to freeze, or it is frozen already")
        self._frozen = True
        self.members.freeze()

    def ask_to_open(self) -> None:
        """Ask members for what is needed to close the round."""
        self.members.ask_to_open()

    def frozen(self) -> bytes:
        """Return the frozen round, to go on after a crash; empty where there is nothing to ask."""
        return self.members.frozen()

    def restore_frozen(self, data: bytes) -> None:
        """Take a round that `frozen` returned; go on with `ask_to_open`.

        Raises
        ------
        MessageError
            The bytes are damaged, or of another round; nothing has changed.
        ProtocolError
            A round is under way, or this server freezes nothing.
        """
        if self._cohort is not None:
            raise ProtocolError(f"round {self.next_round} is under way")
        counted_round = self.counted_rounds + 1
        self._cohort = self.members.restore_frozen(data, self.next_round, counted_round)
        self._frozen, self._received = True, {}

    def close_round(self) -> ClosingMessage:
        """End the round: say whose uploads it includes.

        Raises
        ------
        ProtocolError, OpenError
            There is none to end, or it cannot end yet, or at all; see `Members.closing`.
        """
        received = None if self._cohort is None else self._received
        closing = self.members.closing(self.next_round, received)
        self._cohort = None
        self.closings.append(closing)
        self.members.note(self.closings)
        return closing

    def payload(self) -> bytes:
        """Return the protected table, exactly, for a checkpoint."""
        return self._protection.payload()
