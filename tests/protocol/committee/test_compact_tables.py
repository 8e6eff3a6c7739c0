"""A committee whose server opens sums and hands out the table in few bits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fedmf.protocol import ClosingMessage
from fedmf.protocol.committee.closing import ClosingProof
from fedmf.protocol.committee.server_table import CommitteeTable
from fedmf.protocol.committee.table_payload import (
    OPENED_TABLE_EXTRA,
    TableForm,
    TablePayload,
    plain_table_digest,
)
from fedmf.protocol.compact_words import DownloadTerms, as_opened, table_bytes
from fedmf.protocol.table import encode_words
from tests.protocol.committee.world import SHAPE, World, changes_of, committee_server, make_session

TERMS = DownloadTerms(6, "items", None)
EVERYBODY = range(5)


def make_world() -> World:
    session = replace(make_session(5, opened_by="server"), download=TERMS)
    rng = np.random.default_rng(1)
    start = [rng.integers(-(2**12), 2**12, (g.rows, g.columns)) for g in SHAPE.groups]
    return World(session=session, start=start)


def play(world: World, seed: int) -> ClosingMessage:
    return world.round(changes_of(seed, EVERYBODY))


def check_opened(world: World) -> None:
    """Check that everybody opens what the exact sum is rounded to, and that it is rounded."""
    wanted = as_opened(SHAPE, TERMS, world.expected)
    assert np.any(wanted[0] != world.expected[0])
    for number in EVERYBODY:
        for found, rounded in zip(world.opened(number), wanted, strict=True):
            np.testing.assert_array_equal(found, rounded)


def test_sums_stay_exact_however_often_rounded_tables_go_out() -> None:
    world = make_world()
    check_opened(world)
    for seed in (1, 2, 3):
        assert play(world, seed).included == tuple(EVERYBODY)
        check_opened(world)
        checkpoint = TablePayload.from_bytes(world.server.payload())
        assert checkpoint.form == TableForm.PLAIN
        words = checkpoint.tag_secret_and_words()[1]
        assert words == encode_words(SHAPE, world.expected)
        sent = world.server.table_message().payload
        assert len(sent) == OPENED_TABLE_EXTRA + table_bytes(SHAPE, TERMS)


def test_the_context_has_the_digest_of_what_was_opened() -> None:
    world = make_world()
    for seed in (1, 2):
        opened = as_opened(SHAPE, TERMS, world.expected)
        secret = TablePayload.from_bytes(world.server.payload()).tag_secret_and_words()[0]
        proof = ClosingProof.of(play(world, seed), world.charter).sum
        words = encode_words(SHAPE, opened)
        assert proof is not None
        assert proof.table == plain_table_digest(words, world.charter, secret)


def test_a_restored_server_goes_on_from_the_exact_table() -> None:
    world = make_world()
    play(world, 1)
    sent = world.server.table_message()
    restored = CommitteeTable(world.charter)
    restored.start(world.start)
    restored.restore(world.server.payload())
    world.server = committee_server(restored, world.committee._spool, world.server.closings)
    assert world.server.table_message() == sent
    play(world, 2)
    check_opened(world)
