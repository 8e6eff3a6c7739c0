from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fedmf.crypto.rlwe_ring import DEGREE
from fedmf.errors import OpenError, SettingsError, WordSizeError
from fedmf.protocol.lattice_layout import LatticeLayout
from fedmf.protocol.table import GroupShape, Int64Array, TableShape, centred

shapes = st.lists(
    st.tuples(st.integers(1, 6), st.integers(1, 5), st.integers(2, 62)), min_size=1, max_size=5
).map(
    lambda groups: TableShape(
        tuple(GroupShape(f"group {k}", *group) for k, group in enumerate(groups))
    )
)
seeds = st.integers(0, 2**32 - 1)


def added(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return the sum in Python's integers: nothing wraps."""
    total: NDArray[Any] = np.sum([part.astype(object) for part in parts], axis=0)
    return total


def as_opened(layout: LatticeLayout, total: NDArray[Any]) -> Int64Array:
    """Return the sum of messages the way it is opened: centred modulo 2^w, in padded blocks."""
    blocks = np.zeros((layout.blocks, DEGREE), dtype=np.int64)
    half = 1 << (layout.size.word_bits - 1)
    blocks.reshape(-1)[: len(total)] = ((total + half) % (2 * half) - half).astype(np.int64)
    return blocks


def random_values(rng: np.random.Generator, shape: TableShape, *, extreme: bool) -> Int64Array:
    parts = []
    for group in shape.groups:
        bound = 2 ** (group.word_bits - 1)
        if extreme:
            parts.append(rng.choice([-bound, bound - 1], group.values))
        else:
            parts.append(rng.integers(-bound, bound, group.values))
    return np.concatenate(parts)


@settings(max_examples=150, deadline=None)
@given(shapes, seeds, st.integers(1, 2**20), st.integers(1, 12), st.booleans())
def test_changes_come_back_exactly_where_the_tables_fit(
    shape: TableShape, seed: int, most: int, several: int, extreme: bool
) -> None:
    """From any table to any other, by changes of which no partial sum has to fit anything."""
    rng = np.random.default_rng(seed)
    layout = LatticeLayout.plan(shape, uploads=most)
    before, after = (random_values(rng, shape, extreme=extreme) for _ in range(2))
    changes = [random_values(rng, shape, extreme=False).astype(object) for _ in range(several)]
    changes.append(after.astype(object) - before - added(changes))
    bits = [group.word_bits for group in shape.groups for _ in range(group.values)]
    wide = np.array([b > layout.size.word_bits for b in bits])
    opened = as_opened(layout, added(changes)[~wide])
    beside = np.array([int(one) % 2**64 for one in added(changes)[wide]], dtype=np.uint64)
    found = layout.sums(opened, beside, before)
    assert found.tolist() == (after.astype(object) - before).tolist()
    layout.check_beside(before + found)
    layout.check_beside(found, before)


@settings(max_examples=100, deadline=None)
@given(shapes, seeds, st.integers(1, 2**20))
def test_what_is_split_adds_up_to_the_table(shape: TableShape, seed: int, most: int) -> None:
    rng = np.random.default_rng(seed)
    layout = LatticeLayout.plan(shape, uploads=most)
    values = random_values(rng, shape, extreme=True)
    parts = [values // 3, values // 3, values - 2 * (values // 3)]
    split = [layout.split(part) for part in parts]
    half = 2 ** (layout.size.word_bits - 1)
    for messages, beside in split:
        assert len(messages) == max(1, shape.values - len(beside))
        assert len(beside) == layout.beside
        assert -half <= messages.min() <= messages.max() < half
    opened = as_opened(layout, added([messages for messages, _ in split]))
    wide = np.array([beside for _, beside in split]).sum(axis=0)
    assert layout.sums(opened, wide).tolist() == values.tolist()


def test_values_that_fit_a_message_are_passed_on_as_they_are() -> None:
    shape = TableShape((GroupShape("x", 30, 20, 24), GroupShape("y", 4, 1, 2)))
    layout = LatticeLayout.plan(shape, uploads=600)
    values = np.arange(604)
    messages, beside = layout.split(values)
    assert messages is values
    assert (len(beside), layout.beside, layout.numbers) == (0, 0, 2)


def test_wide_groups_lie_beside_the_words_of_the_others() -> None:
    groups = (("a", 2, 1, 40), ("b", 3, 1, 20), ("c", 1, 2, 33), ("d", 1, 1, 24))
    shape = TableShape(tuple(GroupShape(*group) for group in groups))
    layout = LatticeLayout.plan(shape, uploads=600)
    messages, beside = layout.split(np.array([-1, 2, 3, 4, 5, 6, -7, 8]))
    assert messages.tolist() == [3, 4, 5, 8]
    assert beside.tolist() == [2**64 - 1, 2, 6, 2**64 - 7]
    assert (layout.blocks, layout.beside, layout.tags) == (1, 4, 3)
    assert layout.payload_bytes == 4 * DEGREE + 8 * (3 + 4)


def test_the_smallest_payload_is_taken() -> None:
    def payload(bits: int, uploads: int, rows: int = 20_480, small: int = 1) -> tuple[int, int]:
        shape = TableShape((GroupShape("x", rows, 1, bits), GroupShape("y", small, 1, 2)))
        layout = LatticeLayout.plan(shape, uploads=uploads)
        return layout.size.kept_bits, layout.payload_bytes

    assert payload(20, 1000, 20_479) == (32, 4 * 20_480 + 16)
    assert payload(32, 600, 20_479) == (40, 5 * 20_480 + 16)
    # A few values beside the words are less than words of 5 bytes for all.
    assert payload(30, 600, 500, 20_480) == (32, 4 * 20_480 + 8 * 500 + 16)
    assert payload(30, 600, 2000, 2048) == (40, 2 * 5 * 2048 + 16)
    # Nothing is in words but zeros, whose opening tells whether keys are true.
    shape = TableShape((GroupShape("x", 7, 1, 62),))
    layout = LatticeLayout.plan(shape, uploads=600)
    assert (layout.blocks, layout.payload_bytes) == (1, 4 * DEGREE + 8 * (22 + 7))


def limbs(value: int) -> tuple[int, int]:
    """Return a value as two limbs that fit words, the lower of 14 bits and with sign."""
    lower = (value + 2**13) % 2**14 - 2**13
    return lower, (value - lower) >> 14


def test_sums_of_limbs_would_tell_single_values_apart_and_what_opens_does_not() -> None:
    """Two sets of uploads with the same sum: limbs that add as integers are different sums."""
    layout = LatticeLayout.plan(TableShape((GroupShape("x", 1, 1, 30),)), uploads=600)
    assert layout.beside == 1
    sets = [(2**13, 2**13, 0), (2**14, 0, 0)]
    shown = [np.sum([limbs(value) for value in values], axis=0).tolist() for values in sets]
    assert shown[0] != shown[1]
    nothing = np.zeros(0, dtype=np.int64)
    split = [[layout.split(np.array([value]))[1] for value in values] for values in sets]
    sums = [np.array(parts).sum(axis=0) for parts in split]
    assert [layout.sums(nothing, one).tolist() for one in sums] == [[2**14], [2**14]]
    assert sums[0].tolist() == sums[1].tolist()


@pytest.mark.parametrize("bits", [33, 45, 62])
def test_only_sums_that_fit_their_word_are_taken_from_beside(bits: int) -> None:
    layout = LatticeLayout.plan(TableShape((GroupShape("x", 1, 2, bits),)), uploads=6)
    half = 2 ** (bits - 1)
    layout.check_beside(np.array([-half, half - 1]))
    for wrong in ([half, 0], [0, -half - 1], [2**bits, 0], [0, -(2**63)]):
        with pytest.raises(OpenError, match="does not open"):
            layout.check_beside(np.array(wrong))


def test_too_many_uploads_are_refused() -> None:
    wide = TableShape((GroupShape("x", 1, 1, 62),))
    LatticeLayout.plan(wide, uploads=2**35)
    with pytest.raises(WordSizeError, match="more than any sum may have"):
        LatticeLayout.plan(wide, uploads=2**35 + 1)
    with pytest.raises(SettingsError, match="at least 1"):
        LatticeLayout.plan(wide, uploads=0)


@pytest.mark.parametrize("bits", [1, 2, 33, 63, 64])
def test_centred_numbers_lie_around_zero(bits: int) -> None:
    half = 2 ** (bits - 1)
    for value in (-half, half - 1):
        assert centred(np.array([value]), bits).tolist() == [value]
    if bits < 64:
        assert centred(np.array([half, -half - 1]), bits).tolist() == [-half, half - 1]
