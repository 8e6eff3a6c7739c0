"""What a member of the committee holds of the round under way, in memory and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fedmf.crypto.derivation import labelled_hash
from fedmf.crypto.envelopes import EnvelopeKey, EnvelopePublicKey
from fedmf.crypto.share_sum import ShareSum
from fedmf.errors import FedmfError, MessageError, ProtocolError
from fedmf.protocol.committee.certificate import LABEL as OUTCOME_LABEL
from fedmf.protocol.committee.certificate import NOTHING, Outcome, SetEntry, check_set, set_digest
from fedmf.protocol.committee.exchange import (
    SHARE,
    CheckRequest,
    ReviewEntry,
    ReviewReply,
    ReviewRequest,
)
from fedmf.protocol.committee.opening import RoundKey
from fedmf.protocol.committee.sums import RoundSum
from fedmf.protocol.committee.upload import SEEDS, commitment, envelope_context, envelope_seeds
from fedmf.protocol.enrolment.votes import check_votes
from fedmf.protocol.lattice_layout import committee_layout, committee_pads

if TYPE_CHECKING:
    from fedmf.crypto.signatures import SigningKey
    from fedmf.protocol.committee.standing import Standings
    from fedmf.protocol.enrolment.charter import Charter, Roster


@dataclass(frozen=True, slots=True, repr=False)
class MemberKey:
    """A member's key for one round."""

    round: int
    secret: EnvelopeKey
    published: RoundKey

    @classmethod
    def signed(
        cls, number: int, secret: EnvelopeKey, member: int, key: SigningKey, charter: Charter
    ) -> MemberKey:
        """Return a member's key for a round, published under its signature."""
        return cls(number, secret, RoundKey.signed(member, secret.public, number, key, charter))


@dataclass(frozen=True, slots=True)
class ReviewedUpload:
    """An upload that the member can answer for."""

    entry: SetEntry
    seeds: Mapping[int, bytes] = field(repr=False)


@dataclass(slots=True, repr=False)
class MemberRound:
    """One round, from the member's key for it to its answer."""

    charter: Charter
    key: MemberKey
    previous: Outcome | None
    """How the round before ended."""
    roster: Roster
    """The version that the round goes by."""
    standings: Standings
    """What the rounds before say of everybody's contributions."""
    context: bytes = b""
    """The round's context, once uploads were reviewed."""
    request: bytes = b""
    """Digest of the request that they came with."""
    reply: ReviewReply | None = None
    """What the member said to it."""
    uploads: dict[int, ReviewedUpload] = field(default_factory=dict)
    """What the member can answer for, by participant."""
    promised: tuple[int, ...] = ()
    """Whose uploads the set holds that it has promised to answer for."""
    share: ShareSum | None = None
    """The member's share of the sum of all of these."""

    @property
    def number(self) -> int:
        """The round's number."""
        return self.key.round

    def review(self, request: ReviewRequest) -> tuple[int, ...]:
        """Check all uploads of the round; return whose this member cannot answer for.

        Raises
        ------
        MessageError
            The opening is not this round's, or uploads are listed twice.
        ProtocolError
            The round began without this member's key.
        """
        opening, published = request.opening, self.key.published
        opening.check(self.charter, self.roster)
        if published not in opening.keys:
            raise ProtocolError(f"round {self.number} began without this member's key")
        place = opening.keys.index(published)
        self.context = opening.context(self.charter, self.roster, request.table, self.previous)
        listed = [entry.participant for entry in request.entries]
        if sorted(set(listed)) != listed:
            raise MessageError("uploads to review must ascend by participant, each once")
        complaints = []
        for entry in request.entries:
            try:
                self.uploads[entry.participant] = self.reviewed(entry, place)
            except FedmfError:
                complaints.append(entry.participant)
        # Added up now, so that next to nothing happens between an answer's record and its leaving.
        self.share = self._sum(list(self.uploads))
        return tuple(complaints)

    def reviewed(self, entry: ReviewEntry, place: int) -> ReviewedUpload:
        """Check one upload.

        Parameters
        ----------
        place
            Of this member in the opening.
        """
        signed, header, member = entry.signed, entry.signed.header, self.key.published.member
        digest = signed.check(self.roster.key_of(header.participant), self.charter)
        if header.context != self.context:
            raise ProtocolError("an upload for another context")
        self.standings.check(header.participant, header.kind, header.bases)
        if labelled_hash("envelope", entry.envelope) != signed.envelopes[place]:
            raise MessageError("not the envelope that the participant signed")
        content = self.key.secret.open(entry.envelope, SEEDS, *envelope_context(digest, member))
        seeds = envelope_seeds(content, self.charter.terms.sharing.held_by(member))
        for subset, seed in seeds.items():
            committed = commitment(header.context, header.participant, subset, seed)
            if committed != header.commitments[subset]:
                raise MessageError("a seed that the upload header does not commit to")
        return ReviewedUpload(SetEntry(header.participant, header.kind, digest), seeds)

    def outcome(self, included: Sequence[int], words: bytes) -> Outcome:
        """Return how the round ends with a set of uploads, whose sum has this Merkle root.

        Raises
        ------
        ProtocolError
            There are some in it that the member cannot answer for.
        """
        unknown = [one for one in included if one not in self.uploads]
        if unknown:
            raise ProtocolError(
                f"the set holds uploads that this member cannot answer for: {unknown[:5]}"
            )
        listed = (self.uploads[one].entry for one in included)
        digest = set_digest(self.charter, self.context, listed)
        return Outcome(self.number, self.context, digest, words)

    def share_of(self, included: Sequence[int]) -> ShareSum:
        """Return the member's share of the sum of a set of uploads."""
        everybody = len(included) == len(self.uploads)
        return self.share if everybody and self.share is not None else self._sum(included)

    def told(self, outcome: Outcome) -> bytes:
        """Return the share of the promised sum as it is told: under a blind committee sealed."""
        share, suite = self.share_of(self.promised).to_bytes(), self.charter.terms.suite
        if not self.charter.terms.blind:
            return share
        reader = EnvelopePublicKey(self.roster.reader_key, suite=suite)
        return reader.seal(share, SHARE, *outcome.statement(self.charter))

    def _sum(self, included: Sequence[int]) -> ShareSum:
        held = self.charter.terms.sharing.held_by(self.key.published.member)
        uploads = (self.uploads[one].seeds for one in included)
        return ShareSum.from_seeds(
            ([seeds[subset] for subset in held] for seeds in uploads),
            len(held),
            committee_pads(self.charter.session),
        )


class AddedAgain:
    """The uploads of a closed round, added up by a member one after the other.

    Parameters
    ----------
    charter
        The charter.
    request
        The first of the messages with these uploads.
    counted_round
        Which of the session's rounds it is.

    Raises
    ------
    MessageError
        It is not the set that t members have certified.
    """

    def __init__(self, charter: Charter, request: CheckRequest, counted_round: int) -> None:
        self._charter, self._outcome, self._set = charter, request.outcome, request.uploads
        if not self._outcome.closed or self._outcome.round != request.round:
            raise MessageError("only the sum of the round that has closed is checked")
        check_votes(request.votes, charter, OUTCOME_LABEL, *self._outcome.statement(charter))
        check_set(self._outcome, self._set, charter)
        self._layout = committee_layout(charter.session, counted_round)
        self._sum, self._uploads = RoundSum(self._layout), 0

    def goes_on_with(self, request: CheckRequest) -> bool:
        """Return whether a message holds the next uploads."""
        return (request.outcome, request.first) == (self._outcome, self._uploads)

    def add(self, request: CheckRequest) -> bytes:
        """Add the next uploads; return the Merkle root of the sum, NOTHING while some are missing.

        Raises
        ------
        MessageError
            They are others.
        """
        for upload in request.words:
            if self._uploads >= len(self._set):
                raise MessageError("more uploads than the set holds")
            header = upload.header
            if header.digest(self._charter) != self._set[self._uploads].header:
                raise MessageError("an upload that is not in the set")
            header.check_words(upload.words, self._layout)
            self._sum.add(upload.words)
            self._uploads += 1
        return self._sum.root() if self._uploads == len(self._set) else NOTHING
