"""Noise and keys of sums of very many uploads: what the formulas say, on a thousand and more.

A rounding with a bias grows with the number of uploads and hides in small tests.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from fedmf.crypto.derivation import MasterSecret
from fedmf.crypto.replicated_sharing import ReplicatedSharing
from fedmf.crypto.rlwe import encrypt
from fedmf.crypto.rlwe_key import PaddedKey, RlweKey
from fedmf.crypto.rlwe_ring import DEGREE, MODULUS_BITS
from fedmf.crypto.rlwe_words import add_words, pack_words, zero_words
from fedmf.crypto.secret_material import KeyRandomness
from fedmf.crypto.share_sum import ShareSum
from fedmf.protocol import GroupShape, TableShape
from fedmf.protocol.committee.sums import open_round_sum, public_polynomials
from fedmf.protocol.integrity_tags import IntegrityTags, pack_numbers
from fedmf.protocol.lattice_layout import LatticeLayout, committee_layout
from tests.protocol.committee.world import World, make_session

UPLOADS = 1024
SHARING = ReplicatedSharing(4, 3)
# Narrow enough for 4-byte words, and just too wide for them.
SHAPES = {
    32: TableShape((GroupShape("items", 1000, 4, 24),)),
    40: TableShape((GroupShape("items", 1000, 4, 30),)),
}


@cache
def world(kept_bits: int) -> World:
    session = make_session(
        UPLOADS, shape=SHAPES[kept_bits], opened_by="server", rounds=2, smallest_cohort=3
    )
    return World(session=session, listed=3)


def summed(
    kept_bits: int,
) -> tuple[
    LatticeLayout,
    NDArray[np.unsignedinteger],
    NDArray[np.uint64],
    list[list[bytes]],
    NDArray[np.int64],
]:
    """Return layout, words, tags and seeds of this many uploads, and the sum of what they hold."""
    here = world(kept_bits)
    layout = committee_layout(here.session)
    public, randomness = public_polynomials(here.charter), KeyRandomness()
    words = zero_words(layout.blocks, layout.size)
    tags = np.zeros(layout.tags, dtype=np.uint64)
    expected = np.zeros(layout.blocks * DEGREE, dtype=np.int64)
    rng, seeds = np.random.default_rng(7), []
    for _ in range(UPLOADS):
        values = rng.integers(-(2**12), 2**12, SHAPES[kept_bits].values, dtype=np.int64)
        messages, beside = layout.split(values)
        seeds.append(SHARING.fresh_seeds(randomness, values.tobytes()))
        sent = encrypt(
            messages,
            public=public,
            key=PaddedKey.sum_of_seeds(seeds[-1], 0).key,
            noise_seed=randomness.bytes(32),
            size=layout.size,
        )
        add_words(words, sent, layout.size)
        tags += tags_with(layout).of(beside.view(np.int64))
        tags += PaddedKey.sum_of_seeds(seeds[-1], layout.numbers).pads
        expected[: len(messages)] += messages
    return layout, words, tags, seeds, expected


def tags_with(layout: LatticeLayout) -> IntegrityTags:
    return IntegrityTags(MasterSecret(bytes(32)), b"", layout.beside, layout.tags)


def answers(seeds: list[list[bytes]]) -> dict[int, ShareSum]:
    """Return what all members answer."""
    return {
        member: ShareSum.from_seeds(
            ([upload[subset] for subset in SHARING.held_by(member)] for upload in seeds),
            len(SHARING.held_by(member)),
            2,
        )
        for member in range(4)
    }


@pytest.mark.parametrize("kept_bits", [32, 40])
def test_residuals_of_a_sum_that_a_committee_opens_follow_the_formula(kept_bits: int) -> None:
    layout, words, tags, seeds, expected = summed(kept_bits)
    assert layout.size.kept_bits == kept_bits
    opened = open_round_sum(
        pack_words(words, layout.size) + pack_numbers(tags),
        answers(seeds),
        uploads=UPLOADS,
        charter=world(kept_bits).charter,
        layout=layout,
        public=public_polynomials(world(kept_bits).charter),
        before=np.zeros(layout.shape.values, dtype=np.int64),
        tags=tags_with(layout),
    )
    assert opened.liars == ()
    np.testing.assert_array_equal(opened.changes, expected[: len(opened.changes)])

    key = PaddedKey.sum_of_seeds((seed for upload in seeds for seed in upload), 0).key
    left = residuals(layout, words, key, expected, kept_bits).astype(np.float64)
    variance = UPLOADS * (1 / 12 + 16 * 4.0 ** (kept_bits - MODULUS_BITS)) + 1 / 12
    # Five deviations of a variance, and of a mean, over this many values.
    assert left.var() == pytest.approx(variance, rel=5 * math.sqrt(2 / left.size))
    mean = (UPLOADS - 1) * 2.0 ** (kept_bits - 49)
    assert left.mean() == pytest.approx(mean, abs=5 * math.sqrt(variance / left.size))


def residuals(
    layout: LatticeLayout,
    words: NDArray[np.unsignedinteger],
    key: RlweKey,
    messages: NDArray[np.int64],
    kept_bits: int,
) -> NDArray[np.int64]:
    """Return what is left of the words without their mask and their messages, centred."""
    public = public_polynomials(world(kept_bits).charter)
    left = np.empty(words.shape, dtype=np.int64)
    for places, mask in public.products(key.factor(), np.arange(layout.blocks)):
        rounded = (mask + (1 << (47 - kept_bits))) >> (MODULUS_BITS - kept_bits)
        left[places] = words[places].astype(np.int64) - rounded
    left -= messages.reshape(left.shape) << layout.size.noise_bits
    half = 1 << (kept_bits - 1)
    return ((left + half) & (2 * half - 1)) - half


def test_sums_of_keys_of_a_committee_of_4_have_the_variance_of_6_for_each_upload() -> None:
    """An upload's key is the sum of one for each pair of members, of variance 16."""
    drawn = KeyRandomness()
    seeds = [SHARING.fresh_seeds(drawn, bytes([n % 256])) for n in range(UPLOADS)]
    (padded, liars), *_ = SHARING.candidate_keys(answers(seeds), UPLOADS)
    assert liars == ()
    found = padded.key.coefficients.astype(np.float64)
    variance = UPLOADS * SHARING.seeds * 16
    assert found.var() == pytest.approx(variance, rel=5 * math.sqrt(2 / DEGREE))
    assert found.mean() == pytest.approx(0, abs=5 * math.sqrt(variance / DEGREE))
    one = PaddedKey.sum_of_seeds(seeds[0], 0).key.coefficients.astype(np.float64)
    assert one.var() == pytest.approx(6 * 16, rel=5 * math.sqrt(2 / DEGREE))


def test_what_two_of_four_members_lack_is_a_whole_key() -> None:
    """Together they still miss one seed of every upload, whose key hides as much as any."""
    held = {*SHARING.held_by(0), *SHARING.held_by(1)}
    missing = set(range(SHARING.seeds)) - held
    assert len(missing) == 1
    seeds = SHARING.fresh_seeds(KeyRandomness(), b"")
    rest = RlweKey.from_seed(seeds[missing.pop()]).coefficients.astype(np.float64)
    assert rest.var() == pytest.approx(16, rel=5 * math.sqrt(2 / DEGREE))
