"""The server under a committee: checks what it can, adds, and carries messages to members.

It decides nothing that matters: who is in the roster, which uploads a sum may hold and how a round
ended is what participants and members sign.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from fedmf.crypto.share_sum import ShareSum
from fedmf.crypto.signatures import check_signature
from fedmf.errors import FedmfError, MessageError, ProtocolError
from fedmf.protocol.committee.certificate import LABEL as OUTCOME_LABEL
from fedmf.protocol.committee.certificate import Certificate, Outcome, set_digest
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
from fedmf.protocol.committee.opening import OpeningMessage
from fedmf.protocol.committee.server_round import (
    ANSWERS_WELCOME,
    VOTES_ASKED,
    FrozenRound,
    Included,
    ReceivedUpload,
    ServerRound,
    Stage,
)
from fedmf.protocol.committee.server_table import CommitteeTable
from fedmf.protocol.committee.sum_opening import committee_pads
from fedmf.protocol.committee.upload import CommitteePayload, Kind
from fedmf.protocol.enrolment.roster_chain import RosterChain, SignedRoster
from fedmf.protocol.enrolment.votes import MemberSignature
from fedmf.protocol.framing import kind_of
from fedmf.protocol.messages import ClosingMessage
from fedmf.protocol.server import Server

if TYPE_CHECKING:
    from fedmf.protocol.committee.spool import Spool
    from fedmf.protocol.enrolment.charter import Charter
    from fedmf.protocol.enrolment.roster import Roster
    from fedmf.protocol.messages import UploadMessage


class CommitteeServer(Server):
    """Runs rounds of a session with a committee.

    Parameters
    ----------
    charter
        The charter.
    table
        The server's table, started or restored.
    spool
        Keeps the words of a round.
    closings
        The closings of the rounds so far.
    rosters
        Versions of the roster after the charter's.
    """

    def __init__(
        self,
        charter: Charter,
        table: CommitteeTable,
        spool: Spool,
        closings: Iterable[ClosingMessage] = (),
        rosters: Iterable[SignedRoster] = (),
    ) -> None:
        super().__init__(charter.session, table, closings)
        self.charter = charter
        self.rosters = RosterChain(charter, rosters)
        self._table = table
        self._spool = spool
        self._previous: Certificate | None = None
        if self.closings:
            self._previous = ClosingProof.of(self.closings[-1], charter).certificate
        self._stage = Stage.BETWEEN
        self._now = ServerRound()

    @property
    def needs_copy(self) -> bool:
        """Whether a participant has to give the server a copy of the table for late ones."""
        return self.charter.terms.blind

    def keep_copy(self, copy: bytes) -> None:
        """Keep a participant's copy of the table; raise MessageError if it is none."""
        self._table.keep_copy(copy, self.counted_rounds)

    @property
    def is_void(self) -> bool:
        """Whether the round under way is known to be void."""
        return self._stage is Stage.VOID

    @property
    def complaints(self) -> Mapping[int, tuple[int, ...]]:
        """Whom members complained about in this round, by member: their uploads are left out."""
        return self._now.complaints

    @property
    def refusals(self) -> Mapping[int, str]:
        """What members gave as reasons in this round, by member."""
        return self._now.refusals

    def prepare_round(self) -> None:
        """Prepare the next round: its members' keys have to be asked for."""
        super().prepare_round()
        self._now = ServerRound()
        self._stage = Stage.KEYS

    def requests(self) -> Mapping[int, bytes]:
        """Return messages for members, by member; none when all was asked.

        Raises
        ------
        ProtocolError
            Too few members are there to end the round in any way. The next call asks those again
            that are missing.
        """
        asks: dict[Stage, Callable[[], Mapping[int, bytes]]] = {
            Stage.KEYS: self._ask_for_keys,
            Stage.KEYS_ASKED: self._after_keys,
            Stage.REVIEW: self._ask_for_review,
            Stage.REVIEW_ASKED: self._after_review,
            Stage.ANSWERS: self._ask_for_answers,
            Stage.ANSWERS_ASKED: self._after_answers,
            Stage.CLOSING_VOTES_ASKED: self._after_closing_votes,
            Stage.VOIDING: self._ask_to_void,
            Stage.VOIDING_ASKED: self._after_voiding,
        }
        return asks[self._stage]() if self._stage in asks else {}

    def hear(self, member: int, reply: bytes) -> None:
        """Take note of a member's reply; what is no proper reply counts as a refusal."""
        try:
            self._hear(member, reply)
        except FedmfError as error:
            self._now.refusals[member] = str(error)

    def open_round(self, cohort: Iterable[int]) -> bytes:
        """Begin the round for these participants; return the opening for everybody."""
        if self._stage is not Stage.READY:
            raise ProtocolError("a round opens after members have made their keys")
        super().open_round(cohort)
        self._table.begin_round(self.counted_rounds + 1)
        self._spool.clear()
        keys = tuple(self._now.keys[member] for member in sorted(self._now.keys))
        opening = OpeningMessage(self.next_round, self.rosters.newest.version, keys)
        self._now.opening = opening
        self._stage = Stage.UPLOADS
        return opening.to_bytes(self.charter)

    def receive(self, data: bytes) -> int:
        """Check one upload and add it; not after the set of them is frozen."""
        if self._cohort is not None and self._stage is not Stage.UPLOADS:
            raise ProtocolError(f"an upload after the deadline of round {self.next_round}")
        return super().receive(data)

    def freeze(self) -> None:
        """End the time for uploads; leave out what members are going to refuse anyway."""
        if self._stage is not Stage.UPLOADS:
            raise ProtocolError("there is no open round to freeze")
        tables = Counter(upload.table for upload in self._now.uploads.values())
        if tables:
            self._now.table = tables.most_common(1)[0][0]
        for participant, upload in list(self._now.uploads.items()):
            if upload.table != self._now.table:
                self._leave_out(participant)
        self._after_leaving_out(Stage.REVIEW)

    def settle(self) -> None:
        """Ask for the answers that open the sum of the frozen set."""
        if self._stage is Stage.FROZEN:
            self._stage = Stage.ANSWERS

    def close_round(self) -> ClosingMessage:
        """End the round with its certificate.

        Raises
        ------
        ProtocolError
            It has none yet, or it closed with too few answers to open: the session ends then.
        OpenError
            The server is to open the sum, and it does not open: the session ends then.
        """
        if self._stage is Stage.VOID:
            # Void rounds may never have been opened.
            closing = self._closing()
            self._cohort = None
            self.closings.append(closing)
        elif self._stage is Stage.CLOSED:
            closing = super().close_round()
        else:
            raise ProtocolError("the round has no certificate yet")
        self._previous = ClosingProof.of(closing, self.charter).certificate
        if self._previous.outcome.closed:
            self._forget_older_answers()
        self._stage = Stage.BETWEEN
        return closing

    def _forget_older_answers(self) -> None:
        """Drop the answers of the closed round before the last one: nobody opens its sum again."""
        for place in reversed(range(len(self.closings) - 1)):
            proof = ClosingProof.of(self.closings[place], self.charter)
            if proof.sum is not None:
                kept = replace(proof, sum=replace(proof.sum, answers=()))
                self.closings[place] = replace(self.closings[place], proof=kept.to_bytes())
                return

    def frozen(self) -> bytes:
        """Return the frozen round as bytes, to go on after a crash; empty where it is void."""
        if self._stage is not Stage.FROZEN:
            return b""
        return self._now.frozen(self._table.round_words()).to_bytes()

    def restore_frozen(self, data: bytes) -> None:
        """Take a round that `frozen` returned; go on with `settle`.

        Raises
        ------
        MessageError
            The bytes are damaged, or of another round; nothing has changed.
        ProtocolError
            A round is under way.
        """
        if self._stage is not Stage.BETWEEN:
            raise ProtocolError(f"round {self.next_round} is under way")
        frozen = FrozenRound.from_bytes(data, charter=self.charter, round=self.next_round)
        version = frozen.opening.roster_version
        frozen.opening.check(self.charter, self.rosters.version(version))
        self._table.restore_round(frozen.words, self.counted_rounds + 1)
        self._now = ServerRound.of(frozen)
        self._cohort = frozenset(self._now.included)
        self._stage = Stage.FROZEN

    @property
    def _roster(self) -> Roster:
        """The version that the round was opened under, even if there is a newer one by now."""
        return self.rosters.version(self._now.opened.roster_version)

    # What members are asked, stage by stage.

    def _ask_for_keys(self) -> Mapping[int, bytes]:
        self._stage = Stage.KEYS_ASKED
        request = KeyRequest(self.next_round, self._previous).to_bytes(self.charter)
        return dict.fromkeys(range(self.charter.terms.members), request)

    def _after_keys(self) -> Mapping[int, bytes]:
        if len(self._now.keys) >= self.charter.terms.threshold:
            self._stage = Stage.READY
            return {}
        return self._ask_to_void()

    def _ask_for_review(self) -> Mapping[int, bytes]:
        self._stage = Stage.REVIEW_ASKED
        return {
            key.member: ReviewRequest(
                self.next_round,
                self._now.opened,
                self._now.table,
                tuple(
                    ReviewEntry(one, upload.signed, upload.envelopes[place])
                    for one, upload in sorted(self._now.uploads.items())
                ),
            ).to_bytes(self.charter)
            for place, key in enumerate(self._now.opened.keys)
        }

    def _after_review(self) -> Mapping[int, bytes]:
        if len(self._now.reviewers) < self.charter.terms.threshold:
            return self._ask_to_void()
        complained = set().union(*self._now.complaints.values())
        for participant in complained & self._now.uploads.keys():
            self._leave_out(participant)
        self._after_leaving_out(Stage.FROZEN)
        self._now.included = {
            participant: Included(
                participant, upload.signed.head.digest(self.charter), upload.signed.head.nonce
            )
            for participant, upload in self._now.uploads.items()
        }
        return self.requests()

    def _ask_for_answers(self) -> Mapping[int, bytes]:
        self._stage = Stage.ANSWERS_ASKED
        request = AnswerRequest(
            self.next_round, tuple(sorted(self._now.included)), self._outcome()
        ).to_bytes(self.charter)
        missing = sorted(self._now.reviewers - self._now.votes.keys())
        return dict.fromkeys(missing, request) or self._after_answers()

    def _after_answers(self) -> Mapping[int, bytes]:
        if len(self._now.votes) >= self.charter.terms.threshold:
            self._stage = Stage.CLOSED
            return {}
        if not self._now.asked_twice:
            # Answers may have been lost on their way, and whoever votes cannot answer any more.
            self._now.asked_twice = True
            return self._ask_for_answers()
        if not self._now.votes:
            return self._ask_to_void()
        # Somebody has answered, so that the round can never be void: others have to say so, too.
        self._stage = Stage.CLOSING_VOTES_ASKED
        return self._ask_for_votes(self._outcome())

    def _after_closing_votes(self) -> Mapping[int, bytes]:
        return self._end_with(Stage.CLOSED, else_again=Stage.ANSWERS)

    def _ask_to_void(self) -> Mapping[int, bytes]:
        self._stage = Stage.VOIDING_ASKED
        return self._ask_for_votes(Outcome(self.next_round))

    def _after_voiding(self) -> Mapping[int, bytes]:
        return self._end_with(Stage.VOID, else_again=Stage.VOIDING)

    def _ask_for_votes(self, outcome: Outcome) -> Mapping[int, bytes]:
        request = VoteRequest(self.next_round, outcome).to_bytes(self.charter)
        members = range(self.charter.terms.members)
        return {member: request for member in members if member not in self._now.votes}

    def _end_with(self, stage: Stage, *, else_again: Stage) -> Mapping[int, bytes]:
        if len(self._now.votes) < self.charter.terms.threshold:
            self._stage = else_again
            reasons = "; ".join(
                f"member {m}: {why}" for m, why in sorted(self._now.refusals.items())
            )
            raise ProtocolError(
                f"round {self.next_round} cannot end: {len(self._now.votes)} of the "
                f"{self.charter.terms.threshold} members that have to sign are there"
                + (f" ({reasons})" if reasons else "")
                + "; nothing is lost: go on when more of them are"
            )
        self._stage = stage
        return {}

    # What members reply.

    def _hear(self, member: int, reply: bytes) -> None:
        kind = kind_of(reply)
        if kind == KeyReply.KIND and self._stage is Stage.KEYS_ASKED:
            made = KeyReply.from_bytes(reply, self.charter)
            self._check_sender(member, made.key.member, made.round)
            made.key.check(self.next_round, self.charter)
            self._now.keys[member] = made.key
        elif kind == ReviewReply.KIND and self._stage is Stage.REVIEW_ASKED:
            review = ReviewReply.from_bytes(reply, self.charter)
            self._check_sender(member, review.member, review.round)
            review.check(self.charter)
            self._now.reviewers.add(member)
            self._now.complaints[member] = review.complaints
        elif kind == AnswerReply.KIND and self._stage in ANSWERS_WELCOME:
            answer = AnswerReply.from_bytes(reply, self.charter)
            self._check_sender(member, answer.member, answer.round)
            answer.check(self.charter)
            self._count(member, answer.outcome, answer.vote, self._outcome())
            self._now.answers[member] = answer
        elif kind == VoteReply.KIND and self._stage in VOTES_ASKED:
            vote = VoteReply.from_bytes(reply, self.charter)
            self._check_sender(member, vote.member, vote.round)
            void = self._stage is Stage.VOIDING_ASKED
            due = Outcome(self.next_round) if void else self._outcome()
            self._count(member, vote.outcome, vote.vote, due)
        elif kind == Refusal.KIND:
            self._now.refusals[member] = Refusal.from_bytes(reply, self.charter).reason
        else:
            raise MessageError(f"a message of kind {kind}, which nobody asked for")

    def _check_sender(self, member: int, says: int, round_number: int) -> None:
        if (says, round_number) != (member, self.next_round):
            raise MessageError(f"not a reply of member {member} in round {self.next_round}")

    def _count(self, member: int, outcome: Outcome, vote: bytes, due: Outcome) -> None:
        if outcome != due:
            raise MessageError(f"member {member} signed another outcome")
        key = self.charter.member_keys[member]
        check_signature(key, vote, OUTCOME_LABEL, *outcome.statement(self.charter))
        self._now.votes[member] = MemberSignature(member, vote)

    # Uploads and the set of them.

    def _add(self, upload: UploadMessage) -> None:
        payload = CommitteePayload.from_bytes(
            upload.payload,
            charter=self.charter,
            participant=upload.participant,
            opening=self._now.opened,
        )
        head = payload.signed.head
        payload.signed.check(self._roster.key_of(upload.participant), self.charter)
        if head.nonce != upload.nonce:
            raise MessageError("the nonce is not the one that the participant signed")
        if head.context != self._context(payload.table):
            raise MessageError("an upload for another context than this round's")
        # First what may fail: words without a copy in the spool could not be taken out again.
        self._spool.keep(upload.participant, payload.words)
        self._table.add(payload.words, None, counted_round=self.counted_rounds + 1)
        self._now.uploads[upload.participant] = ReceivedUpload(
            payload.table, payload.signed, payload.envelopes
        )

    def _context(self, table: bytes) -> bytes:
        if table not in self._now.contexts:
            previous = None if self._previous is None else self._previous.outcome
            self._now.contexts[table] = self._now.opened.context(
                self.charter, self._roster, table, previous
            )
        return self._now.contexts[table]

    def _leave_out(self, participant: int) -> None:
        self._table.remove(self._spool.take(participant))
        del self._now.uploads[participant], self._included[participant]

    def _after_leaving_out(self, stage: Stage) -> None:
        """Leave out batches that are too small; go on to a stage, or to the end of the round."""
        least = self.charter.terms.smallest_cohort
        for kind in (Kind.FIRST, Kind.LEAVE):
            batch = [one for one, up in self._now.uploads.items() if up.signed.head.kind == kind]
            if len(batch) < least:
                for participant in batch:
                    self._leave_out(participant)
        self._stage = stage if len(self._now.uploads) >= least else Stage.VOIDING

    def _outcome(self) -> Outcome:
        listed = ((one, self._now.included[one].digest) for one in sorted(self._now.included))
        context = self._context(self._now.table)
        return Outcome(self.next_round, context, set_digest(self.charter, context, listed))

    def _closing(self) -> ClosingMessage:
        votes = tuple(self._now.votes[member] for member in sorted(self._now.votes))
        if self._stage is Stage.VOID:
            certificate = Certificate(Outcome(self.next_round), votes)
            void = ClosingProof(certificate)
            return ClosingMessage(self.next_round, (), (), void.to_bytes())
        answers = tuple(self._now.answers[member] for member in sorted(self._now.answers))
        if len(answers) < self.charter.terms.threshold:
            raise ProtocolError(
                f"round {self.next_round} closed, but only {len(answers)} of the "
                f"{self.charter.terms.threshold} members that it takes answered: its sum stays "
                "closed for ever, and no other may be opened in its place. The session ends here; "
                "begin a new one"
            )
        included = tuple(sorted(self._now.included))
        self._table.finish(self.next_round, self._plain_shares(answers), len(included))
        proof = ClosingProof(
            Certificate(self._outcome(), votes),
            SumProof(
                self._now.opened,
                self._now.table,
                tuple(self._now.included[one].digest for one in included),
                answers if self.charter.terms.blind else (),
            ),
        )
        nonces = tuple(self._now.included[one].nonce for one in included)
        return ClosingMessage(self.next_round, included, nonces, proof.to_bytes())

    def _plain_shares(self, answers: Iterable[AnswerReply]) -> dict[int, ShareSum]:
        if self.charter.terms.blind:
            return {}
        shares = {}
        pads = committee_pads(self.charter.session)
        for answer in answers:
            held = len(self.charter.terms.sharing.held_by(answer.member))
            try:
                shares[answer.member] = ShareSum.from_bytes(answer.share, held, pads)
            except MessageError as error:
                self._now.refusals[answer.member] = str(error)
        return shares
