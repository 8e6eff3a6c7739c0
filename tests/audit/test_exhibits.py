"""Exhibits: keys used twice and folded masks give values away; fresh keys, whole seeds do not."""

import numpy as np
import pytest

from fedmf.audit.attacks import folded_masks, reused_key


def test_two_uploads_under_one_key_show_their_difference_and_under_two_nothing() -> None:
    for reused in (True, False):
        first, second, difference = reused_key.two_uploads(reused=reused)
        found = reused_key.attempt(first, second)
        row = reused_key.judge(found, difference, reused=reused)
        assert row.succeeded is reused
        assert np.array_equal(found, difference) is reused


@pytest.mark.parametrize("seed", [0, 1, 0x80000000, 0xFFFFFFFF, 123456789])
def test_any_folded_seed_comes_back_out_of_two_outputs(seed: int) -> None:
    mask = folded_masks.folded_mask(seed.to_bytes(4, "little"), 300)
    assert seed in folded_masks._seeds(int(mask[0]), int(mask[folded_masks.APART]))


def test_folding_is_by_exclusive_or() -> None:
    secret = bytes(range(32))
    folded = np.bitwise_xor.reduce(np.frombuffer(secret, dtype="<u4"))
    alone = folded_masks.folded_mask(int(folded).to_bytes(4, "little"), 50)
    np.testing.assert_array_equal(folded_masks.folded_mask(secret, 50), alone)


def test_folded_masks_come_off_and_whole_ones_do_not() -> None:
    for folded in (True, False):
        upload, change = folded_masks.masked_upload(folded=folded)
        found = folded_masks.attempt(upload)
        assert np.array_equal(found, change) is folded
        assert folded_masks.judge(found, change, folded=folded).succeeded is folded
