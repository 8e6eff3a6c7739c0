"""Exhibits: keys used twice and folded masks give values away; fresh keys, whole seeds do not."""

import numpy as np
import pytest

from fedmf.audit.attacks import exhibits


def test_two_uploads_under_one_key_show_their_difference_and_under_two_nothing() -> None:
    for reused in (True, False):
        first, second, difference = exhibits.two_uploads(reused=reused)
        found = exhibits.difference_of_uploads(first, second)
        row = exhibits.judge_reused_key(found, difference, reused=reused)
        assert row.succeeded is reused
        assert np.array_equal(found, difference) is reused


@pytest.mark.parametrize("seed", [0, 1, 0x80000000, 0xFFFFFFFF, 123456789])
def test_any_folded_seed_comes_back_out_of_two_outputs(seed: int) -> None:
    mask = exhibits.folded_mask(seed.to_bytes(4, "little"), 300)
    assert seed in exhibits._seeds(int(mask[0]), int(mask[exhibits.APART]))


def test_folding_is_by_exclusive_or() -> None:
    secret = bytes(range(32))
    folded = np.bitwise_xor.reduce(np.frombuffer(secret, dtype="<u4"))
    alone = exhibits.folded_mask(int(folded).to_bytes(4, "little"), 50)
    np.testing.assert_array_equal(exhibits.folded_mask(secret, 50), alone)


def test_folded_masks_come_off_and_whole_ones_do_not() -> None:
    for folded in (True, False):
        upload, change = exhibits.masked_upload(folded=folded)
        found = exhibits.unmasked(upload)
        assert np.array_equal(found, change) is folded
        assert exhibits.judge_folded_masks(found, change, folded=folded).succeeded is folded
