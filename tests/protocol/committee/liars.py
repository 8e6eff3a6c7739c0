"""Answers of members that are not their shares, properly signed and sealed."""

from __future__ import annotations

import numpy as np

from fedmf.crypto.envelopes import EnvelopePublicKey
from fedmf.crypto.share_sum import ShareSum
from fedmf.protocol.committee.exchange import ANSWER_LABEL, SHARE, AnswerReply, answer_statement
from fedmf.protocol.lattice_layout import committee_layout
from fedmf.protocol.messages import kind_of
from tests.protocol.committee.world import World

LIES = (
    "one subset",
    "by one",
    "too large",
    "no sum",
    "pads of tags",
    "pads of values",
    "pads by a word",
    "all pads",
)


def false_answer(world: World, member: int, reply: bytes, how: str) -> bytes:
    """Return what a liar says instead of its answer; other replies as they are."""
    if kind_of(reply) != AnswerReply.KIND:
        return reply
    answer = AnswerReply.from_bytes(reply, world.charter)
    held = len(world.terms.sharing.held_by(member))
    values = np.zeros((held, 2048), dtype=np.int32)
    layout = committee_layout(world.session)
    pads = np.zeros((held, layout.numbers), dtype=np.uint64)
    if how == "pads of tags":
        pads[member % held, member % layout.tags] += np.uint64(1)
    if how == "pads of values":
        # Such a shift, of one value, is what few factors find.
        pads[member % held, -1 - member] += np.uint64(2**44)
    if how == "pads by a word":
        # Modulo the word of the value this is nothing, and a member that is honest contradicts it.
        pads[member % held, -1] += np.uint64(2**63)
    if how == "all pads":
        pads += np.uint64(2**63 + 1)
    if how == "one subset":
        values[member % held] += 3
    if how == "by one":
        values[0, member] += 1
    if how == "too large":
        values[:] = 2**20
    add = how not in ("too large", "no sum")
    share = _share(world, answer, ShareSum(values, pads), add=add)
    if how == "no sum":
        share = share[:-8]
    statement = answer_statement(member, answer.outcome, share, world.charter)
    signature = world.member_keys[member].sign(ANSWER_LABEL, *statement)
    return AnswerReply(
        answer.round, member, answer.outcome, share, signature, answer.vote
    ).to_bytes(world.charter)


def _share(world: World, answer: AnswerReply, lie: ShareSum, *, add: bool) -> bytes:
    statement = answer.outcome.statement(world.charter)
    reader = next(iter(world.protections.values())).held.reader
    content = answer.share
    if reader is not None:
        content = reader._key.open(content, SHARE, *statement)
    if add:
        true = ShareSum.from_bytes(content, len(lie.values), lie.pads.shape[1])
        lie = ShareSum(true.values + lie.values, true.pads + lie.pads)
    told = lie.to_bytes()
    if reader is None:
        return told
    return EnvelopePublicKey(world.charter.roster.reader_key).seal(told, SHARE, *statement)
