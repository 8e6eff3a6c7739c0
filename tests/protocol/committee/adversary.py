"""A server that keeps all it sees, says what it likes to members, and opens whatever opens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from fedmf.crypto.rlwe_words import add_words, pack_words, unpack_words, zero_words
from fedmf.crypto.share_sum import ShareSum
from fedmf.protocol import Int64Array, UploadMessage
from fedmf.protocol.committee.certificate import Certificate, Outcome, set_digest
from fedmf.protocol.committee.exchange import (
    AnswerReply,
    AnswerRequest,
    KeyReply,
    Refusal,
    ReviewEntry,
    ReviewReply,
    ReviewRequest,
    VoteReply,
    VoteRequest,
)
from fedmf.protocol.committee.member import CommitteeMember
from fedmf.protocol.committee.message import CommitteeMessage
from fedmf.protocol.committee.sum_opening import committee_layout, open_round_sum, servers_tags
from fedmf.protocol.committee.upload import CommitteePayload
from fedmf.protocol.committee.votes import MemberSignature
from fedmf.protocol.framing import kind_of, u32
from fedmf.protocol.integrity_tags import pack_numbers, split_numbers
from tests.protocol.committee.world import World

_REPLIES = {one.KIND: one for one in (KeyReply, ReviewReply, AnswerReply, VoteReply, Refusal)}


class Adversary:
    """Holds the uploads of one round, and asks members about any set of them."""

    def __init__(self, world: World, uploads: Mapping[int, UploadMessage]) -> None:
        assert world.opening is not None
        self.world, self.charter, self.opening = world, world.charter, world.opening
        self.round = world.opening.round
        self.uploads = {
            number: CommitteePayload.from_bytes(
                upload.payload, charter=self.charter, participant=number, opening=self.opening
            )
            for number, upload in uploads.items()
        }
        self.table = next(iter(self.uploads.values())).table
        previous = world.server._previous
        self.previous: Outcome | None = None if previous is None else previous.outcome

    @property
    def context(self) -> bytes:
        roster = self.charter.roster
        return self.opening.context(self.charter, roster, self.table, self.previous)

    def say(self, member: CommitteeMember, message: CommitteeMessage) -> CommitteeMessage:
        """Return what a member replies."""
        reply = member.respond(message.to_bytes(self.charter))
        return _REPLIES[kind_of(reply)].from_bytes(reply, self.charter)

    def entries(self, member: CommitteeMember, numbers: Iterable[int]) -> list[ReviewEntry]:
        place = [key.member for key in self.opening.keys].index(member.number)
        return [
            ReviewEntry(number, self.uploads[number].signed, self.uploads[number].envelopes[place])
            for number in numbers
        ]

    def show(self, member: CommitteeMember, numbers: Iterable[int]) -> CommitteeMessage:
        """Have a member review some of the uploads."""
        entries = tuple(self.entries(member, numbers))
        return self.say(member, ReviewRequest(self.round, self.opening, self.table, entries))

    def outcome(self, numbers: Iterable[int]) -> Outcome:
        listed = [(n, self.uploads[n].signed.head.digest(self.charter)) for n in numbers]
        return Outcome(self.round, self.context, set_digest(self.charter, self.context, listed))

    def ask(self, member: CommitteeMember, numbers: Sequence[int]) -> CommitteeMessage:
        """Ask a member to answer for a set."""
        return self.say(member, AnswerRequest(self.round, tuple(numbers), self.outcome(numbers)))

    def answers(
        self, members: Iterable[CommitteeMember], numbers: Sequence[int]
    ) -> dict[int, AnswerReply]:
        """Return the answers of those members that answer for a set."""
        said = {member.number: self.ask(member, numbers) for member in members}
        return {m: answer for m, answer in said.items() if isinstance(answer, AnswerReply)}

    def certificate(self, members: Iterable[CommitteeMember], outcome: Outcome) -> Certificate:
        """Return as many signatures under an outcome as members give."""
        said = [self.say(member, VoteRequest(outcome.round, outcome)) for member in members]
        votes = [MemberSignature(v.member, v.vote) for v in said if isinstance(v, VoteReply)]
        return Certificate(outcome, tuple(votes))

    def open(self, answers: Mapping[int, AnswerReply], numbers: Sequence[int]) -> Int64Array:
        """Return the sum of the changes of a set, if these answers open it.

        Under a blind committee the server needs a participant who gives it the reader secret.
        """
        layout = committee_layout(self.world.session)
        words = zero_words(layout.blocks, layout.size)
        numbers_behind = np.zeros(layout.numbers, dtype=np.uint64)
        masks = np.zeros(layout.tags, dtype=np.uint64)
        participant = self.world.protections[0]
        reader = participant._reader
        if reader is not None:
            tags = reader.tags()
        else:
            secret = self.world.server._table._tag_secret
            tags = servers_tags(secret, self.charter)
        for number in numbers:
            sent, behind = split_numbers(
                self.uploads[number].words, layout.words_bytes, layout.numbers
            )
            add_words(words, unpack_words(sent, layout.blocks, layout.size), layout.size)
            numbers_behind += behind
            if reader is not None:
                nonce = self.uploads[number].signed.head.nonce
                masks += tags.mask(self.context, u32(number), nonce)
        opened = open_round_sum(
            pack_words(words, layout.size) + pack_numbers(numbers_behind),
            {member: self.share(answer) for member, answer in answers.items()},
            uploads=len(numbers),
            charter=self.charter,
            layout=layout,
            public=participant._public,
            before=participant._table,
            tags=tags,
            masks=masks,
        )
        return opened.changes

    def share(self, answer: AnswerReply) -> ShareSum:
        content, terms = answer.share, self.charter.terms
        pads = committee_layout(self.world.session).numbers
        if terms.blind:
            reader = self.world.protections[0]._reader
            assert reader is not None
            statement = answer.outcome.statement(self.charter)
            content = reader._key.open(content, "share of a sum", *statement)
        return ShareSum.from_bytes(content, len(terms.sharing.held_by(answer.member)), pads)
