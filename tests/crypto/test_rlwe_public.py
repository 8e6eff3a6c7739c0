from __future__ import annotations

import numpy as np
import pytest

from fedmf.crypto.derivation import Keystream
from fedmf.crypto.rlwe_key import RlweKey
from fedmf.crypto.rlwe_ring import DEGREE, GROUP_BLOCKS, PublicPolynomials
from fedmf.errors import KeyMaterialError

SEED = bytes(range(32))
KEY = RlweKey.from_seed(b"\x09" * 32)
GROUP_BYTES = GROUP_BLOCKS * DEGREE * 16


def all_products(public: PublicPolynomials, blocks: list[int]) -> np.ndarray:
    parts = [
        (places, products.copy() % 2**48)
        for places, products in public.products(KEY.factor(), np.array(blocks, dtype=np.int64))
    ]
    assert [place for places, _ in parts for place in range(places.start, places.stop)] == list(
        range(len(blocks))
    )
    return np.concatenate([products for _, products in parts])


def test_limbs_are_three_bytes_of_the_stream_each() -> None:
    stream = Keystream(SEED).take(12288 * 3).tobytes()
    limbs = PublicPolynomials(SEED).limbs(1, 2)
    assert limbs.shape == (2, 2, DEGREE)
    for block, coefficient in [(0, 0), (0, 2047), (1, 5), (1, 2047)]:
        start = 12288 * (block + 1) + 6 * coefficient
        for limb in (0, 1):
            three = stream[start + 3 * limb : start + 3 * limb + 3]
            expected = int.from_bytes(three, "little") - 2**23
            assert limbs[limb, block, coefficient] == expected


def test_any_block_can_be_expanded_alone() -> None:
    public = PublicPolynomials(SEED)
    together = public.limbs(0, 12)
    for block in (0, 7, 11):
        np.testing.assert_array_equal(public.limbs(block, 1)[:, 0], together[:, block])


def test_products_come_in_the_order_asked_for() -> None:
    public = PublicPolynomials(SEED)
    whole = all_products(public, list(range(3 * GROUP_BLOCKS)))
    asked = [5, 6, 7, 8, 9, 2, 2, 20, 0, 15, 16]
    np.testing.assert_array_equal(all_products(public, asked), whole[asked])


def test_no_blocks_have_no_products() -> None:
    assert list(PublicPolynomials(SEED).products(KEY.factor(), np.array([], dtype=np.int64))) == []


def test_products_depend_on_the_seed() -> None:
    one = all_products(PublicPolynomials(SEED), [0])
    other = all_products(PublicPolynomials(SEED[::-1]), [0])
    assert (one != other).any()


@pytest.mark.parametrize("kept_groups", [0, 1, 2])
def test_transforms_are_kept_up_to_the_limit(kept_groups: int) -> None:
    blocks = list(range(3 * GROUP_BLOCKS))
    public = PublicPolynomials(SEED, memory_limit=kept_groups * GROUP_BYTES + 1)
    expected = all_products(PublicPolynomials(SEED), blocks)
    for _ in range(2):
        np.testing.assert_array_equal(all_products(public, blocks), expected)
        assert len(public._groups) == kept_groups


def test_transforms_are_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    public = PublicPolynomials(SEED, memory_limit=2 * GROUP_BYTES)
    expanded = []
    limbs = PublicPolynomials.limbs

    def counting(self: PublicPolynomials, first_block: int, blocks: int) -> np.ndarray:
        expanded.append(first_block // GROUP_BLOCKS)
        return limbs(self, first_block, blocks)

    monkeypatch.setattr(PublicPolynomials, "limbs", counting)
    for group in (0, 1, 0, 2, 0, 1):
        all_products(public, [group * GROUP_BLOCKS])
    # Group 1 goes when 2 comes, because 0 was used after it.
    assert expanded == [0, 1, 2, 1]


def test_a_seed_of_another_length_is_refused() -> None:
    with pytest.raises(KeyMaterialError, match="32 bytes"):
        PublicPolynomials(bytes(16))
