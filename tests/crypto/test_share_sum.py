from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from fedmf.crypto import share_sum
from fedmf.crypto.rlwe_key import PaddedKey
from fedmf.crypto.rlwe_ring import DEGREE
from fedmf.crypto.share_sum import MOST_UPLOADS, ShareSum, subset_bytes
from fedmf.errors import KeyMaterialError, MessageError, ProtocolError

PADS = 2


def seeds_of(upload: int, held: int = 3) -> list[bytes]:
    return [bytes([upload, subset]) * 16 for subset in range(held)]


def no_pads(held: int) -> NDArray[np.uint64]:
    return np.zeros((held, PADS), dtype=np.uint64)


def test_each_row_is_the_sum_of_the_keys_and_pads_of_its_seeds() -> None:
    uploads = [seeds_of(upload) for upload in range(50)]
    share = ShareSum.from_seeds(uploads, 3, PADS)
    assert share.values.dtype == np.int32
    for row, pads, seeds in zip(share.values, share.pads, zip(*uploads, strict=True), strict=True):
        padded = PaddedKey.sum_of_seeds(seeds, PADS)
        np.testing.assert_array_equal(row, padded.key.coefficients)
        assert pads.tolist() == padded.pads.tolist()


def test_the_sum_of_no_uploads_is_zero() -> None:
    share = ShareSum.from_seeds([], 2, PADS)
    assert not share.values.any()
    assert not share.pads.any()


def test_sums_travel_as_words_of_four_bytes_and_pads_of_eight() -> None:
    values = np.zeros((2, DEGREE), dtype=np.int32)
    values[0, 0], values[1, -1] = -2, 2**31 - 1
    pads = np.array([[1, 2], [3, 2**64 - 2]], dtype=np.uint64)
    data = ShareSum(values, pads).to_bytes()
    assert len(data) == 2 * subset_bytes(PADS) == 2 * (8192 + 16)
    assert data[:4] == b"\xfe\xff\xff\xff"
    assert data[8192 : 8192 + 16] == bytes([1, *bytes(7), 2, *bytes(7)])
    assert data[-20:-16] == b"\xff\xff\xff\x7f"
    assert data[-8:] == b"\xfe" + b"\xff" * 7
    read = ShareSum.from_bytes(data, 2, PADS)
    np.testing.assert_array_equal(read.values, values)
    np.testing.assert_array_equal(read.pads, pads)


@pytest.mark.parametrize("length", [0, 8208, 2 * 8192, 2 * 8208 - 1, 2 * 8208 + 4])
def test_bytes_of_another_length_are_refused(length: int) -> None:
    with pytest.raises(MessageError, match=f"has 16,416 bytes, this one {length:,}$"):
        ShareSum.from_bytes(bytes(length), 2, PADS)


@pytest.mark.parametrize("sign", [-1, 1])
def test_each_upload_adds_32_at_most(sign: int) -> None:
    values = np.zeros((1, DEGREE), dtype=np.int32)
    values[0, 7] = sign * 64
    assert ShareSum(values, no_pads(1)).can_be_of(2)
    assert not ShareSum(values, no_pads(1)).can_be_of(1)
    values[0, 7] += sign
    assert not ShareSum(values, no_pads(1)).can_be_of(2)


def test_the_smallest_number_of_all_is_seen() -> None:
    values = np.full((1, DEGREE), -(2**31), dtype=np.int32)
    assert not ShareSum(values, no_pads(1)).can_be_of(MOST_UPLOADS)


def test_the_values_are_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        ShareSum.from_seeds([seeds_of(0)], 3, PADS).values[0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        ShareSum.from_seeds([seeds_of(0)], 3, PADS).pads[0, 0] = 1


@pytest.mark.parametrize("held", [2, 4])
def test_an_upload_with_another_number_of_seeds_is_refused(held: int) -> None:
    with pytest.raises(ProtocolError, match=f"upload 1 has {held} seeds here, not 3"):
        ShareSum.from_seeds([seeds_of(0), seeds_of(1, held)], 3, PADS)


def test_more_uploads_than_32_bits_hold_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (MOST_UPLOADS + 1) * 32 > 2**31 - 1 >= MOST_UPLOADS * 32
    monkeypatch.setattr(share_sum, "MOST_UPLOADS", 2)
    ShareSum.from_seeds([seeds_of(0), seeds_of(1)], 3, PADS)
    with pytest.raises(ProtocolError, match="3 uploads are more than the 2"):
        ShareSum.from_seeds([seeds_of(0), seeds_of(1), seeds_of(2)], 3, PADS)


def test_a_seed_of_another_length_is_refused() -> None:
    with pytest.raises(KeyMaterialError, match="32 bytes"):
        ShareSum.from_seeds([[bytes(31)]], 1, PADS)


@pytest.mark.parametrize(
    "values",
    [np.zeros((2, DEGREE)), np.zeros(DEGREE, np.int32), np.zeros((1, DEGREE - 1), np.int32)],
    ids=["floats", "one dimension", "too short"],
)
def test_other_arrays_are_no_sums(values: NDArray[np.int32]) -> None:
    with pytest.raises(TypeError, match="is int32 of shape"):
        ShareSum(values, no_pads(len(values)))


@pytest.mark.parametrize("pads", [no_pads(2), no_pads(1)[0], np.zeros((1, PADS), np.int64)])
def test_other_pads_are_refused(pads: NDArray[np.uint64]) -> None:
    with pytest.raises(TypeError, match=r"pads of 1 subsets are uint64 of shape \(1, pads\)"):
        ShareSum(np.zeros((1, DEGREE), np.int32), pads)
