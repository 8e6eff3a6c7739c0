from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import numpy as np
import pytest
from gmpy2 import mpz
from hypothesis import given
from hypothesis import strategies as st

from fedmf.crypto.packing import HEADROOM_BITS, SlotPacking, TaggedPacking, slots_for
from fedmf.errors import FixedPointRangeError, OpenError, SettingsError, WordSizeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

TAGGED = TaggedPacking(SlotPacking(slot_bits=8, slots=5), tag_bits=20)


def plain_sum(values: list[int], slot_bits: int) -> int:
    return sum(value * 2 ** (slot_bits * slot) for slot, value in enumerate(values))


@st.composite
def layouts(draw: st.DrawFn, spare_bits: int = 0) -> tuple[SlotPacking, st.SearchStrategy[int]]:
    """Return a layout and a strategy for values that leave this many bits of each slot unused."""
    slot_bits = draw(st.integers(2 + spare_bits, 63))
    half = 2 ** (slot_bits - 1 - spare_bits)
    return SlotPacking(slot_bits, draw(st.integers(1, 12))), st.integers(-half, half - 1)


@given(st.data())
def test_a_packed_integer_is_the_plain_signed_sum_and_unpacks_again(data: st.DataObject) -> None:
    packing, slot = data.draw(layouts())
    values = data.draw(st.lists(slot, max_size=packing.slots))
    packed = packing.pack(np.array(values, dtype=np.int64))
    assert packed == plain_sum(values, packing.slot_bits)
    unpacked = packing.unpack(packed, len(values))
    assert unpacked.dtype == np.int64
    assert unpacked.tolist() == values


@given(st.data())
def test_sums_and_differences_of_packed_integers_are_packed_sums_and_differences(
    data: st.DataObject,
) -> None:
    packing, slot = data.draw(layouts(spare_bits=2))
    count = data.draw(st.integers(0, packing.slots))
    a, b, c = (
        np.array(data.draw(st.lists(slot, min_size=count, max_size=count)), dtype=np.int64)
        for _ in range(3)
    )
    combined = packing.pack(a) - packing.pack(b) + packing.pack(c)
    np.testing.assert_array_equal(packing.unpack(combined, count), a - b + c)


@pytest.mark.parametrize("slot_bits", [2, 8, 32, 63])
def test_extreme_values_in_all_slots_survive(slot_bits: int) -> None:
    packing = SlotPacking(slot_bits, 5)
    low, high = -(2 ** (slot_bits - 1)), 2 ** (slot_bits - 1) - 1
    for pattern in ([low] * 5, [high] * 5, [low, high, low, high, low], [high, 0, -1, 1, low]):
        packed = packing.pack(np.array(pattern))
        assert packing.unpack(packed, 5).tolist() == pattern


def test_intermediate_overflow_is_harmless_when_the_final_values_fit() -> None:
    packing = SlotPacking(8, 3)
    a, b = np.array([100, -100, 127]), np.array([90, -90, 1])
    total = packing.pack(a) + packing.pack(b) - packing.pack(a)
    np.testing.assert_array_equal(packing.unpack(total, 3), b)


@pytest.mark.parametrize("slot_bits", [2, 32, 63])
def test_values_just_outside_a_slot_are_refused_by_position(slot_bits: int) -> None:
    packing = SlotPacking(slot_bits, 3)
    half = 2 ** (slot_bits - 1)
    for bad in (half, -half - 1, 2**63 - 1, -(2**63)):
        with pytest.raises(FixedPointRangeError, match=f"value {bad} at position 1 .*{half - 1}$"):
            packing.pack(np.array([0, bad, bad]))


@pytest.mark.parametrize(
    "values", [np.zeros(4, dtype=np.int64), np.zeros((1, 2), dtype=np.int64), np.zeros(2)]
)
def test_only_vectors_of_int64_that_fit_are_packed(values: NDArray[np.generic]) -> None:
    with pytest.raises(SettingsError, match="up to 3 int64 values in one dimension"):
        SlotPacking(8, 3).pack(values)  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_unpacking_accepts_exactly_the_integers_that_its_slots_can_hold(count: int) -> None:
    packing = SlotPacking(4, 3)
    lowest = plain_sum([-8] * count, 4)
    highest = plain_sum([7] * count, 4)
    assert highest - lowest + 1 == 2 ** (4 * count)
    assert packing.unpack(mpz(lowest), count).tolist() == [-8] * count
    assert packing.unpack(mpz(highest), count).tolist() == [7] * count
    for outside in (lowest - 1, highest + 1):
        with pytest.raises(OpenError, match="key is wrong or the data was damaged"):
            packing.unpack(mpz(outside), count)


@pytest.mark.parametrize("count", [-1, 4])
def test_more_values_than_slots_are_never_unpacked(count: int) -> None:
    with pytest.raises(SettingsError, match=f"cannot unpack {count} values from 3 slots"):
        SlotPacking(4, 3).unpack(mpz(0), count)


def test_random_plaintexts_do_not_open() -> None:
    packing = SlotPacking(32, slots_for(1024, 32))
    for _ in range(200):
        with pytest.raises(OpenError):
            packing.unpack(mpz(secrets.randbits(1023)), packing.slots)


@pytest.mark.parametrize(("key_bits", "slots"), [(1024, 31), (2048, 63), (3072, 95)])
def test_the_design_has_these_many_slots_of_32_bits(key_bits: int, slots: int) -> None:
    assert slots_for(key_bits, 32) == slots


@given(st.sampled_from([1024, 2048, 3072]), st.integers(2, 63))
def test_as_many_slots_as_fit_below_the_headroom(key_bits: int, slot_bits: int) -> None:
    slots = slots_for(key_bits, slot_bits)
    assert slots * slot_bits <= key_bits - HEADROOM_BITS < (slots + 1) * slot_bits
    # Both ends of the range stay below n/2 for every n of this size.
    assert plain_sum([-(2 ** (slot_bits - 1))] * slots, slot_bits) > -(2 ** (key_bits - 2))


def test_slots_larger_than_the_key_are_refused_with_the_largest_that_fits() -> None:
    with pytest.raises(WordSizeError, match="lower slot_bits to at most 992"):
        slots_for(1024, 1000)


@pytest.mark.parametrize(("slot_bits", "slots"), [(1, 3), (64, 3), (8, 0)])
def test_layouts_that_cannot_be_packed_are_refused(slot_bits: int, slots: int) -> None:
    with pytest.raises(SettingsError, match=f"{slots} slots of {slot_bits} bits"):
        SlotPacking(slot_bits, slots)


@given(st.lists(st.integers(-128, 127), max_size=5), st.integers(0, 2**20 - 1))
def test_values_and_tag_are_a_plain_sum_and_unpack_again(values: list[int], tag: int) -> None:
    packed = TAGGED.pack(np.array(values, dtype=np.int64), tag)
    assert packed == tag + 2**20 * sum(value * 2 ** (8 * k) for k, value in enumerate(values))
    assert abs(packed) < 2 ** TAGGED.bits(len(values))
    found, found_tag = TAGGED.unpack(packed, len(values))
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
    packed = sum((TAGGED.pack(np.array(values), tag) for values, tag in parts), start=mpz(0))
    found, tag = TAGGED.unpack(packed, 3)
    assert found.tolist() == [sum(values[k] for values, _ in parts) for k in range(3)]
    assert tag == sum(tag for _, tag in parts)


def test_values_and_tags_that_do_not_fit_are_refused() -> None:
    with pytest.raises(FixedPointRangeError, match="128"):
        TAGGED.pack(np.array([0, 128]), 0)
    for tag in (-1, 2**20):
        with pytest.raises(SettingsError, match="20 bits"):
            TAGGED.pack(np.array([0, 0]), tag)
    for count in range(1, 6):
        for beyond in (2 ** (8 * count - 1), -(2 ** (8 * count - 1)) * 2):
            with pytest.raises(OpenError):
                TAGGED.unpack(mpz(beyond) << 20, count)


@pytest.mark.parametrize("key_bits", [1024, 2048, 3072])
def test_slots_and_tag_leave_the_headroom_of_a_plaintext(key_bits: int) -> None:
    for slot_bits, tag_bits in ((2, 193), (30, 203), (62, 256)):
        packing = TaggedPacking.fitting(key_bits, slot_bits=slot_bits, tag_bits=tag_bits)
        free = key_bits - packing.bits(packing.values.slots)
        assert HEADROOM_BITS <= free < HEADROOM_BITS + slot_bits
    with pytest.raises(WordSizeError):
        TaggedPacking.fitting(1024, slot_bits=62, tag_bits=931)
