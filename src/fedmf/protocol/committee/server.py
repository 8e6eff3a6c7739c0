"""The server under a committee: checks what it can, adds, and carries messages to members.

It decides nothing that matters: who is in the roster, which uploads a sum may hold and how a round
ended is what participants and members sign.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableSequence
from dataclasses import replace
from typing import TYPE_CHECKING

from fedmf.errors import FedmfError, MessageError, ProtocolError
from fedmf.protocol.committee.certificate import Certificate, CertifiedRound, SumCheck
from fedmf.protocol.committee.closing import ClosingProof, SumProof
from fedmf.protocol.committee.exchange import AnswerReply, Refusal
from fedmf.protocol.committee.opening import OpeningMessage
from fedmf.protocol.committee.server_round import FrozenUploads, ReceivedUpload, ServerRound, Stage
from fedmf.protocol.committee.stages import QUESTIONS
from fedmf.protocol.committee.standing import Standings
from fedmf.protocol.committee.sums import read_share
from fedmf.protocol.committee.upload import CommitteePayload
from fedmf.protocol.enrolment.roster_chain import RosterChain, SignedRoster
from fedmf.protocol.members import Members, Spool
from fedmf.protocol.messages import ClosingMessage, UploadMessage, kind_of

if TYPE_CHECKING:
    from fedmf.crypto.share_sum import ShareSum
    from fedmf.protocol.committee.server_table import CommitteeTable


class CommitteeMembers(Members):
    """The members of a committee, as the server sees them.

    Parameters
    ----------
    table
        The server's table, started or restored.
    spool
        Keeps the words of a round.
    rosters
        Versions of the roster after the charter's.
    """

    def __init__(
        self, table: CommitteeTable, spool: Spool, rosters: Iterable[SignedRoster] = ()
    ) -> None:
        super().__init__(table)
        self.charter = table.charter
        self.rosters = RosterChain(self.charter, rosters)
        self.needs_copy = self.charter.terms.blind
        self._table, self._spool = table, spool
        self.endings: list[CertifiedRound] = []
        """How the rounds so far ended."""
        self.standings = Standings(self.charter.session)
        """What they say of everybody's contributions."""
        self._told = [0] * self.charter.terms.members
        """For each member, up to which round it certainly knows how they ended."""
        self.now = self._round(0)
        """The round under way, or the last one."""

    @property
    def previous(self) -> Certificate | None:
        """How the last round ended; None before the first."""
        return self.endings[-1].certificate if self.endings else None

    @property
    def is_void(self) -> bool:
        """Whether members have signed that the round is."""
        return self.now.stage is Stage.VOID

    @property
    def frozen_participants(self) -> tuple[int, ...]:
        """Who has been away for longer than an update may be."""
        return self.standings.frozen()

    @property
    def waiting_participants(self) -> tuple[int, ...]:
        """Whose uploads were left out in this round, because too few came of their lot."""
        return tuple(sorted(self.now.waiting))

    @property
    def complaints(self) -> Mapping[int, tuple[int, ...]]:
        """Whom members complained about in this round, or the last one."""
        return self.now.complaints

    @property
    def refusals(self) -> Mapping[int, str]:
        """What members gave as reasons in this round, or the last one."""
        return self.now.refusals

    def keep_copy(self, copy: bytes, counted_round: int) -> None:
        """Have the copy go out with the table."""
        self._table.keep_copy(copy, counted_round)

    def prepare(self, round_number: int) -> None:
        """Have members asked for their keys."""
        self.now = self._round(round_number)
        self.now.stage = Stage.KEYS

    def requests(self) -> Mapping[int, bytes]:
        """Ask what there is to ask, from stage to stage."""
        now = self.now
        while now.stage in QUESTIONS:
            question = QUESTIONS[now.stage]
            if not now.asked:
                now.asked = True
                if requests := question.ask(now):
                    return requests
            now.asked = False
            now.stage = question.then(now)
        return {}

    def hear(self, member: int, reply: bytes) -> None:
        """Take note of a reply to the question that was asked."""
        try:
            self._hear(member, reply)
        except FedmfError as error:
            self.now.refusals[member] = str(error)

    def _hear(self, member: int, reply: bytes) -> None:
        now, kind = self.now, kind_of(reply)
        if kind == Refusal.KIND:
            now.refusals[member] = Refusal.from_bytes(reply, self.charter).reason
            return
        replies = QUESTIONS[now.stage].replies if now.asked else {}
        wanted = next((one for one in replies if kind == one.KIND), None)
        if wanted is None:
            raise MessageError(f"a message of kind {kind}, which nobody asked for")
        said = wanted.from_bytes(reply, self.charter)
        if (said.member, said.round) != (member, now.number):
            raise MessageError(f"not a reply of member {member} in round {now.number}")
        replies[wanted](now, said)

    def begin(self, counted_round: int) -> bytes:
        """Tell everybody which members have made keys for the round."""
        now = self.now
        if now.stage is not Stage.READY:
            raise ProtocolError("a round begins after members have made their keys")
        self._table.begin_round(counted_round)
        self._spool.clear()
        keys = tuple(now.keys[member] for member in sorted(now.keys))
        now.opening = OpeningMessage(now.number, self.rosters.newest.version, keys)
        now.stage = Stage.UPLOADS
        return now.opening.to_bytes(self.charter)

    def add(self, upload: UploadMessage, counted_round: int) -> None:
        """Check an upload, keep its words, and add them."""
        now = self.now
        payload = CommitteePayload.from_bytes(
            upload.payload, charter=self.charter, participant=upload.participant, opening=now.opened
        )
        header = payload.signed.header
        payload.signed.check(now.roster.key_of(upload.participant), self.charter)
        if header.nonce != upload.nonce:
            raise MessageError("the nonce is not the one that the participant signed")
        if header.context != now.context(payload.table):
            raise MessageError("an upload for another context than this round's")
        self.standings.check(upload.participant, header.kind, header.bases)
        self._table.check_words(payload)
        # First what may fail: words without a copy in the spool could not be taken out again.
        self._spool.keep(upload.participant, payload.words)
        self._table.add(payload.words, None, counted_round=counted_round)
        now.uploads[upload.participant] = ReceivedUpload(
            payload.table, payload.signed, payload.envelopes
        )

    def freeze(self) -> None:
        """Leave out what members are going to refuse anyway."""
        self.now.leave_out_other_tables()
        is_left = self.now.leave_out_small_lots()
        self.now.stage = Stage.REVIEW if is_left else Stage.VOIDING

    def ask_to_open(self) -> None:
        """Have members asked for the answers that open the sum of the frozen set."""
        if self.now.stage is Stage.FROZEN:
            self.now.stage = Stage.PROMISES

    def frozen(self) -> bytes:
        """Return the frozen round; empty where it is void."""
        if self.now.stage is not Stage.FROZEN:
            return b""
        self._spool.sync()
        return self.now.frozen().to_bytes()

    def forget_words(self) -> None:
        """Forget the uploads of the last round: members have checked their sum."""
        self._spool.clear()

    def restore_frozen(self, data: bytes, round_number: int, counted_round: int) -> frozenset[int]:
        """Take a frozen round, once its opening is found to be one."""
        if self.now.stage is not Stage.BETWEEN:
            raise ProtocolError(f"round {round_number} is under way")
        frozen = FrozenUploads.from_bytes(data, charter=self.charter, round=round_number)
        frozen.opening.check(self.charter, self.rosters.version(frozen.opening.roster_version))
        self._table.restore_round(frozen.words, counted_round)
        self.now = self._round(round_number)
        self.now.restore(frozen)
        return frozenset(self.now.included)

    def closing(self, round_number: int, received: Mapping[int, bytes] | None) -> ClosingMessage:
        """Return how the round ends, with its certificate."""
        del received
        now = self.now
        votes = tuple(now.votes[member] for member in sorted(now.votes))
        if now.stage is Stage.VOID:
            void = ClosingProof(Certificate(now.outcome(), votes))
            return ClosingMessage(round_number, (), (), void.to_bytes())
        if now.stage is not Stage.CLOSED:
            raise ProtocolError("the round has no certificate yet")
        answers = tuple(now.answers[member] for member in sorted(now.answers))
        if len(answers) < self.charter.terms.threshold:
            raise ProtocolError(
                f"round {round_number} closed, but only {len(answers)} of the "
                f"{self.charter.terms.threshold} members that it takes answered: its sum stays "
                "closed, and no other sum may be opened in its place. The session ends here; "
                "begin a new one"
            )
        checked = now.checked()
        if checked is not None and checked.sum != now.sum:
            self._correct(checked)
        self._table.finish(round_number, self._plain_shares(answers), len(now.included))
        proof = ClosingProof(
            Certificate(now.outcome(), votes, checked),
            SumProof(
                now.opened,
                now.worked_on,
                now.listed,
                answers if self.charter.terms.blind else (),
            ),
        )
        nonces = tuple(header.nonce for header in now.included.values())
        return ClosingMessage(round_number, tuple(now.included), nonces, proof.to_bytes())

    def _correct(self, checked: SumCheck) -> None:
        """Add up again what members have found to be another sum than this server's."""
        kept = (self._spool.take(participant) for participant in self.now.included)
        if self._table.add_up(kept) != checked.sum:
            raise ProtocolError(
                f"the members found another sum of round {self.now.number} than this server, whose "
                "words are damaged: no table can follow. The session ends here; begin a new one"
            )

    def note(self, closings: MutableSequence[ClosingMessage]) -> None:
        """Keep the last certificate; drop answers that nobody needs any more."""
        self.now.stage = Stage.BETWEEN
        # Those who reviewed had heard how the round before ended.
        for member in self.now.complaints:
            self._told[member] = self.now.number - 1
        for closing in closings[len(self.endings) :]:
            self._note_ending(ClosingProof.of(closing, self.charter).certified)
        if not self.endings or not self.endings[-1].certificate.outcome.closed:
            return
        # Nobody opens the sum of the closed round before the last one again: its answers may go.
        for place in reversed(range(len(closings) - 1)):
            proof = ClosingProof.of(closings[place], self.charter)
            if proof.sum is not None:
                kept = replace(proof, sum=replace(proof.sum, answers=()))
                closings[place] = replace(closings[place], proof=kept.to_bytes())
                return

    def _note_ending(self, ending: CertifiedRound) -> None:
        self.endings.append(ending)
        if ending.certificate.outcome.closed:
            self.standings.note(ending.certificate.outcome.round, ending.uploads)

    def _round(self, number: int) -> ServerRound:
        return ServerRound(
            self.charter,
            self.rosters,
            self._table,
            self._spool,
            number,
            self.previous,
            self.standings,
            {member: tuple(self.endings[told:]) for member, told in enumerate(self._told)},
        )

    def _plain_shares(self, answers: Iterable[AnswerReply]) -> dict[int, ShareSum]:
        if self.charter.terms.blind:
            return {}
        shares = {}
        for answer in answers:
            try:
                shares[answer.member] = read_share(answer.member, answer.share, self.charter)
            except MessageError as error:
                self.now.refusals[answer.member] = str(error)
        return shares
