from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from fedmf.crypto.master_secret import MasterSecret
from fedmf.errors import MessageError, OpenError
from fedmf.protocol import GroupShape, Int64Array, TableShape
from fedmf.protocol.integrity_tags import TAGS, TAGS_BYTES, IntegrityTags, pack_tags, split_tags
from fedmf.protocol.lattice_layout import LatticeLayout
from fedmf.protocol.table import centred
from tests.contracts.protection_contract import random_change

SECRET = MasterSecret(bytes(range(32)))
CONTEXT = b"a session"
# A value of the first group is one limb, of the second several.
SHAPE = TableShape((GroupShape("items", 9, 7, 20), GroupShape("sums", 5, 2, 62)))
NAMES = (b"upload 1", b"upload 2", b"upload 3")
Lie = Callable[[list[Int64Array]], Int64Array]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def test_tags_are_the_products_modulo_two_to_the_64(rng: np.random.Generator) -> None:
    values = np.concatenate([rng.integers(-(2**63), 2**63, 300), [-(2**63), 2**63 - 1, -1, 0]])
    tags = IntegrityTags(SECRET, CONTEXT, len(values))
    ones = np.eye(len(values), dtype=np.int64)
    factors = [[int(factor) for factor in tags.of(one)] for one in ones]
    for tag, found in enumerate(tags.of(values)):
        products = zip(factors, values, strict=True)
        assert int(found) == sum(factor[tag] * int(value) for factor, value in products) % 2**64
    assert len({factor for pair in factors for factor in pair}) == TAGS * len(values)


def test_tags_add(rng: np.random.Generator) -> None:
    tags = IntegrityTags(SECRET, CONTEXT, 50)
    first, second = rng.integers(-(2**31), 2**31, (2, 50))
    assert (tags.of(first) + tags.of(second)).tolist() == tags.of(first + second).tolist()


def test_factors_and_masks_depend_on_secret_context_and_upload() -> None:
    values = np.arange(1, 9)
    makers = [
        IntegrityTags(SECRET, CONTEXT, 8),
        IntegrityTags(MasterSecret(bytes(32)), CONTEXT, 8),
        IntegrityTags(SECRET, b"another", 8),
    ]
    names = [(b"1", b"23"), (b"12", b"3"), (b"123",)]
    numbers = [int(number) for tags in makers for number in tags.of(values)]
    numbers += [int(beta) for tags in makers for name in names for beta in tags.mask(*name)]
    assert len(set(numbers)) == len(numbers)
    again = IntegrityTags(SECRET, CONTEXT, 8)
    assert again.of(values).tolist() == makers[0].of(values).tolist()
    assert again.mask(*names[0]).tolist() == makers[0].mask(*names[0]).tolist()


@pytest.mark.parametrize("tag", range(TAGS))
def test_one_tag_that_differs_is_enough(tag: int) -> None:
    due = IntegrityTags(SECRET, CONTEXT, 1).mask()
    IntegrityTags.check(due.copy(), due)
    found = due.copy()
    found[tag] ^= np.uint64(1)
    with pytest.raises(OpenError, match="does not open"):
        IntegrityTags.check(found, due)


def test_tags_print_nothing_of_their_factors() -> None:
    assert repr(IntegrityTags(SECRET, CONTEXT, 3)) == "<IntegrityTags (omitted)>"


def test_tags_travel_as_little_endian_numbers_behind_the_words() -> None:
    tags = np.array([1, 2**64 - 2], dtype=np.uint64)
    packed = pack_tags(tags)
    assert packed == bytes([1, *bytes(7)]) + b"\xfe" + b"\xff" * 7
    words, found = split_tags(b"words" + packed, 5)
    assert (bytes(words), found.tolist()) == (b"words", tags.tolist())
    found += np.uint64(1)
    words, none = split_tags(b"words", 5, 0)
    assert (bytes(words), len(none)) == (b"words", 0)
    for wrong in (packed, b"word" + packed, b"words" + packed + b"\0", b""):
        with pytest.raises(MessageError, match=f"words and 2 tags are {5 + TAGS_BYTES} bytes"):
            split_tags(wrong, 5)


class Sums:
    """Uploads that add in the open, limbs and tags: what every protection comes down to."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.layout = LatticeLayout.plan(SHAPE, uploads=6)
        self.tags = IntegrityTags(SECRET, CONTEXT, self.layout.value_limbs)
        self.values = [SHAPE.flat(SHAPE.dense(random_change(rng, SHAPE))) for _ in NAMES]
        self.uploads = []
        for name, values in zip(NAMES, self.values, strict=True):
            limbs = self.layout.limbs(values)
            due = self.tags.of(limbs) + self.tags.mask(name)
            self.uploads.append(np.concatenate([limbs, due.view(np.int64)]))

    def open(self, total: Int64Array, *, checked: bool) -> list[int]:
        limbs = self.layout.read(centred(total[:-TAGS], self.layout.size.word_bits))
        if checked:
            masks = np.sum([self.tags.mask(name) for name in NAMES], axis=0, dtype=np.uint64)
            self.tags.check(total[-TAGS:].view(np.uint64), self.tags.of(limbs) + masks)
        values: list[int] = self.layout.values(limbs).tolist()
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
        "shifted": total[-TAGS:] + np.array([0, 2**62]),
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
    tags = IntegrityTags(SECRET, CONTEXT, 200)
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


def test_tags_over_wide_values_would_miss_shifts_that_tags_over_limbs_find(
    rng: np.random.Generator,
) -> None:
    """2^61 times a random factor has eight outcomes modulo 2^64, one of them zero."""
    honest = rng.integers(-(2**60), 2**60, 10)
    shifted = honest.copy()
    shifted[3] -= 2**61
    layout = LatticeLayout.plan(TableShape((GroupShape("sums", 1, 10, 62),)), uploads=6)
    missed = {"values": 0, "limbs": 0}
    for number in range(500):
        secret = MasterSecret(number.to_bytes(32, "little"))
        for what, (before, after) in {
            "values": (honest, shifted),
            "limbs": (layout.limbs(honest), layout.limbs(shifted)),
        }.items():
            tags = IntegrityTags(secret, CONTEXT, len(before))
            try:
                tags.check(tags.of(after), tags.of(before))
            except OpenError:
                continue
            missed[what] += 1
    assert missed["values"] > 0
    assert missed["limbs"] == 0


def test_moving_from_limb_to_limb_is_found_though_it_changes_no_value(
    rng: np.random.Generator,
) -> None:
    """Were it let pass, who complains would tell whether a secret sum had room for it."""
    sums = Sums(rng)
    total = np.sum(sums.uploads, axis=0)
    lowest, next_one = SHAPE.groups[0].values, SHAPE.groups[0].values + SHAPE.groups[1].values
    total[lowest] += 2**sums.layout.limb_bits
    total[next_one] -= 1
    assert sums.open(total, checked=False) == sums.honest()
    with pytest.raises(OpenError, match="does not open"):
        sums.open(total, checked=True)
