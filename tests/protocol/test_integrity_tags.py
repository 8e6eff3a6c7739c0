from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from fedmf.crypto.master_secret import MasterSecret
from fedmf.errors import OpenError
from fedmf.protocol import GroupShape, Int64Array, TableShape
from fedmf.protocol.integrity_tags import TAGS, IntegrityTags
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


class Sums:
    """Uploads whose messages add in the open: what every protection with tags comes down to."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.layout = LatticeLayout.plan(SHAPE, uploads=6, tags=TAGS)
        self.tags = IntegrityTags(SECRET, CONTEXT, self.layout.value_limbs)
        self.values = [SHAPE.flat(SHAPE.dense(random_change(rng, SHAPE))) for _ in NAMES]
        self.uploads = []
        for name, values in zip(NAMES, self.values, strict=True):
            limbs = self.layout.limbs(values)
            due = self.tags.of(limbs) + self.tags.mask(name)
            self.uploads.append(self.layout.messages(limbs, due))

    def open(self, total: Int64Array, *, checked: bool) -> list[int]:
        limbs, found = self.layout.read(centred(total, self.layout.size.word_bits))
        if checked:
            masks = np.sum([self.tags.mask(name) for name in NAMES], axis=0, dtype=np.uint64)
            self.tags.check(found, self.tags.of(limbs) + masks)
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


def test_tags_over_wide_values_would_miss_shifts_that_tags_over_limbs_find(
    rng: np.random.Generator,
) -> None:
    """2^61 times a random factor has eight outcomes modulo 2^64, one of them zero."""
    honest = rng.integers(-(2**60), 2**60, 10)
    shifted = honest.copy()
    shifted[3] -= 2**61
    layout = LatticeLayout.plan(TableShape((GroupShape("sums", 1, 10, 62),)), uploads=6, tags=TAGS)
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
