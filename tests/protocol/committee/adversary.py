"""The audit's dishonest server, in a world of tests: it opens everything that opens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from fedmf.audit.dishonest_round import DishonestRound
from fedmf.protocol import Int64Array, UploadMessage
from fedmf.protocol.committee.certificate import PROMISE, Certificate, Outcome
from fedmf.protocol.committee.exchange import AnswerReply, VoteReply
from fedmf.protocol.committee.member import CommitteeMember
from fedmf.protocol.committee.sums import servers_tags
from fedmf.protocol.enrolment.votes import MemberSignature, Votes
from fedmf.protocol.wire import u32
from tests.protocol.committee.world import World


class Adversary(DishonestRound):
    """Holds the uploads of a world's round."""

    def __init__(self, world: World, uploads: Mapping[int, UploadMessage]) -> None:
        assert world.opening is not None
        super().__init__(world.charter, world.opening, world.committee.previous)
        self.world = world
        for upload in uploads.values():
            self.take(upload)

    def answers(
        self, members: Iterable[CommitteeMember], numbers: Sequence[int]
    ) -> dict[int, AnswerReply]:
        """Return the answers of those members that answer for a set."""
        said = {member.number: self.ask(member, numbers) for member in members}
        return {m: answer for m, answer in said.items() if isinstance(answer, AnswerReply)}

    def promises(self, outcome: Outcome) -> Votes:
        """Return promises of all members, so that only the one that is asked can refuse."""
        statement = outcome.statement(self.charter)
        return tuple(
            MemberSignature(member, key.sign(PROMISE, *statement))
            for member, key in enumerate(self.world.member_keys)
        )

    def certificate(self, members: Iterable[CommitteeMember], outcome: Outcome) -> Certificate:
        """Return as many signatures under an outcome as members give."""
        said = self.votes(members, outcome)
        votes = [MemberSignature(v.member, v.vote) for v in said if isinstance(v, VoteReply)]
        return Certificate(outcome, tuple(votes))

    def open(self, answers: Mapping[int, AnswerReply], numbers: Sequence[int]) -> Int64Array:
        """Return the sum of the changes of a set, if these answers open it.

        Under a blind committee the server needs a participant who gives it the reader secret.
        """
        participant = self.world.protections[0]
        reader, masks = participant.held.reader, None
        said = list(answers.values())
        if reader is None:
            tags = servers_tags(self.world.committee._table._tag_secret, self.charter)
        else:
            tags, masks = reader.tags(), np.zeros((), dtype=np.uint64)
            for number in numbers:
                nonce = self.uploads[number].signed.header.nonce
                masks = masks + tags.mask(self.context, u32(number), nonce)
            for place, one in enumerate(said):
                statement = one.outcome.statement(self.charter)
                share = reader._key.open(one.share, "share of a sum", *statement)
                said[place] = replace(one, share=share)
        return self.opened(
            numbers,
            self.shares(said),
            public=participant._public,
            before=participant.held.flat,
            tags=tags,
            masks=masks,
        )
