import numpy as np
import pytest
from gmpy2 import mpz
from hypothesis import given
from hypothesis import strategies as st

from fedmf.crypto.packing import HEADROOM_BITS, SlotPacking
from fedmf.crypto.tagged_packing import TaggedPacking
from fedmf.errors import FixedPointRangeError, OpenError, SettingsError, WordSizeError

PACKING = TaggedPacking(SlotPacking(slot_bits=8, slots=5), tag_bits=20)


@given(st.lists(st.integers(-128, 127), max_size=5), st.integers(0, 2**20 - 1))
def test_what_was_packed_is_a_plain_sum_and_unpacks_again(values: list[int], tag: int) -> None:
    packed = PACKING.pack(np.array(values, dtype=np.int64), tag)
    assert packed == tag + 2**20 * sum(value * 2 ** (8 * k) for k, value in enumerate(values))
    assert abs(packed) < 2 ** PACKING.bits(len(values))
    found, found_tag = PACKING.unpack(packed, len(values))
    assert (found.tolist(), found_tag) == (values, tag)


@given(
    st.lists(
        st.tuples(
            st.lists(st.integers(-16, 15), min_size=3, max_size=3), st.integers(0, 2**17 - 1)
        ),
        max_size=8,
    )
)
def test_sums_hold_the_sums_of_values_and_of_tags(parts: list[tuple[list[int], int]]) -> None:
    packed = sum((PACKING.pack(np.array(values), tag) for values, tag in parts), start=mpz(0))
    found, tag = PACKING.unpack(packed, 3)
    assert found.tolist() == [sum(values[k] for values, _ in parts) for k in range(3)]
    assert tag == sum(tag for _, tag in parts)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(FixedPointRangeError, match="128"):
        PACKING.pack(np.array([0, 128]), 0)
    for tag in (-1, 2**20):
        with pytest.raises(SettingsError, match="20 bits"):
            PACKING.pack(np.array([0, 0]), tag)
    for count in range(1, 6):
        for beyond in (2 ** (8 * count - 1), -(2 ** (8 * count - 1)) * 2):
            with pytest.raises(OpenError):
                PACKING.unpack(mpz(beyond) << 20, count)


@pytest.mark.parametrize("key_bits", [1024, 2048, 3072])
def test_slots_and_tag_leave_the_headroom_of_a_plaintext(key_bits: int) -> None:
    for slot_bits, tag_bits in ((2, 193), (30, 203), (62, 256)):
        packing = TaggedPacking.fitting(key_bits, slot_bits=slot_bits, tag_bits=tag_bits)
        free = key_bits - packing.bits(packing.values.slots)
        assert HEADROOM_BITS <= free < HEADROOM_BITS + slot_bits
    with pytest.raises(WordSizeError):
        TaggedPacking.fitting(1024, slot_bits=62, tag_bits=931)
