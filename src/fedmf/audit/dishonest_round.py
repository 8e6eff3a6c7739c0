"""A round of a committee whose server sends members anything it likes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fedmf.crypto.rlwe_words import add_words, pack_words, unpack_words, zero_words
from fedmf.protocol.committee.certificate import (
    NOTHING,
    Certificate,
    Outcome,
    SetEntry,
    SumCheck,
    set_digest,
)
from fedmf.protocol.committee.exchange import (
    AnswerReply,
    AnswerRequest,
    CheckReply,
    CheckRequest,
    KeyReply,
    PromiseReply,
    PromiseRequest,
    Refusal,
    ReviewEntry,
    ReviewReply,
    ReviewRequest,
    UploadedWords,
    VoteReply,
    VoteRequest,
)
from fedmf.protocol.committee.sums import open_round_sum, read_share, sum_root
from fedmf.protocol.committee.upload import CommitteePayload
from fedmf.protocol.enrolment.votes import MemberSignature, Votes
from fedmf.protocol.integrity_tags import IntegrityTags, pack_numbers, split_numbers
from fedmf.protocol.lattice_layout import committee_layout
from fedmf.protocol.messages import CommitteeMessage, kind_of

if TYPE_CHECKING:
    from fedmf.crypto.rlwe_ring import PublicPolynomials
    from fedmf.crypto.share_sum import ShareSum
    from fedmf.protocol import Int64Array, UploadMessage
    from fedmf.protocol.committee.member import CommitteeMember
    from fedmf.protocol.committee.opening import OpeningMessage
    from fedmf.protocol.enrolment.charter import Charter

Tags = NDArray[np.uint64]
_REPLIES = {
    one.KIND: one
    for one in (
        *(KeyReply, ReviewReply, PromiseReply, AnswerReply, VoteReply, CheckReply, Refusal),
    )
}


def say(member: CommitteeMember, message: CommitteeMessage, charter: Charter) -> CommitteeMessage:
    """Return what a member replies, a refusal included."""
    reply = member.respond(message.to_bytes(charter))
    return _REPLIES[kind_of(reply)].from_bytes(reply, charter)


class DishonestRound:
    """Holds the uploads of one round, and asks members about any set of them.

    `previous` is the certificate of the round before; None: there was none.
    """

    def __init__(
        self, charter: Charter, opening: OpeningMessage, previous: Certificate | None
    ) -> None:
        self.charter, self.opening, self._before = charter, opening, previous
        self.round = opening.round
        self.uploads: dict[int, CommitteePayload] = {}
        self._promised: dict[Outcome, dict[int, bytes]] = {}
        self._voted: dict[Outcome, dict[int, bytes]] = {}

    def take(self, upload: UploadMessage) -> None:
        """Keep an upload."""
        self.uploads[upload.participant] = CommitteePayload.from_bytes(
            upload.payload,
            charter=self.charter,
            participant=upload.participant,
            opening=self.opening,
        )

    @property
    def table(self) -> bytes:
        """Digest of the table that participants worked on."""
        return next(iter(self.uploads.values())).table

    @property
    def context(self) -> bytes:
        """Digest of all that a sum of the round belongs to."""
        before = None if self._before is None else self._before.outcome
        return self.opening.context(self.charter, self.charter.roster, self.table, before)

    def say(self, member: CommitteeMember, message: CommitteeMessage) -> CommitteeMessage:
        """Return what a member replies, a refusal included."""
        return say(member, message, self.charter)

    def show(self, member: CommitteeMember, numbers: Iterable[int]) -> CommitteeMessage:
        """Have a member review the uploads of some participants."""
        place = [key.member for key in self.opening.keys].index(member.number)
        entries = tuple(
            ReviewEntry(number, self.uploads[number].signed, self.uploads[number].envelopes[place])
            for number in numbers
        )
        return self.say(member, ReviewRequest(self.round, self.opening, self.table, entries))

    def outcome(self, numbers: Sequence[int], content: bytes | None = None) -> Outcome:
        """Return what a certificate of the round, closed with these uploads, states.

        Parameters
        ----------
        content
            What the server says is their sum; the true one unless given.
        """
        digest = set_digest(self.charter, self.context, self.entries(numbers))
        content = self.added(numbers) if content is None else content
        root = sum_root(content, committee_layout(self.charter.session))
        return Outcome(self.round, self.context, digest, root)

    def entries(self, numbers: Iterable[int]) -> tuple[SetEntry, ...]:
        """Return the uploads of some participants as a set lists them."""
        headers = [self.uploads[number].signed.header for number in numbers]
        return tuple(SetEntry(h.participant, h.kind, h.digest(self.charter)) for h in headers)

    def promise(
        self, member: CommitteeMember, numbers: Sequence[int], outcome: Outcome | None = None
    ) -> CommitteeMessage:
        """Have a member promise to answer for the sum over some participants."""
        outcome = outcome or self.outcome(numbers)
        said = self.say(member, PromiseRequest(self.round, tuple(numbers), outcome))
        if isinstance(said, PromiseReply):
            self._promised.setdefault(outcome, {})[said.member] = said.promise
        return said

    def promises(self, outcome: Outcome) -> Votes:
        """Return all promises under an outcome."""
        return _signatures(self._promised.get(outcome, {}))

    def ask(
        self, member: CommitteeMember, numbers: Sequence[int], outcome: Outcome | None = None
    ) -> CommitteeMessage:
        """Ask a member to answer for the sum over some participants, once it has promised."""
        outcome = outcome or self.outcome(numbers)
        said = self.promise(member, numbers, outcome)
        if isinstance(said, Refusal):
            return said
        said = self.say(member, AnswerRequest(self.round, outcome, self.promises(outcome)))
        if isinstance(said, AnswerReply):
            self._voted.setdefault(outcome, {})[said.member] = said.vote
        return said

    def votes(self, members: Iterable[CommitteeMember], outcome: Outcome) -> list[CommitteeMessage]:
        """Ask members to sign an outcome."""
        votes = _signatures(self._voted.get(outcome, {}))
        request = VoteRequest(outcome.round, outcome, self._before, votes)
        return [self.say(member, request) for member in members]

    def checked(
        self, members: Iterable[CommitteeMember], numbers: Sequence[int], certificate: Certificate
    ) -> Certificate:
        """Have members add up the uploads of a closed round, and add what they sign."""
        uploads = [(number, self.uploads[number]) for number in numbers]
        words = tuple(UploadedWords(one, up.signed.header, up.words) for one, up in uploads)
        request = CheckRequest(
            self.round, certificate.outcome, certificate.votes, self.entries(numbers), 0, words
        )
        said = [self.say(member, request) for member in members]
        signed = {one.member: one for one in said if isinstance(one, CheckReply)}
        votes = _signatures({m: one.signature for m, one in signed.items() if one.signature})
        found = {one.sum for one in signed.values()}
        return replace(certificate, checked=SumCheck(found.pop() if found else NOTHING, votes))

    def shares(self, answers: Iterable[AnswerReply]) -> dict[int, ShareSum]:
        """Return the shares in members' answers: readable where the server opens sums."""
        return {one.member: read_share(one.member, one.share, self.charter) for one in answers}

    def opened(
        self,
        numbers: Sequence[int],
        shares: Mapping[int, ShareSum],
        *,
        public: PublicPolynomials,
        before: Int64Array,
        tags: IntegrityTags,
        masks: Tags | None = None,
    ) -> Int64Array:
        """Return the sum of some participants' changes, if these shares open it.

        Parameters
        ----------
        public
            The session's public polynomials.
        before
            The table that participants worked on, shape (values,).
        tags, masks
            What checks the sum, and what hides the tags: see `open_round_sum`.

        Returns
        -------
        ndarray
            Shape (values,).
        """
        return open_round_sum(
            self.added(numbers),
            shares,
            uploads=len(numbers),
            charter=self.charter,
            layout=committee_layout(self.charter.session),
            public=public,
            before=before,
            tags=tags,
            masks=masks,
        ).changes

    def added(
        self, numbers: Iterable[int], shift: Int64Array | None = None, tags: Tags | None = None
    ) -> bytes:
        """Return the words of some participants' uploads, added up, and the numbers behind them.

        Parameters
        ----------
        shift
            What the server adds to the sum, shape (values,); words need no key for that.
        tags
            The tags of the shift, uint64, shape (tags,), from the factors of the session.
        """
        layout = committee_layout(self.charter.session)
        total = zero_words(layout.blocks, layout.size)
        behind = np.zeros(layout.numbers, dtype=np.uint64)
        for number in numbers:
            words, beside = split_numbers(
                self.uploads[number].words, layout.words_bytes, layout.numbers
            )
            add_words(total, unpack_words(words, layout.blocks, layout.size), layout.size)
            behind += beside
        if shift is not None and tags is not None:
            messages, beside = layout.split(shift)
            own = np.zeros_like(total)
            own.reshape(-1)[: len(messages)] = (messages << layout.size.noise_bits) % (
                1 << layout.size.kept_bits
            )
            add_words(total, own, layout.size)
            behind += np.concatenate([tags, beside])
        return pack_words(total, layout.size) + pack_numbers(behind)


def _signatures(signed: Mapping[int, bytes]) -> Votes:
    return tuple(MemberSignature(member, signed[member]) for member in sorted(signed))
