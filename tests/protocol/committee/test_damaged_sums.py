"""A server that changes the sum on its way to the participants is found out by integrity tags.

Members would find it, too: that nobody opens another sum than theirs is switched off here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from fedmf.crypto.rlwe_words import add_words, pack_words, unpack_words
from fedmf.errors import MessageError, OpenError
from fedmf.protocol.committee.participant import CommitteeParticipant
from fedmf.protocol.committee.server_table import CommitteeTable
from fedmf.protocol.committee.table_payload import TableForm, TablePayload
from fedmf.protocol.committee.upload import CommitteePayload
from fedmf.protocol.integrity_tags import pack_numbers, split_numbers
from fedmf.protocol.lattice_layout import committee_layout
from tests.protocol.committee.world import World, changes_of


@pytest.fixture(autouse=True)
def without_members_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CommitteeParticipant, "_check_sum", lambda *_: None)


Words = np.ndarray
Tags = NDArray[np.uint64]


def closed(world: World) -> Words:
    """Play a round up to its closing; return the words of its sum."""
    world.collect(changes_of(5))
    world.close()
    layout = committee_layout(world.session)
    return unpack_words(content(world)[: layout.words_bytes], layout.blocks, layout.size)


def content(world: World) -> bytes:
    return TablePayload.from_bytes(world.server.payload()).content


def tags_of(world: World, sent: bytes) -> Tags:
    layout = committee_layout(world.session)
    return split_numbers(sent, layout.words_bytes, layout.numbers)[1]


def payload(world: World, words: Words, tags: Tags | None = None, number: int = 1) -> bytes:
    """Return words as the sum of a round, with its own tags or others."""
    size = committee_layout(world.session).size
    tags = tags_of(world, content(world)) if tags is None else tags
    return TablePayload(
        TableForm.SUM, number, pack_words(words, size) + pack_numbers(tags)
    ).to_bytes()


def shifted(world: World, words: Words, by: int = 1) -> Words:
    """Return the words with a message of the server's own in them, which needs no key."""
    size = committee_layout(world.session).size
    own = np.zeros_like(words)
    own[0, 3] = (by << size.noise_bits) % 2**size.kept_bits
    add_words(words, own, size)
    return words


def upload_words(world: World, number: int) -> Words:
    layout = committee_layout(world.session)
    sent = world.committee._spool.take(number)[: layout.words_bytes]
    return unpack_words(sent, layout.blocks, layout.size)


def without_one(world: World, words: Words) -> Words:
    size = committee_layout(world.session).size
    words -= upload_words(world, 0)
    return words & np.uint64(2**size.kept_bits - 1) if size.kept_bits == 40 else words


def with_one_twice(world: World, words: Words) -> Words:
    add_words(words, upload_words(world, 0), committee_layout(world.session).size)
    return words


def garbage(world: World, words: Words) -> Words:
    size = committee_layout(world.session).size
    drawn = np.random.default_rng(1).integers(0, 2**size.kept_bits, words.shape, dtype=np.uint64)
    return drawn.astype(words.dtype)


def swapped(world: World, words: Words) -> Words:
    del world
    words[0, [3, 4]] = words[0, [4, 3]]
    return words


@pytest.mark.parametrize(
    "damage", [shifted, without_one, with_one_twice, garbage, swapped], ids=lambda f: f.__name__
)
def test_damaged_sums_do_not_open_and_change_nothing(
    damage: Callable[[World, Words], Words],
) -> None:
    world = World(5)
    words = closed(world)
    for protection in world.protections.values():
        with pytest.raises(OpenError, match="does not open"):
            protection.open(payload(world, damage(world, words.copy())))
    world.check_tables()


@pytest.mark.parametrize("damage", [without_one, with_one_twice], ids=lambda f: f.__name__)
def test_sums_of_other_uploads_do_not_open_with_the_tags_that_they_brought(
    damage: Callable[[World, Words], Words],
) -> None:
    world = World(5)
    words = damage(world, closed(world))
    tags, own = tags_of(world, content(world)), tags_of(world, world.committee._spool.take(0))
    tags = tags - own if damage is without_one else tags + own
    for protection in world.protections.values():
        with pytest.raises(OpenError, match="does not open"):
            protection.open(payload(world, words, tags))
    world.check_tables()


@pytest.mark.parametrize("lie", ["shifted", "exchanged", "scaled", "made up", "another's", "none"])
def test_words_do_not_open_with_other_tags(lie: str) -> None:
    world = World(5)
    words = closed(world)
    tags, count = tags_of(world, content(world)), committee_layout(world.session).tags
    of_tags = (np.arange(len(tags)) < count).astype(np.uint64)
    made_up = np.random.default_rng(1).integers(0, 2**64, count, dtype=np.uint64)
    wrong = {
        "shifted": tags + of_tags * np.uint64(2**63),
        "exchanged": np.append(tags[:count][::-1], tags[count:]),
        "scaled": tags + of_tags * tags,
        "made up": np.append(made_up, tags[count:]),
        "another's": np.append(
            tags_of(world, world.committee._spool.take(0))[:count], tags[count:]
        ),
        "none": tags - of_tags * tags,
    }[lie]
    for protection in world.protections.values():
        with pytest.raises(OpenError, match="does not open"):
            protection.open(payload(world, words, wrong))
    world.check_tables()


@pytest.mark.parametrize("by", [1, 2**22, 2**43, 2**44])
def test_values_beside_the_words_do_not_open_shifted(by: int) -> None:
    world = World(5)
    words = closed(world)
    numbers = tags_of(world, content(world))
    for place in (-1, -6):
        wrong = numbers.copy()
        wrong[place : place + 1 or None] += np.uint64(by)
        for protection in world.protections.values():
            with pytest.raises(OpenError, match="does not open"):
                protection.open(payload(world, words, wrong))
    world.check_tables()


@pytest.mark.parametrize("by", [2**45, 2**61, 2**63])
def test_shifts_by_whole_words_are_refused_even_where_no_tag_finds_them(
    by: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a member could lie about pads and have another one named."""
    world = World(5)
    words = closed(world)
    numbers = tags_of(world, content(world))
    numbers[-1:] += np.uint64(by)
    monkeypatch.setattr("hmac.compare_digest", lambda *_: True)
    with pytest.raises(OpenError, match="does not open"):
        world.protections[0].open(payload(world, words, numbers))


@pytest.mark.parametrize("by", [1, -1, 2**12, 2**20])
def test_the_sentence_is_the_same_whatever_is_wrong(by: int) -> None:
    """Whoever watches complaints must not learn whether it was the tags or the noise."""
    world = World(5)
    words = closed(world)
    said = set()
    for wrong in (shifted(world, words.copy(), by), garbage(world, words)):
        with pytest.raises(OpenError) as caught:
            world.protections[0].open(payload(world, wrong))
        said.add(str(caught.value))
    assert len(said) == 1


def test_a_shift_opens_where_nobody_looks_at_the_tags(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(5)
    words = closed(world)
    monkeypatch.setattr("hmac.compare_digest", lambda *_: True)
    numbers = tags_of(world, content(world))
    numbers[-1:] += np.uint64(2**40)
    table = world.protections[0].open(payload(world, shifted(world, words), numbers))
    assert table[0][0, 3] == world.expected[0][0, 3] + 1
    assert (table[1][-1, -1] - world.expected[1][-1, -1]) % 2**45 == 2**40


@pytest.mark.parametrize("by", [slice(None, -1), slice(None, 0)])
def test_sums_of_the_wrong_size_are_refused(by: slice) -> None:
    world = World(5)
    good = payload(world, closed(world))
    for wrong in (good + b"\0", good[5:][by]):
        with pytest.raises(MessageError):
            world.protections[0].open(wrong)
    world.check_tables()


@pytest.mark.parametrize("form", [TableForm.PLAIN, TableForm.START, TableForm.COPY])
def test_a_table_in_another_form_is_refused(form: TableForm) -> None:
    world = World(5)
    closed(world)
    content = b"" if form == TableForm.START else b"whatever"
    wrong = TablePayload(form, 0 if form == TableForm.START else 1, content)
    with pytest.raises(MessageError):
        world.protections[0].open(wrong.to_bytes())
    world.check_tables()


@pytest.mark.parametrize("form", [TableForm.SUM, TableForm.COPY])
def test_no_sealed_table_where_the_server_opens(form: TableForm) -> None:
    world = World(5, opened_by="server")
    world.round(changes_of(5))
    with pytest.raises(MessageError, match="form that the charter allows"):
        world.protections[0].open(TablePayload(form, 1, b"whatever").to_bytes())
    world.check_tables()


def test_a_table_after_another_round_is_refused() -> None:
    world = World(5)
    words = closed(world)
    for number in (0, 2):
        wrong = payload(world, words, number=number)
        with pytest.raises(MessageError, match=f"a table after round {number}, where .* round 1"):
            world.protections[0].open(wrong)


def test_whoever_changes_nonces_opens_nothing() -> None:
    """The masks of tags come from them."""
    world = World(5)
    world.collect(changes_of(5))
    closing = world.end()
    wrong = replace(closing, nonces=closing.nonces[::-1])
    world.roles[0].receive_closing(wrong)
    with pytest.raises(OpenError, match="does not open"):
        world.protections[0].open(world.server.payload())


@pytest.mark.parametrize("checked", [True, False])
def test_words_of_another_size_never_reach_the_spool(
    monkeypatch: pytest.MonkeyPatch, *, checked: bool
) -> None:
    """Words that nobody checks before they are kept would lie on the disk."""
    if not checked:
        monkeypatch.setattr(CommitteeTable, "check_words", lambda *_: None)
    world = World(5)
    sent = world.collect(changes_of(1), lost=[0])[0]
    assert world.opening is not None
    payload = CommitteePayload.from_bytes(
        sent.payload, charter=world.charter, participant=0, opening=world.opening
    )
    words = payload.words + bytes(1000)
    large = replace(payload, words=words).to_bytes()
    with pytest.raises(MessageError, match="bytes, not"):
        world.server.receive(replace(sent, payload=large).to_bytes(world.session))
    kept = world.committee._spool._words  # type: ignore[attr-defined]
    assert (0 in kept) is not checked
