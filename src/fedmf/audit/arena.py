"""A federation with a committee whose server does as it pleases with every message.

All roles are the real ones, or one of `fedmf.audit.weakened`. The server opens the sums itself
(``--open server``), which gives it the most that any server has: it also says what the table is.

What participants contribute is a function of the table and of their ratings, as with method
`bayes`: a rating counts once while its row of the table is zero, and twice from then on. The public
plan says so; the server knows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from fedmf.crypto.master_secret import MasterSecret
from fedmf.crypto.rlwe_words import add_words, pack_words, unpack_words, zero_words
from fedmf.crypto.share_sum import ShareSum
from fedmf.crypto.signatures import SigningKey
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
    UploadMessage,
)
from fedmf.protocol.committee.certificate import Certificate, Outcome, set_digest
from fedmf.protocol.committee.charter import Charter
from fedmf.protocol.committee.closing import ClosingProof, SumProof
from fedmf.protocol.committee.exchange import (
    AnswerReply,
    AnswerRequest,
    KeyReply,
    KeyRequest,
    Refusal,
    ReviewEntry,
    ReviewReply,
    ReviewRequest,
    VoteReply,
    VoteRequest,
)
from fedmf.protocol.committee.member import CommitteeMember
from fedmf.protocol.committee.member_log import ForgetfulLog
from fedmf.protocol.committee.message import CommitteeMessage
from fedmf.protocol.committee.opening import OpeningMessage
from fedmf.protocol.committee.participant import CommitteeParticipant, reader_envelope_key
from fedmf.protocol.committee.sum_opening import (
    committee_layout,
    open_round_sum,
    public_polynomials,
    servers_tags,
)
from fedmf.protocol.committee.table_payload import Form, TablePayload
from fedmf.protocol.committee.terms import CommitteeTerms
from fedmf.protocol.committee.upload import CommitteePayload
from fedmf.protocol.committee.votes import MemberSignature
from fedmf.protocol.framing import kind_of
from fedmf.protocol.integrity_tags import pack_numbers, split_numbers
from fedmf.protocol.plain_words import encode_words

Reply = TypeVar("Reply", bound=CommitteeMessage)
MEMBERS, THRESHOLD, SMALLEST_COHORT = 4, 3, 3
_REPLIES = {one.KIND: one for one in (KeyReply, ReviewReply, AnswerReply, VoteReply, Refusal)}


@dataclass(slots=True)
class DishonestRound:
    """What the server holds of a round."""

    opening: OpeningMessage
    """How it began."""
    previous: Certificate | None
    """Outcome of the round before."""
    payloads: dict[int, CommitteePayload] = field(default_factory=dict)
    """What was uploaded, by participant."""


class Arena:
    """Honest participants and members, and a server that may call them in any order.

    Parameters
    ----------
    ratings
        Whole numbers from 1, 0 where there is none, shape (participants, items).
    member, participant
        The classes of the roles.
    """

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
        terms = CommitteeTerms(MEMBERS, THRESHOLD, "server", 1, SMALLEST_COHORT)
        session = Session(bytes(16), "committee", "full", shape, count, 4, None, bytes(32), terms)
        signing = {number: SigningKey.fresh() for number in range(count)}
        keys = [SigningKey.fresh() for _ in range(MEMBERS)]
        reader = reader_envelope_key(MasterSecret.fresh(), terms.suite).public
        self.charter = Charter(
            session,
            tuple(key.public for key in keys),
            tuple(key.public for key in signing.values()),
            reader,
        )
        self._members = [
            member(self.charter, number, key, ForgetfulLog()) for number, key in enumerate(keys)
        ]
        start = shape.zeros()
        self._protections = [
            participant(self.charter, {number: key}, None, start) for number, key in signing.items()
        ]
        self._roles = [
            ParticipantRole(session, number, protection)
            for number, protection in enumerate(self._protections)
        ]
        self._contributed = np.zeros((count, items + 1), dtype=np.int64)
        self._pending = self._contributed.copy()
        self._layout = committee_layout(session)
        self._public = public_polynomials(self.charter)
        self._tag_secret = MasterSecret.fresh()
        self._certificate: Certificate | None = None

    @property
    def everybody(self) -> list[int]:
        """All participants."""
        return list(range(len(self._roles)))

    @property
    def rows(self) -> int:
        """Rows of the table: one more than there are items."""
        return int(self._ratings.shape[1]) + 1

    def hand_out(self, table: Int64Array, after_round: int) -> None:
        """Give a table to everybody: whichever the server likes.

        Parameters
        ----------
        table
            Shape (items + 1,).
        after_round
            The last closed round, as everybody has heard; 0: the start.
        """
        words = encode_words(self.charter.session.shape, [table[:, np.newaxis]])
        secret = self._tag_secret.to_bytes()
        payload = TablePayload(Form.PLAIN, after_round, secret + words)
        if after_round == 0:
            payload = TablePayload(Form.START, 0, secret)
        for role in self._roles:
            role.receive_table(TableMessage(role.round, payload.to_bytes()))
        self._table = table

    def begin(self) -> DishonestRound:
        """Begin the next round with the keys of all members."""
        number = self._roles[0].round
        keys = [
            self._said(member, KeyRequest(number, self._certificate), KeyReply).key
            for member in self._members
        ]
        opening = OpeningMessage(number, 1, tuple(keys))
        for protection in self._protections:
            protection.begin(opening.to_bytes(self.charter))
        return DishonestRound(opening, self._certificate)

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
            upload: UploadMessage = self._roles[number].upload(
                [RowChange(rows, change[rows][:, np.newaxis])], leaving=number in leaving
            )
            self._pending[number] = new
            current.payloads[number] = CommitteePayload.from_bytes(
                upload.payload, charter=self.charter, participant=number, opening=current.opening
            )

    def review(self, current: DishonestRound, numbers: Sequence[int]) -> None:
        """Show members the uploads of some participants."""
        for place, member in enumerate(self._members):
            entries = tuple(
                ReviewEntry(one, upload.signed, upload.envelopes[place])
                for one, upload in ((one, current.payloads[one]) for one in numbers)
            )
            request = ReviewRequest(
                current.opening.round, current.opening, self._digest(current), entries
            )
            self._said(member, request, ReviewReply)

    def answers(self, current: DishonestRound, numbers: Sequence[int]) -> list[AnswerReply]:
        """Ask members to answer for the sum over some participants."""
        outcome = self.outcome(current, numbers)
        request = AnswerRequest(outcome.round, tuple(numbers), outcome)
        return [self._said(member, request, AnswerReply) for member in self._members]

    def opened(
        self, current: DishonestRound, numbers: Sequence[int], answers: Iterable[AnswerReply]
    ) -> Int64Array:
        """Return the sum of some participants' changes, shape (items + 1,)."""
        layout = self._layout
        total = zero_words(layout.blocks, layout.size)
        behind = np.zeros(layout.numbers, dtype=np.uint64)
        for one in numbers:
            words, numbers_of_one = split_numbers(
                current.payloads[one].words, layout.words_bytes, layout.numbers
            )
            add_words(total, unpack_words(words, layout.blocks, layout.size), layout.size)
            behind += numbers_of_one
        held = len(self.charter.terms.sharing.held_by(0))
        return open_round_sum(
            pack_words(total, layout.size) + pack_numbers(behind),
            {one.member: ShareSum.from_bytes(one.share, held, layout.numbers) for one in answers},
            uploads=len(numbers),
            charter=self.charter,
            layout=layout,
            public=self._public,
            before=self._table,
            tags=servers_tags(self._tag_secret.to_bytes(), self.charter),
        ).changes

    def outcome(self, current: DishonestRound, numbers: Sequence[int]) -> Outcome:
        """Return what a certificate of a round closed with these uploads states."""
        previous = None if current.previous is None else current.previous.outcome
        context = current.opening.context(
            self.charter, self.charter.roster, self._digest(current), previous
        )
        heads = [(one, current.payloads[one].signed.head.digest(self.charter)) for one in numbers]
        uploads = set_digest(self.charter, context, heads)
        return Outcome(current.opening.round, context, uploads)

    def close(self, current: DishonestRound, numbers: Sequence[int], outcome: Outcome) -> None:
        """End the round for everybody with an outcome that members sign."""
        request = VoteRequest(outcome.round, outcome)
        votes = [self._said(member, request, VoteReply) for member in self._members]
        signatures = tuple(MemberSignature(one.member, one.vote) for one in votes)
        self._certificate = Certificate(outcome, signatures)
        included: tuple[int, ...] = ()
        nonces: tuple[bytes, ...] = ()
        proof = ClosingProof(self._certificate)
        if outcome.closed:
            included = tuple(numbers)
            heads = [current.payloads[one].signed.head for one in numbers]
            nonces = tuple(head.nonce for head in heads)
            proof = ClosingProof(
                self._certificate,
                SumProof(
                    current.opening,
                    self._digest(current),
                    tuple(head.digest(self.charter) for head in heads),
                ),
            )
        closing = ClosingMessage(outcome.round, included, nonces, proof.to_bytes())
        for role in self._roles:
            if role.receive_closing(closing):
                self._contributed[role.number] = self._pending[role.number]

    def honest_round(
        self, table: Int64Array, after_round: int, numbers: Sequence[int]
    ) -> Int64Array:
        """Play a round as it should be; return the opened sum."""
        self.hand_out(table, after_round)
        current = self.begin()
        self.collect(current, numbers)
        self.review(current, numbers)
        answers = self.answers(current, numbers)
        opened = self.opened(current, numbers, answers)
        self.close(current, numbers, self.outcome(current, numbers))
        return opened

    def _digest(self, current: DishonestRound) -> bytes:
        return next(iter(current.payloads.values())).table

    def _said(
        self, member: CommitteeMember, message: CommitteeMessage, wanted: type[Reply]
    ) -> Reply:
        data = member.respond(message.to_bytes(self.charter))
        reply = _REPLIES[kind_of(data)].from_bytes(data, self.charter)
        if isinstance(reply, Refusal):
            raise ProtocolError(reply.reason)
        assert isinstance(reply, wanted)  # noqa: S101 - the protocol's own answer
        return reply


def victims_ratings(difference: Int64Array) -> Mapping[int, int]:
    """Return the ratings that a difference of two sums shows, by item."""
    return {item: abs(int(difference[item])) for item in np.flatnonzero(difference).tolist()}
