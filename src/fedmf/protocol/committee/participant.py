"""The participant's half of `committee`: a key for every upload, shared out; the sum, opened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fedmf.crypto.envelopes import EnvelopeKey, EnvelopePublicKey
from fedmf.crypto.labels import labelled_hash
from fedmf.crypto.randomness import KeyRandomness
from fedmf.crypto.rlwe import encrypt
from fedmf.crypto.rlwe_key import RlweKey
from fedmf.crypto.rlwe_words import pack_words, unpack_words
from fedmf.crypto.share_sum import ShareSum
from fedmf.errors import KeyMaterialError, MessageError, OpenError, ProtocolError
from fedmf.protocol.committee.closing import ClosingProof
from fedmf.protocol.committee.member import SEEDS, SHARE
from fedmf.protocol.committee.opening import OpeningMessage
from fedmf.protocol.committee.roster import RosterChain, SignedRoster
from fedmf.protocol.committee.sum_opening import (
    committee_layout,
    open_round_sum,
    public_polynomials,
    warn_of_liars,
)
from fedmf.protocol.committee.table_payload import Form, TablePayload
from fedmf.protocol.committee.upload import (
    CommitteePayload,
    Head,
    Kind,
    SignedHead,
    commitment,
    envelope_content,
    envelope_context,
    words_digest,
)
from fedmf.protocol.framing import u32
from fedmf.protocol.integrity_tags import TAGS, IntegrityTags
from fedmf.protocol.plain_words import decode_words, encode_words
from fedmf.protocol.protection import ParticipantProtection, Protected, Rows

if TYPE_CHECKING:
    from fedmf.crypto.master_secret import MasterSecret
    from fedmf.crypto.signatures import SigningKey
    from fedmf.protocol.committee.certificate import Outcome
    from fedmf.protocol.committee.charter import Charter
    from fedmf.protocol.messages import ClosingMessage
    from fedmf.protocol.table import Change, Int64Array, IntegerTable

COPY = "copy of the table"
READER_KEY = "reader envelope key"
NO_TAGS: NDArray[np.uint64] = np.zeros(0, dtype=np.uint64)


def reader_envelope_key(reader: MasterSecret, charter_suite: str) -> EnvelopeKey:
    """Return the envelope key of a reader secret; its public half stands in the roster."""
    return EnvelopeKey(reader.derive(READER_KEY), suite=charter_suite)


@dataclass(frozen=True, slots=True)
class _Closed:
    """A round whose sum is still to be opened."""

    closing: ClosingMessage
    proof: ClosingProof


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
        Source of seeds, nonces and noise; a new one unless given.
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
        self._randomness = randomness or KeyRandomness()
        self._public = public_polynomials(charter)
        self._layout = committee_layout(charter.session)
        self._take_reader(reader)
        self._heard_round = 0
        self._outcome: Outcome | None = None
        self._closed: _Closed | None = None
        self._worked_on: dict[int, bytes] = {}
        self._sent: dict[int, bytes] = {}
        self._opening: OpeningMessage | None = None
        self._context = b""
        self._set_table(self.session.shape.flat(start), 0)

    def adopt(self, signed: SignedRoster, reader: MasterSecret | None) -> None:
        """Go by the next version of the roster, with its new reader secret, from now on."""
        self.rosters.adopt(signed)
        self._take_reader(reader)
        self._set_table(self._table, self._table_round)

    def begin(self, opening_message: bytes) -> None:
        """Begin a round: check the members' keys, and compute the context from the own table.

        Raises
        ------
        MessageError, ProtocolError
            It is not the round that is due, or not opened by t members.
        """
        opening = OpeningMessage.from_bytes(opening_message, self.charter)
        if opening.round != self._heard_round + 1:
            raise ProtocolError(f"round {opening.round} opens after round {self._heard_round}")
        if self._closed is not None:
            raise ProtocolError("a round begins before the sum of the last one was handed out")
        roster = self.rosters.newest
        opening.check(self.charter, roster)
        self._opening = opening
        self._context = opening.context(self.charter, roster, self._digest, self._outcome)
        self._sent = {}

    def protect(
        self, change: Change, *, round_number: int, participant: int, leaving: bool = False
    ) -> Protected:
        """Return the upload: words under a key of their own, and the key's seeds in envelopes."""
        opening, context = self._opening, self._context
        if opening is None or opening.round != round_number:
            raise ProtocolError(f"round {round_number} has not been opened by the committee")
        if self._worked_on.get(participant) == self._digest:
            raise ProtocolError(
                "the table is the one that this participant's last upload went into: a server that "
                "replays a table isolates the next upload"
            )
        self.session.shape.check_change(change)
        values = self.session.shape.flat_change(change)
        # Hedged with the values: even a stuck source repeats no key for another message.
        sharing = self.charter.terms.sharing
        fresh = self._randomness.bytes(96, values.tobytes())
        nonce, noise_seed, hedge = fresh[:32], fresh[32:64], fresh[64:]
        # The hedge stands for the values, so that they are read once.
        seeds = sharing.fresh_seeds(self._randomness, hedge)
        limbs = self._layout.limbs(values)
        tags = NO_TAGS
        if self._tags is not None:
            tags = self._tags.of(limbs) + self._mask(context, participant, nonce)
        words = pack_words(
            encrypt(
                self._layout.messages(limbs, tags),
                public=self._public,
                key=RlweKey.sum_of_seeds(seeds),
                noise_seed=noise_seed,
                size=self._layout.size,
            ),
            self._layout.size,
        )
        head = Head(
            context,
            participant,
            self._kind(participant, leaving=leaving),
            words_digest(words),
            nonce,
            tuple(
                commitment(context, participant, subset, seed) for subset, seed in enumerate(seeds)
            ),
        )
        digest = head.digest(self.charter)
        envelopes = tuple(
            EnvelopePublicKey(key.public, suite=self.charter.terms.suite).seal(
                envelope_content({subset: seeds[subset] for subset in sharing.held_by(key.member)}),
                SEEDS,
                *envelope_context(digest, key.member),
            )
            for key in opening.keys
        )
        signed = SignedHead.signed(head, envelopes, self._signing_keys[participant], self.charter)
        self._sent[participant] = digest
        payload = CommitteePayload(self._digest, signed, envelopes, words)
        return Protected(payload.to_bytes(), nonce)

    def hear(self, closing: ClosingMessage) -> None:
        """Check how a round ended, as t members signed it."""
        if closing.round <= self._heard_round:
            return
        if closing.round != self._heard_round + 1:
            raise ProtocolError(
                f"the closing of round {closing.round} after that of round {self._heard_round}"
            )
        proof = ClosingProof.of(closing, self.charter)
        proof.check(closing, self.charter, self.rosters, self._outcome)
        outcome = proof.certificate.outcome
        took_part = self._opening is not None and self._opening.round == closing.round
        if outcome.closed:
            if took_part and outcome.context != self._context:
                raise ProtocolError(
                    f"round {closing.round} closed under another context: its other participants "
                    "worked on another table"
                )
            for participant, head in zip(closing.included, proof.heads, strict=True):
                if self._sent.get(participant, head) != head:
                    raise ProtocolError(
                        f"round {closing.round} includes an upload of participant {participant} "
                        "that it did not send"
                    )
                self._worked_on[participant] = proof.table
            self._closed = _Closed(closing, proof)
        self._outcome, self._heard_round, self._opening = outcome, closing.round, None

    def open(self, payload: bytes, rows: Rows | None = None) -> IntegerTable:
        """Return the whole table, whatever form it comes in."""
        del rows
        table = TablePayload.from_bytes(payload)
        last = self._closed.closing.round if self._closed else self._table_round
        if table.round != last:
            raise MessageError(
                f"a table after round {table.round}, where the one after round {last} is due"
            )
        if table.form == Form.COPY:
            self._set_table(self._from_copy(table), table.round)
        elif table.form == Form.PLAIN and not self.charter.terms.blind:
            words = decode_words(self.session.shape, table.content)
            self._set_table(self.session.shape.flat(words), table.round)
        elif self._closed is not None:
            if table.form != Form.SUM or not self.charter.terms.blind:
                raise MessageError("the table does not come in the form that the charter says")
            self._set_table(self._with_sum(table.content, self._closed), table.round)
        self._closed = None
        return self.session.shape.table(self._table)

    def copy(self) -> bytes:
        """Return the table, sealed to the reader key, for participants who come late."""
        if self._envelope_key is None:
            raise ProtocolError("the server holds the table itself")
        content = encode_words(self.session.shape, self.session.shape.table(self._table))
        sealed = EnvelopePublicKey(self._envelope_key.public, suite=self.charter.terms.suite).seal(
            content, COPY, self.charter.digest, u32(self._table_round)
        )
        return TablePayload(Form.COPY, self._table_round, sealed).to_bytes()

    def work(self, rows: Rows | None = None) -> int:
        """Return the number of blocks: always all of them."""
        del rows
        return self._layout.blocks

    def payload_bytes(self, rows: Rows | None = None) -> int:
        """Return the size of all words; head, signature and envelopes come on top."""
        del rows
        return self._layout.payload_bytes

    def _take_reader(self, reader: MasterSecret | None) -> None:
        self._envelope_key = self._tags = None
        self._reader = reader
        if not self.charter.terms.blind:
            return
        if reader is None:
            raise KeyMaterialError("a blind committee needs the participants' reader secret")
        self._envelope_key = reader_envelope_key(reader, self.charter.terms.suite)
        if self._envelope_key.public != self.rosters.newest.reader_key:
            raise KeyMaterialError("the roster names another reader key than the one given here")
        self._tags = IntegrityTags(reader, self.charter.digest, self._layout.value_limbs)

    def _kind(self, participant: int, *, leaving: bool) -> Kind:
        if leaving:
            return Kind.LEAVE
        return Kind.UPDATE if participant in self._worked_on else Kind.FIRST

    def _set_table(self, flat: Int64Array, round_number: int) -> None:
        self._table, self._table_round = flat, round_number
        words = encode_words(self.session.shape, self.session.shape.table(flat))
        self._digest = labelled_hash("table", self.charter.digest, words)
        if self._reader is not None:
            # Keyed: a server that could guess a sparse table must not be able to confirm it.
            self._digest = self._reader.derive("table digest", self._digest)

    def _mask(self, context: bytes, participant: int, nonce: bytes) -> NDArray[np.uint64]:
        assert self._tags is not None  # noqa: S101 - only blind committees have tags
        return self._tags.mask(context, u32(participant), nonce)

    def _from_copy(self, table: TablePayload) -> Int64Array:
        if self._envelope_key is None:
            raise MessageError("a sealed table where the server hands out the table itself")
        content = self._envelope_key.open(
            table.content, COPY, self.charter.digest, u32(table.round)
        )
        return self.session.shape.flat(decode_words(self.session.shape, content))

    def _with_sum(self, content: bytes, closed: _Closed) -> Int64Array:
        words = unpack_words(content, self._layout.blocks, self._layout.size, to_read=True)
        closing, outcome = closed.closing, closed.proof.certificate.outcome
        masks = np.zeros(TAGS, dtype=np.uint64)
        for participant, nonce in zip(closing.included, closing.nonces, strict=True):
            masks += self._mask(outcome.context, participant, nonce)

        def check(messages: Int64Array) -> None:
            assert self._tags is not None  # noqa: S101 - only blind committees come here
            limbs, found = self._layout.read(messages)
            exact = self._layout.exact_change(limbs, self._table)
            IntegrityTags.check(found, self._tags.of(exact) + masks)

        opened = open_round_sum(
            words,
            self._shares(closed.proof),
            uploads=len(closing.included),
            charter=self.charter,
            layout=self._layout,
            public=self._public,
            check=check,
        )
        warn_of_liars(opened.liars, closing.round)
        limbs, _ = self._layout.read(opened.messages)
        table = self._layout.values(limbs)
        table += self._table
        return self.session.shape.wrap(table)

    def _shares(self, proof: ClosingProof) -> dict[int, ShareSum]:
        assert self._envelope_key is not None  # noqa: S101 - only blind committees come here
        shares = {}
        for answer in proof.answers:
            held = len(self.charter.terms.sharing.held_by(answer.member))
            statement = answer.outcome.statement(self.charter)
            try:
                content = self._envelope_key.open(answer.share, SHARE, *statement)
                shares[answer.member] = ShareSum.from_bytes(content, held)
            except (OpenError, MessageError):
                # An answer that is none counts like no answer: enough others may be there.
                continue
        return shares
