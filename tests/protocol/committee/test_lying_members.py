"""Members that answer with something else than their shares."""

from __future__ import annotations

import warnings
from collections.abc import Collection

import numpy as np
import pytest

from fedmf.crypto.envelopes import EnvelopePublicKey
from fedmf.crypto.share_sum import ShareSum
from fedmf.errors import OpenError
from fedmf.protocol.committee.exchange import ANSWER_LABEL, AnswerReply, answer_statement
from fedmf.protocol.committee.member import SHARE
from fedmf.protocol.committee.sum_opening import LyingMemberWarning
from fedmf.protocol.committee.terms import OpenedBy
from fedmf.protocol.framing import kind_of
from tests.protocol.committee.world import SHAPE, World, random_changes

LIES = ["one subset", "by one", "too large", "no sum"]


def lies(world: World, liars: Collection[int], how: str) -> None:
    """Have members answer falsely, properly signed and sealed."""

    def lie(member: int, reply: bytes) -> bytes:
        if member not in liars or kind_of(reply) != AnswerReply.KIND:
            return reply
        answer = AnswerReply.from_bytes(reply, world.charter)
        held = len(world.terms.sharing.held_by(member))
        values = np.zeros((held, 2048), dtype=np.int32)
        if how == "one subset":
            values[member % held] += 3
        if how == "by one":
            values[0, member] += 1
        if how == "too large":
            values[:] = 2**20
        share = false_share(world, answer, values, add=how in ("one subset", "by one"))
        if how == "no sum":
            share = share[:-8]
        key = world.member_keys[member]
        statement = answer_statement(member, answer.outcome, share, world.charter)
        return AnswerReply(
            answer.round,
            member,
            answer.outcome,
            share,
            key.sign(ANSWER_LABEL, *statement),
            answer.vote,
        ).to_bytes(world.charter)

    world.from_member = lie


def false_share(world: World, answer: AnswerReply, values: np.ndarray, *, add: bool) -> bytes:
    statement = answer.outcome.statement(world.charter)
    reader = world.protections[0]._reader
    content = answer.share
    if reader is not None:
        content = reader._key.open(content, SHARE, *statement)
    true = ShareSum.from_bytes(content, len(values))
    told = ShareSum(true.values + values if add else values).to_bytes()
    if reader is None:
        return told
    return EnvelopePublicKey(world.charter.roster.reader_key).seal(told, SHARE, *statement)


def play(world: World, seed: int) -> None:
    world.collect(random_changes(np.random.default_rng(seed), range(5)))
    world.close()


@pytest.mark.parametrize("opened_by", ["participants", "server"])
@pytest.mark.parametrize("how", LIES)
@pytest.mark.parametrize(
    ("members", "threshold", "liars"), [(4, 3, [1]), (4, 3, [3]), (7, 5, [0, 6]), (7, 5, [2])]
)
def test_liars_are_named_and_the_sum_is_exact(
    opened_by: OpenedBy, how: str, members: int, threshold: int, liars: list[int]
) -> None:
    world = World(5, opened_by=opened_by, members=members, threshold=threshold)
    lies(world, liars, how)
    world.collect(random_changes(np.random.default_rng(1), range(5)))
    names = ", ".join(map(str, liars))
    if opened_by == "server" and how == "no sum":
        # The server sees that before it opens anything.
        world.close()
        assert list(world.server.refusals) == liars
        world.check_tables()
        return
    if opened_by == "server":
        with pytest.warns(LyingMemberWarning, match=f"members {names} answered"):
            world.close()
        world.check_tables()
        return
    world.close()
    with pytest.warns(LyingMemberWarning, match=f"members {names} answered"):
        world.check_tables()


@pytest.mark.parametrize("how", LIES)
@pytest.mark.parametrize(("members", "threshold"), [(1, 1), (2, 2), (3, 3)])
def test_one_liar_without_redundancy_opens_nothing_and_changes_nothing(
    how: str, members: int, threshold: int
) -> None:
    world = World(5, members=members, threshold=threshold)
    play(world, 1)
    world.check_tables()
    before = [part.copy() for part in world.opened()]
    lies(world, [0], how)
    world.collect(random_changes(np.random.default_rng(2), range(5)))
    world.close()
    for protection in world.protections.values():
        with pytest.raises(OpenError, match="does not open"):
            protection.open(world.server.payload())
        np.testing.assert_array_equal(protection._table, SHAPE.flat(before))


@pytest.mark.parametrize("how", ["one subset", "by one"])
def test_one_liar_among_three_of_four_answers_opens_nothing(how: str) -> None:
    """The liar lies of the one subset that nobody else who is there can tell of, or of more."""
    world = World(5, opened_by="server")
    world.to_member = lambda member, data: None if member == 3 else data
    lies(world, [1], how)
    world.collect(random_changes(np.random.default_rng(1), range(5)))
    world.server.freeze()
    world.consult()
    world.server.settle()
    world.consult()
    for _ in range(2):
        with pytest.raises(OpenError, match="does not open"):
            world.server.close_round()
    assert world.server.payload() == world.fresh_server().payload()
    assert world.server.counted_rounds == 0


def test_two_liars_among_four_open_nothing() -> None:
    world = World(5)
    lies(world, [0, 1], "by one")
    play(world, 1)
    with pytest.raises(OpenError, match="does not open"):
        world.protections[0].open(world.server.payload())


def test_honest_members_are_not_warned_of() -> None:
    world = World(5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        play(world, 1)
        world.check_tables()
