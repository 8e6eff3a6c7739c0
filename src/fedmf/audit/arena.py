"""A federation with a committee whose server does as it pleases with every message.

All roles are the real ones, or one of `fedmf.audit.weakened`. The server opens the sums itself
(``--open server``), so that it also says what the table is; in a `BlindArena` it needs the help of
one participant for both.

What participants contribute is a function of the table and of their ratings, as with method
`bayes`: a rating counts once while its row of the table is zero, and twice from then on. The public
plan says so; the server knows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from fedmf.audit.dishonest_round import DishonestRound, say
from fedmf.crypto.derivation import MasterSecret
from fedmf.errors import ProtocolError
from fedmf.protocol import (
    ClosingMessage,
    GroupShape,
    Int64Array,
    ParticipantRole,
    RowChange,
    Session,
    TableMessage,
    TableShape,
)
from fedmf.protocol.committee.certificate import Certificate, CertifiedRound, Outcome
from fedmf.protocol.committee.closing import ClosingProof, SumProof
from fedmf.protocol.committee.exchange import (
    AnswerReply,
    KeyReply,
    KeyRequest,
    PromiseReply,
    Refusal,
    ReviewReply,
    VoteReply,
)
from fedmf.protocol.committee.held_table import Reader
from fedmf.protocol.committee.member import CommitteeMember
from fedmf.protocol.committee.member_log import ForgetfulLog
from fedmf.protocol.committee.opening import OpeningMessage
from fedmf.protocol.committee.participant import CommitteeParticipant
from fedmf.protocol.committee.sums import public_polynomials, servers_tags
from fedmf.protocol.committee.table_payload import TableForm, TablePayload
from fedmf.protocol.enrolment.keyring import CommitteeKeyring
from fedmf.protocol.enrolment.votes import MemberSignature
from fedmf.protocol.messages import CommitteeMessage
from fedmf.protocol.session import CommitteeTerms, OpenedBy
from fedmf.protocol.table import encode_words
from fedmf.protocol.wire import u32

Reply = TypeVar("Reply", bound=CommitteeMessage)
MEMBERS, THRESHOLD, SMALLEST_COHORT = 4, 3, 3


class Arena:
    """Honest participants and members, and a server that may call them in any order.

    Parameters
    ----------
    ratings
        Whole numbers from 1, 0 where there is none, shape (participants, items).
    """

    opened_by: ClassVar[OpenedBy] = "server"
    """Who opens sums."""

    def __init__(
        self,
        ratings: Int64Array,
        *,
        member: type[CommitteeMember] = CommitteeMember,
        participant: type[CommitteeParticipant] = CommitteeParticipant,
    ) -> None:
        self._ratings = ratings
        count, items = ratings.shape
        # One row more than there are items: nobody ever rates it.
        shape = TableShape((GroupShape("items", items + 1, 1, 24),))
        terms = CommitteeTerms(MEMBERS, THRESHOLD, self.opened_by, 1, SMALLEST_COHORT)
        session = Session(bytes(16), "committee", "full", shape, count, 4, None, bytes(32), terms)
        ring = CommitteeKeyring(MasterSecret.fresh(), session, terms)
        self.charter = ring.charter
        self._members = [
            member(self.charter, number, key, ForgetfulLog())
            for number, key in enumerate(ring.member_keys)
        ]
        start = shape.zeros()
        self._reader = ring.reader if terms.blind else None
        self._protections = [
            participant(self.charter, ring.signing_keys([number]), self._reader, start)
            for number in range(count)
        ]
        self._roles = [
            ParticipantRole(session, number, protection)
            for number, protection in enumerate(self._protections)
        ]
        self._contributed = np.zeros((count, items + 1), dtype=np.int64)
        self._pending = self._contributed.copy()
        self._public = public_polynomials(self.charter)
        self._tag_secret = MasterSecret.fresh()
        self._endings: list[CertifiedRound] = []
        self._answers: tuple[AnswerReply, ...] = ()

    @property
    def everybody(self) -> list[int]:
        """All participants."""
        return list(range(len(self._roles)))

    @property
    def rows(self) -> int:
        """Rows of the table: one more than there are items."""
        return int(self._ratings.shape[1]) + 1

    def hand_out(self, table: Int64Array, after_round: int) -> None:
        """Give everybody a table, shape (items + 1,): whichever the server likes.

        Parameters
        ----------
        after_round
            The last closed round, as everybody has heard; 0: the start.
        """
        words = encode_words(self.charter.session.shape, [table[:, np.newaxis]])
        secret = self._tag_secret.to_bytes()
        payload = TablePayload(TableForm.PLAIN, after_round, secret + words)
        if after_round == 0:
            payload = TablePayload(TableForm.START, 0, secret)
        for role in self._roles:
            role.receive_table(TableMessage(role.round, payload.to_bytes()))
        self._table = table

    @property
    def _previous(self) -> Certificate | None:
        return self._endings[-1].certificate if self._endings else None

    def begin(self) -> DishonestRound:
        """Begin the next round with the keys of all members."""
        request = KeyRequest(self._roles[0].round, tuple(self._endings))
        replies = [_accepted(say(one, request, self.charter), KeyReply) for one in self._members]
        opening = OpeningMessage(request.round, 1, tuple(reply.key for reply in replies))
        for protection in self._protections:
            protection.begin(opening.to_bytes(self.charter))
        return DishonestRound(self.charter, opening, self._previous)

    def collect(
        self, current: DishonestRound, numbers: Iterable[int], *, leaving: Sequence[int] = ()
    ) -> None:
        """Have participants upload what the table that they hold makes of their ratings."""
        weights = 1 + (self._table != 0)
        for number in numbers:
            new = np.append(self._ratings[number], 0) * weights
            if number in leaving:
                new = np.zeros_like(new)
            change = new - self._contributed[number]
            rows = np.flatnonzero(change)
            changed = [RowChange(rows, change[rows][:, np.newaxis])]
            current.take(self._roles[number].upload(changed, leaving=number in leaving))
            self._pending[number] = new

    def opened(self, current: DishonestRound, numbers: Sequence[int]) -> Int64Array:
        """Ask members for the sum of some participants' changes, shape (items + 1,)."""
        return current.opened(
            numbers,
            current.shares(self._answered(current, numbers)),
            public=self._public,
            before=self._table,
            tags=servers_tags(self._tag_secret.to_bytes(), self.charter),
        )

    def _answered(self, current: DishonestRound, numbers: Sequence[int]) -> list[AnswerReply]:
        outcome = current.outcome(numbers)
        for member in self._members:
            _accepted(current.promise(member, numbers, outcome), PromiseReply)
        answers = [current.ask(member, numbers, outcome) for member in self._members]
        return [_accepted(answer, AnswerReply) for answer in answers]

    def close(self, current: DishonestRound, numbers: Sequence[int], outcome: Outcome) -> None:
        """End the round for everybody with an outcome that members sign."""
        votes = [_accepted(one, VoteReply) for one in current.votes(self._members, outcome)]
        signatures = tuple(MemberSignature(one.member, one.vote) for one in votes)
        certificate = Certificate(outcome, signatures)
        if outcome.closed and self.charter.terms.blind:
            certificate = current.checked(self._members, numbers, certificate)
        included: tuple[int, ...] = ()
        nonces: tuple[bytes, ...] = ()
        proof = ClosingProof(certificate)
        if outcome.closed:
            included = tuple(numbers)
            nonces = tuple(current.uploads[one].signed.header.nonce for one in numbers)
            entries = current.entries(numbers)
            summed = SumProof(current.opening, current.table, entries, self._answers)
            proof = ClosingProof(certificate, summed)
        self._endings.append(proof.certified)
        closing = ClosingMessage(outcome.round, included, nonces, proof.to_bytes())
        for role in self._roles:
            if role.receive_closing(closing):
                self._contributed[role.number] = self._pending[role.number]

    def opened_round(
        self,
        table: Int64Array,
        after_round: int,
        numbers: Sequence[int],
        *,
        leaving: Sequence[int] = (),
    ) -> tuple[DishonestRound, Int64Array]:
        """Play a round as far as its opened sum; see `hand_out` and `collect`."""
        self.hand_out(table, after_round)
        current = self.begin()
        self.collect(current, numbers, leaving=leaving)
        for member in self._members:
            _accepted(current.show(member, numbers), ReviewReply)
        return current, self.opened(current, numbers)

    def honest_round(
        self, table: Int64Array, after_round: int, numbers: Sequence[int]
    ) -> Int64Array:
        """Play a round as it should be; return the opened sum."""
        current, opened = self.opened_round(table, after_round, numbers)
        self.close(current, numbers, current.outcome(numbers))
        return opened


class BlindArena(Arena):
    """The same where participants open the sums, and one of them has told the server its secrets.

    The secret that participants share opens the members' answers, and makes the factors and masks
    of the tags. So the two read every sum, and could shift it by what they like before anybody else
    opens it, and choose the table. They know by how much only once t members have answered, and so
    have promised another sum.
    """

    opened_by: ClassVar[OpenedBy] = "participants"

    def hand_out(self, table: Int64Array, after_round: int) -> None:
        """Hand the last sum out, shifted so that everybody opens this table; see `Arena`."""
        payload = TablePayload(TableForm.START, 0)
        if after_round:
            current, numbers, opened = self._last
            shift = table - (self._table + opened)
            content = current.added(numbers, shift, self.tags_of(shift))
            payload = TablePayload(TableForm.SUM, after_round, content)
        for role in self._roles:
            role.receive_table(TableMessage(role.round, payload.to_bytes()))
        self._table = table

    def tags_of(self, shift: Int64Array) -> NDArray[np.uint64]:
        """Return the tags that a shift of a sum needs to open, shape (tags,)."""
        return self._told().tags().of(shift)

    def opened(self, current: DishonestRound, numbers: Sequence[int]) -> Int64Array:
        """Open what members have sealed to the participants; see `Arena`."""
        answers, told = self._answered(current, numbers), self._told()
        self._answers = tuple(answers)
        masks = np.zeros((), dtype=np.uint64)
        for number in numbers:
            nonce = current.uploads[number].signed.header.nonce
            masks = masks + told.tags().mask(current.context, u32(number), nonce)
        opened = current.opened(
            numbers,
            told.shares(self._answers),
            public=self._public,
            before=self._table,
            tags=told.tags(),
            masks=masks,
        )
        self._last = current, numbers, opened
        return opened

    def _told(self) -> Reader:
        """Return what the participant that works with the server has told it."""
        assert self._reader is not None  # noqa: S101 - a blind committee has one
        return Reader(self._reader, self.charter.roster, self.charter, self._public)


def _accepted(reply: CommitteeMessage, wanted: type[Reply]) -> Reply:
    if isinstance(reply, Refusal):
        raise ProtocolError(reply.reason)
    assert isinstance(reply, wanted)  # noqa: S101 - the protocol's own answer
    return reply


def victims_ratings(difference: Int64Array) -> Mapping[int, int]:
    """Return the ratings that a difference of two sums shows, by item."""
    return {item: abs(int(difference[item])) for item in np.flatnonzero(difference).tolist()}
