"""The participant's half of `committee`: a key for every upload, shared out; the sum, opened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from fedmf.crypto.rlwe import encrypt
from fedmf.crypto.secret_material import KeyRandomness
from fedmf.errors import KeyMaterialError, MessageError, ProtocolError
from fedmf.protocol.committee.closing import ClosedRound, ClosingProof, SumProof
from fedmf.protocol.committee.held_table import BlindTable, HeldTable, Reader
from fedmf.protocol.committee.opening import OpeningMessage
from fedmf.protocol.committee.standing import Standings
from fedmf.protocol.committee.sums import public_polynomials, sum_root
from fedmf.protocol.committee.table_payload import (
    OPENED_TABLE_EXTRA,
    TableCopy,
    TableForm,
    TablePayload,
)
from fedmf.protocol.committee.upload import Kind, OpenRound, UploadDraft
from fedmf.protocol.compact_words import as_opened, table_bytes
from fedmf.protocol.enrolment.roster_chain import RosterChain, SignedRoster
from fedmf.protocol.halves import NOT_MOVED, ParticipantProtection, Protected
from fedmf.protocol.lattice_layout import committee_layout, layout_carrying
from fedmf.protocol.table import Change, IntegerTable, Rows

if TYPE_CHECKING:
    from fedmf.crypto.derivation import MasterSecret
    from fedmf.crypto.signatures import SigningKey
    from fedmf.protocol.committee.certificate import Outcome
    from fedmf.protocol.enrolment.charter import Charter, Roster
    from fedmf.protocol.messages import ClosingMessage


class CommitteeParticipant(ParticipantProtection):
    """Protects changes of the participants that live here, and opens sums under a blind committee.

    Parameters
    ----------
    charter
        The charter that was compared out of band.
    signing_keys
        The signature keys of the participants that live here, by number.
    reader
        The secret that the roster's participants share; None where the server opens.
    start
        The public table before the first round.
    randomness
        Source of seeds, nonces and noise; unless given a new one, hedged with a signature key.
    rosters
        Versions of the roster after the charter's; `reader` is the secret of the newest.

    Raises
    ------
    KeyMaterialError
        A key is not the one of the charter.
    """

    def __init__(
        self,
        charter: Charter,
        signing_keys: Mapping[int, SigningKey],
        reader: MasterSecret | None,
        start: IntegerTable,
        randomness: KeyRandomness | None = None,
        rosters: Iterable[SignedRoster] = (),
    ) -> None:
        super().__init__(charter.session)
        self.charter = charter
        self.rosters = RosterChain(charter, rosters)
        for number, key in signing_keys.items():
            if self.rosters.newest.key_of(number) != key.public:
                raise KeyMaterialError(
                    f"the roster names another signature key for participant {number}"
                )
        self._signing_keys = signing_keys
        own = [key.randomness() for key in signing_keys.values()]
        self._randomness = randomness or (own[0] if own else KeyRandomness())
        self._public = public_polynomials(charter)
        self._heard_round = 0
        self._outcome: Outcome | None = None
        self._closed: ClosedRound | None = None
        self.standings = Standings(self.session)
        """What the rounds so far say of everybody's contributions."""
        self._sent: dict[int, bytes] = {}
        self._worked_on: dict[int, bytes] = {}
        self._now: OpenRound | None = None
        # Tables in few bits are rounded from the start on, under every protection alike.
        opened = as_opened(self.session.shape, self.session.download, start)
        flat, opens = self.session.shape.flat(opened), self._reader_of(reader, self.rosters.newest)
        self.held = HeldTable(charter, flat) if opens is None else BlindTable(charter, flat, opens)
        """The table as it was opened last."""

    def adopt(self, signed: SignedRoster, reader: MasterSecret | None) -> None:
        """Go by the next version of the roster, with its new reader secret, from now on.

        A participant that lacks the table before the last round by then takes part again after
        the next one. One that holds it, but does not get the sum of that round any more, makes a
        new object.

        Raises
        ------
        ProtocolError
            A round is under way, the last sum is still to be opened with the old secret, or the
            version is not the next one.
        MessageError
            Fewer than t members signed it.
        KeyMaterialError
            The roster names another reader key.
        """
        if self._now is not None:
            raise ProtocolError(f"the roster changes while round {self._now.round} is under way")
        if self._closed is not None and self._closed.proof.table == self.held.digest:
            raise ProtocolError(
                "the roster changes before the sum of the last round was opened, which is sealed "
                "to the reader key of the version before"
            )
        fresh = self._reader_of(reader, signed.roster)
        self.rosters.adopt(signed)
        renamed = self.held.adopt(fresh)
        for participant, digest in self._worked_on.items():
            self._worked_on[participant] = renamed.get(digest, digest)

    def begin(self, opening_message: bytes) -> None:
        """Check the members' keys for the round, and compute its context from the own table."""
        opening = OpeningMessage.from_bytes(opening_message, self.charter)
        if opening.round != self._heard_round + 1:
            raise ProtocolError(f"round {opening.round} opens after round {self._heard_round}")
        if self._closed is not None:
            raise ProtocolError("a round begins before the sum of the last one was handed out")
        roster = self.rosters.newest
        opening.check(self.charter, roster)
        context = opening.context(self.charter, roster, self.held.digest, self._outcome)
        keys = {one.member: one.public for one in opening.keys}
        counted = self.standings.closed_rounds + 1
        self._now = OpenRound(opening.round, self.charter, keys, self.held.digest, context, counted)

    def has_moved(self, participant: int) -> bool:
        """Return whether the table is another one than the participant's last upload went into."""
        return self._worked_on.get(participant) != self.held.digest

    def waits(self, participant: int) -> str:
        """Return what a participant's next uploads wait for; empty if they pass by themselves."""
        return self.standings.waits(participant)

    def protect(
        self,
        change: Change,
        *,
        round_number: int,
        participant: int,
        leaving: bool = False,
        renewing: bool = False,
    ) -> Protected:
        """Return the upload: words under a key of their own, and the key's seeds in envelopes."""
        now = self._now
        if now is None or now.round != round_number:
            raise ProtocolError(f"round {round_number} has not been begun by the committee")
        self.rosters.newest.key_of(participant)
        if participant not in self._signing_keys:
            raise KeyMaterialError(f"the signature key of participant {participant} is not here")
        if not self.has_moved(participant):
            raise ProtocolError(NOT_MOVED)
        self.session.shape.check_change(change)
        draft = UploadDraft.of(change, now, self.held.tags_of, participant, self._randomness)
        words = encrypt(
            draft.messages,
            public=self._public,
            key=draft.key,
            noise_seed=draft.noise_seed,
            size=draft.layout.size,
        )
        payload = draft.sealed(
            words,
            now,
            participant=participant,
            kind=self._kind(participant, leaving=leaving, renewing=renewing),
            bases=self.standings.bases(participant),
            key=self._signing_keys[participant],
        )
        header = payload.signed.header
        self._sent[participant] = header.digest(self.charter)
        return Protected(payload.to_bytes(), header.nonce)

    def _kind(self, participant: int, *, leaving: bool, renewing: bool) -> Kind:
        """Return what an upload is to say of itself."""
        if leaving:
            return Kind.LEAVE
        due = self.standings.kind(participant)
        return Kind.RENEW if renewing and due != Kind.JOIN else due

    def hear(self, closing: ClosingMessage) -> None:
        """Check how a round ended, as t members signed it, and that its sum can be opened."""
        self._hear(closing, before=False)

    def replay(self, closings: Sequence[ClosingMessage]) -> None:
        """Hear closings again; the answers of all but the last closed round may be missing."""
        last = max((one.round for one in closings if one.included), default=0)
        for closing in closings:
            self._hear(closing, before=closing.round < last)

    def _hear(self, closing: ClosingMessage, *, before: bool) -> None:
        if closing.round <= self._heard_round:
            return
        if closing.round != self._heard_round + 1:
            raise ProtocolError(
                f"the closing of round {closing.round} after that of round {self._heard_round}"
            )
        proof = ClosingProof.of(closing, self.charter)
        proof.check(closing, self.charter, self.rosters, self._outcome, before=before)
        outcome = proof.certificate.outcome
        if proof.sum is not None:
            self._check_own(closing, outcome.context, proof.sum)
            self.standings.note(closing.round, proof.sum.uploads)
            for participant in closing.included:
                if self.standings.is_in(participant):
                    self._worked_on[participant] = proof.sum.table
                else:
                    # Nothing of it is in the table: should it come back, it begins anew.
                    self._worked_on.pop(participant, None)
            self._closed = ClosedRound(
                closing, proof.certificate, proof.sum, self.standings.closed_rounds
            )
        self._outcome, self._heard_round, self._now = outcome, closing.round, None
        self._sent = {}

    def open(self, payload: bytes, rows: Rows | None = None) -> IntegerTable:
        """Return the whole table, in whichever form it comes.

        Raises
        ------
        MessageError
            It is malformed, not the one that is due, or not in a form that the charter allows.
        OpenError, ProtocolError
            See `HeldTable.take`; a participant that lacks the table before takes part again with
            the next copy.
        """
        del rows
        table = TablePayload.from_bytes(payload)
        last = self._closed.closing.round if self._closed else self.held.round
        if table.round != last:
            raise MessageError(
                f"a table after round {table.round}, where the one after round {last} is due"
            )
        if (
            table.form == TableForm.PLAIN
        ) == self.charter.terms.blind and table.form != TableForm.START:
            raise MessageError("the table does not come in a form that the charter allows")
        if self._closed is not None and self.charter.terms.blind:
            self._check_sum(table, self._closed)
        self.held.take(table, self._closed)
        self._closed = None
        return self.session.shape.table(self.held.flat)

    def _check_sum(self, table: TablePayload, closed: ClosedRound) -> None:
        """Check that a table comes with the sum that t members have found to be the true one.

        The tags do not show it: the server may have their secret from one of the participants.
        """
        layout = committee_layout(self.session, closed.counted_round)
        words, _ = table.words_and_copy(layout.payload_bytes)
        checked = closed.certificate.checked
        if checked is None or sum_root(words, layout) != checked.sum:
            raise MessageError(
                f"the sum of round {table.round} is not the one that t members have checked"
            )

    def copy(self) -> bytes:
        """Return the table before the last sum, sealed, for participants who come late."""
        return self.held.copy()

    def work(self, rows: Rows | None = None) -> int:
        """Return the number of blocks that travel with these rows."""
        return layout_carrying(self.session, rows).blocks

    def payload_bytes(self, rows: Rows | None = None) -> int:
        """Return the size of words and numbers; header, signature and envelopes come on top."""
        return layout_carrying(self.session, rows).payload_bytes

    def table_bytes(self, uploaded: Rows | None) -> int:
        """Return the size of the opened table, or of the sum that changes it."""
        if self.held.reader is None:
            return table_bytes(self.session.shape, self.session.download) + OPENED_TABLE_EXTRA
        return self.payload_bytes(uploaded)

    def reopenable(self, payload: bytes) -> bytes:
        """Return the payload; behind a sum the table before it, sealed to the reader key."""
        table = TablePayload.from_bytes(payload)
        if table.form != TableForm.SUM:
            return payload
        sealed = TableCopy.from_bytes(self.copy()).sealed
        return TablePayload(TableForm.COPY, table.round, table.content + sealed).to_bytes()

    def _reader_of(self, secret: MasterSecret | None, roster: Roster) -> Reader | None:
        if not self.charter.terms.blind:
            return None
        if secret is None:
            raise KeyMaterialError("a blind committee needs the participants' reader secret")
        return Reader(secret, roster, self.charter, self._public)

    def _check_own(self, closing: ClosingMessage, context: bytes, proof: SumProof) -> None:
        """Check that a closed round is the one that the participants that live here were in."""
        if self._now is not None and context != self._now.context:
            raise ProtocolError(
                f"round {closing.round} closed under another context: its other participants "
                "worked on another table, or were told of other members"
            )
        for upload in proof.uploads:
            if self._sent.get(upload.participant, upload.header) != upload.header:
                raise ProtocolError(
                    f"round {closing.round} includes an upload of participant {upload.participant} "
                    "that it did not send"
                )
