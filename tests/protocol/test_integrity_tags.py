from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from fedmf.crypto.derivation import MasterSecret
from fedmf.errors import MessageError, OpenError
from fedmf.protocol import GroupShape, Int64Array, TableShape
from fedmf.protocol.integrity_tags import (
    LEAST_TAGS,
    IntegrityTags,
    pack_numbers,
    split_numbers,
    tags_for,
)
from fedmf.protocol.lattice_layout import LatticeLayout
from fedmf.protocol.table import centred
from tests.contracts.protection_contract import random_change

SECRET = MasterSecret(bytes(range(32)))
CONTEXT = b"a session"
# Values of the first group are in words, those of the second beside them.
SHAPE = TableShape((GroupShape("items", 9, 7, 20), GroupShape("sums", 5, 2, 62)))
TAGS = 22
NAMES = (b"upload 1", b"upload 2", b"upload 3")
Lie = Callable[[list[Int64Array]], Int64Array]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def test_tags_are_the_products_modulo_two_to_the_64(rng: np.random.Generator) -> None:
    values = np.concatenate([rng.integers(-(2**63), 2**63, 300), [-(2**63), 2**63 - 1, -1, 0]])
    tags = IntegrityTags(SECRET, CONTEXT, len(values), LEAST_TAGS)
    ones = np.eye(len(values), dtype=np.int64)
    factors = [[int(factor) for factor in tags.of(one)] for one in ones]
    for tag, found in enumerate(tags.of(values)):
        products = zip(factors, values, strict=True)
        assert int(found) == sum(factor[tag] * int(value) for factor, value in products) % 2**64
    assert len({factor for pair in factors for factor in pair}) == LEAST_TAGS * len(values)


def test_tags_add(rng: np.random.Generator) -> None:
    tags = IntegrityTags(SECRET, CONTEXT, 50, 3)
    first, second = rng.integers(-(2**31), 2**31, (2, 50))
    assert (tags.of(first) + tags.of(second)).tolist() == tags.of(first + second).tolist()


def test_factors_and_masks_depend_on_secret_context_and_upload() -> None:
    values = np.arange(1, 9)
    makers = [
        IntegrityTags(SECRET, CONTEXT, 8, 9),
        IntegrityTags(MasterSecret(bytes(32)), CONTEXT, 8, 9),
        IntegrityTags(SECRET, b"another", 8, 9),
    ]
    names = [(b"1", b"23"), (b"12", b"3"), (b"123",)]
    numbers = [int(number) for tags in makers for number in tags.of(values)]
    numbers += [int(beta) for tags in makers for name in names for beta in tags.mask(*name)]
    assert len(set(numbers)) == len(numbers)
    again = IntegrityTags(SECRET, CONTEXT, 8, 9)
    assert again.of(values).tolist() == makers[0].of(values).tolist()
    assert again.mask(*names[0]).tolist() == makers[0].mask(*names[0]).tolist()


def test_masks_are_the_words_of_one_derivation_for_every_four_tags() -> None:
    tags = IntegrityTags(SECRET, CONTEXT, 1, 6)
    derived = [
        SECRET.derive("tag masks", CONTEXT, b"name", block.to_bytes(4, "little"))
        for block in range(2)
    ]
    words = np.frombuffer(b"".join(derived), dtype="<u8")
    assert tags.mask(b"name").tolist() == words[:6].tolist()


@pytest.mark.parametrize("tag", range(TAGS))
def test_one_tag_that_differs_is_enough(tag: int) -> None:
    due = IntegrityTags(SECRET, CONTEXT, 1, TAGS).mask()
    IntegrityTags.check(due.copy(), due)
    found = due.copy()
    found[tag] ^= np.uint64(1)
    with pytest.raises(OpenError, match="does not open"):
        IntegrityTags.check(found, due)


def test_tags_print_nothing_of_their_factors() -> None:
    assert repr(IntegrityTags(SECRET, CONTEXT, 3, 2)) == "<IntegrityTags (omitted)>"


def test_numbers_travel_in_little_endian_behind_the_words() -> None:
    tags = np.array([1, 2**64 - 2], dtype=np.uint64)
    packed = pack_numbers(tags)
    assert packed == bytes([1, *bytes(7)]) + b"\xfe" + b"\xff" * 7
    words, found = split_numbers(b"words" + packed, 5, 2)
    assert (bytes(words), found.tolist()) == (b"words", tags.tolist())
    found += np.uint64(1)
    words, none = split_numbers(b"words", 5, 0)
    assert (bytes(words), len(none)) == (b"words", 0)
    for wrong in (packed, b"word" + packed, b"words" + packed + b"\0", b""):
        with pytest.raises(MessageError, match="words and the 2 numbers behind them are 21 bytes"):
            split_numbers(wrong, 5, 2)


class Sums:
    """Uploads that add in the open, values and tags: what every protection comes down to."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.layout = LatticeLayout.plan(SHAPE, uploads=6)
        self.tags = IntegrityTags(SECRET, CONTEXT, SHAPE.values, TAGS)
        self.values = [SHAPE.flat(SHAPE.dense(random_change(rng, SHAPE))) for _ in NAMES]
        self.uploads = []
        for name, values in zip(NAMES, self.values, strict=True):
            due = self.tags.of(values) + self.tags.mask(name)
            self.uploads.append(np.concatenate([values, due.view(np.int64)]))

    def open(self, total: Int64Array, *, checked: bool) -> list[int]:
        messages, beside = self.layout.split(total[:-TAGS])
        opened = self.layout.sums(centred(messages, self.layout.size.word_bits), beside)
        if checked:
            masks = np.sum([self.tags.mask(name) for name in NAMES], axis=0, dtype=np.uint64)
            self.tags.check(total[-TAGS:].view(np.uint64), self.tags.of(opened) + masks)
            self.layout.check_beside(opened)
        values: list[int] = opened.tolist()
        return values

    def honest(self) -> list[int]:
        values: list[int] = np.sum(self.values, axis=0).tolist()
        return values


def shifted(uploads: list[Int64Array]) -> Int64Array:
    total = uploads[0] + uploads[1] + uploads[2]
    total[5] += 1
    return total


def scaled(uploads: list[Int64Array]) -> Int64Array:
    return 2 * (uploads[0] + uploads[1] + uploads[2])


def dropped(uploads: list[Int64Array]) -> Int64Array:
    return uploads[0] + uploads[1]


def repeated(uploads: list[Int64Array]) -> Int64Array:
    return uploads[0] + uploads[1] + 2 * uploads[2]


def exchanged(uploads: list[Int64Array]) -> Int64Array:
    return uploads[0] + 2 * uploads[1]


def made_up(uploads: list[Int64Array]) -> Int64Array:
    return np.random.default_rng(1).integers(-1000, 1000, len(uploads[0]))


def nothing_at_all(uploads: list[Int64Array]) -> Int64Array:
    return np.zeros_like(uploads[0])


LIES = [shifted, scaled, dropped, repeated, exchanged, made_up, nothing_at_all]


def test_an_honest_sum_passes(rng: np.random.Generator) -> None:
    sums = Sums(rng)
    assert sums.open(np.sum(sums.uploads, axis=0), checked=True) == sums.honest()


@pytest.mark.parametrize("lie", LIES)
def test_without_tags_every_lie_opens_to_another_table(lie: Lie, rng: np.random.Generator) -> None:
    sums = Sums(rng)
    assert sums.open(lie(sums.uploads), checked=False) != sums.honest()


@pytest.mark.parametrize("lie", LIES)
def test_with_tags_no_lie_opens(lie: Lie, rng: np.random.Generator) -> None:
    sums = Sums(rng)
    with pytest.raises(OpenError, match="does not open"):
        sums.open(lie(sums.uploads), checked=True)


@pytest.mark.parametrize("wrong", ["exchanged", "shifted", "made up", "none"])
def test_tags_of_another_sum_open_nothing(wrong: str, rng: np.random.Generator) -> None:
    sums = Sums(rng)
    total = np.sum(sums.uploads, axis=0)
    total[-TAGS:] = {
        "exchanged": total[: -TAGS - 1 : -1],
        "shifted": total[-TAGS:] + np.arange(TAGS) % 2 * 2**62,
        "made up": rng.integers(-(2**63), 2**63, TAGS),
        "none": np.zeros(TAGS, dtype=np.int64),
    }[wrong]
    assert sums.open(total, checked=False) == sums.honest()
    with pytest.raises(OpenError, match="does not open"):
        sums.open(total, checked=True)


def in_limbs(tags: NDArray[np.uint64], bits: int) -> list[list[int]]:
    """Return the limbs of tags as numbers with sign, as wide values are cut."""
    limbs = []
    rest = [int(tag) for tag in tags.view(np.int64)]
    for _ in range(64 // bits):
        lowest = [(number + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1) for number in rest]
        rest = [(n - low) >> bits for n, low in zip(rest, lowest, strict=True)]
        limbs.append(lowest)
    return [*limbs, rest]


@pytest.mark.parametrize("mover", [1, 2])
def test_sums_of_limbs_of_tags_would_tell_who_moved_and_sums_of_tags_do_not(
    mover: int, rng: np.random.Generator
) -> None:
    """A participant knows all factors and masks, and what either of two others may have done."""
    tags = IntegrityTags(SECRET, CONTEXT, 200, 2)
    move = rng.integers(-(2**20), 2**20, 200)
    shown = {}
    for suspect in (1, 2):
        single = [tags.mask(name) for name in NAMES]
        single[suspect] = single[suspect] + tags.of(move)
        shown[suspect] = {
            "limbs": np.sum([in_limbs(tag, 22) for tag in single], axis=0).tolist(),
            "tags": np.sum(single, axis=0, dtype=np.uint64).tolist(),
        }
    other = 3 - mover
    # What opens is what the mover did: sums of limbs fit nobody else, sums of tags fit everybody.
    assert shown[mover]["limbs"] != shown[other]["limbs"]
    assert shown[mover]["tags"] == shown[other]["tags"]


def test_tags_are_enough_for_the_smallest_error_of_few_outcomes() -> None:
    for bits in range(2, 63):
        missed = tags_for(bits) * (65 - bits)
        assert missed >= 66
        assert tags_for(bits) == 2 or missed - (65 - bits) < 66
    assert [tags_for(bits) for bits in (2, 32, 33, 43, 44, 62)] == [2, 2, 3, 3, 4, TAGS]


def test_two_tags_over_wide_values_would_miss_shifts_that_more_tags_find(
    rng: np.random.Generator,
) -> None:
    """2^61 times a random factor has eight outcomes modulo 2^64, one of them zero."""
    honest = rng.integers(-(2**60), 2**60, 10)
    wrong = honest.copy()
    wrong[3] -= 2**61
    missed = dict.fromkeys((2, tags_for(62)), 0)
    for number in range(500):
        secret = MasterSecret(number.to_bytes(32, "little"))
        for count in missed:
            tags = IntegrityTags(secret, CONTEXT, len(honest), count)
            try:
                tags.check(tags.of(wrong), tags.of(honest))
            except OpenError:
                continue
            missed[count] += 1
    assert missed[2] > 0
    assert missed[tags_for(62)] == 0


@pytest.mark.parametrize("by", [2**62, -(2**63)])
def test_shifts_that_all_tags_may_miss_lead_out_of_the_word(
    by: int, rng: np.random.Generator
) -> None:
    sums = Sums(rng)
    total = np.sum(sums.uploads, axis=0)
    # The tags that go with it, as if they had been guessed.
    total[-TAGS - 1 : -TAGS] += by
    total[-TAGS:] += sums.tags.of(np.eye(1, SHAPE.values, SHAPE.values - 1, np.int64)[0] * by).view(
        np.int64
    )
    assert sums.open(total, checked=False) != sums.honest()
    with pytest.raises(OpenError, match="does not open"):
        sums.open(total, checked=True)
