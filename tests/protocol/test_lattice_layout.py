from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fedmf.crypto.rlwe_ring import DEGREE
from fedmf.errors import SettingsError, WordSizeError
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


def modulo_words(total: NDArray[Any], shape: TableShape) -> list[int]:
    """Return sums of Python integers modulo the words, centred."""
    bits = [group.word_bits for group in shape.groups for _ in range(group.values)]
    return [
        (int(value) + 2 ** (w - 1)) % 2**w - 2 ** (w - 1)
        for value, w in zip(total, bits, strict=True)
    ]


@settings(max_examples=150, deadline=None)
@given(shapes, seeds, st.integers(1, 2**20), st.integers(1, 30), st.booleans())
def test_sums_read_back_exactly_modulo_the_words(
    shape: TableShape, seed: int, most: int, several: int, extreme: bool
) -> None:
    """A start table and as many uploads as planned: some different ones, and the last repeated."""
    rng = np.random.default_rng(seed)
    layout = LatticeLayout.plan(shape, uploads=most)
    values, sent = [], []
    for _ in range(min(several, most) + 1):
        values.append(random_values(rng, shape, extreme=extreme))
        sent.append(layout.limbs(values[-1]))
        assert sent[-1].shape == (layout.value_limbs,)
        half = 2 ** (layout.size.word_bits - 1)
        assert -half <= sent[-1].min()
        assert sent[-1].max() < half
    again = most + 1 - len(values)
    read = layout.read(as_opened(layout, added(sent) + again * sent[-1].astype(object)))
    total = added(values) + again * values[-1].astype(object)
    assert layout.values(read).tolist() == modulo_words(total, shape)


@settings(max_examples=150, deadline=None)
@given(shapes, seeds, st.integers(1, 2**20), st.integers(0, 1))
def test_limbs_add_exactly_where_the_sum_fits(
    shape: TableShape, seed: int, most: int, spare_bits: int
) -> None:
    """Tags are over limbs, so not even a remainder modulo 2^w may be lost."""
    rng = np.random.default_rng(seed)
    layout = LatticeLayout.plan(shape, uploads=most, spare_bits=spare_bits)
    values, rest = (random_values(rng, shape, extreme=extreme) for extreme in (False, True))
    values = np.where(-values == shape.wrap(-values), values, 0)
    # The values and their reverse as often as planned; the rest once, or twice with a spare bit.
    pairs = (most - spare_bits) // 2
    if spare_bits:
        # From a table of the reverse to one of the rest: the largest change that there is.
        rest = np.where(-rest == shape.wrap(-rest), rest, 0)
    summands = [(pairs, values), (pairs, -values), (1 + spare_bits, rest)]
    limbs = added([times * layout.limbs(part).astype(object) for times, part in summands])
    read = layout.read(as_opened(layout, limbs))
    if spare_bits:
        read = layout.exact_change(read, -rest)
    assert read.tolist() == limbs.tolist()
    assert layout.values(read).tolist() == ((1 + spare_bits) * rest.astype(object)).tolist()


@pytest.mark.parametrize("uploads", [1, 3, 2**10 - 1, 2**16 - 1, 2**20 - 1, 2**22 - 1])
@pytest.mark.parametrize("sign", [-1, 1])
def test_limbs_add_exactly_at_their_bounds(uploads: int, sign: int) -> None:
    """All lower limbs at one bound, and the sum of the values at the bound across from it."""
    for bits in range(33, 63):
        shape = TableShape((GroupShape("x", 1, 1, bits),))
        layout = LatticeLayout.plan(shape, uploads=uploads)
        places = [2 ** (layout.limb_bits * place) for place in range(layout.value_limbs - 1)]
        half = 2 ** (layout.limb_bits - 1)
        small = sum((half - 1 if sign == 1 else -half) * place for place in places)
        # The same lower limbs under the largest topmost one of the other sign.
        bound = 2 ** (bits - 1)
        large = small - sign * bound
        often = (bound - 1 + abs(small) * (uploads + 1)) // bound
        rarely = uploads + 1 - often
        assert -bound <= often * large + rarely * small < bound
        limbs = often * layout.limbs(np.array([large])).astype(object)
        limbs += rarely * layout.limbs(np.array([small])).astype(object)
        read = layout.read(as_opened(layout, limbs))
        assert read.tolist() == limbs.tolist()


def test_values_that_fit_a_message_are_passed_on_as_they_are() -> None:
    shape = TableShape((GroupShape("x", 30, 20, 24), GroupShape("y", 4, 1, 2)))
    layout = LatticeLayout.plan(shape, uploads=600)
    values = np.arange(604)
    assert layout.limbs(values) is values
    assert layout.value_limbs == 604


def test_the_smallest_payload_is_taken() -> None:
    def payload(bits: int, uploads: int, rows: int = 20_480) -> tuple[int, int]:
        shape = TableShape((GroupShape("x", rows, 1, bits),))
        layout = LatticeLayout.plan(shape, uploads=uploads)
        return layout.size.kept_bits, layout.payload_bytes

    assert payload(20, 1000) == (32, 4 * 20_480)
    assert payload(32, 1000) == (40, 5 * 20_480)
    # Two words of 4 bytes are less than two of 5, and one block less than one block.
    assert payload(40, 100) == (32, 8 * 20_480)
    assert payload(32, 1000, rows=1000) == (32, 4 * 2048)
    # One upload leaves 27 bits for each limb of 4 bytes and 31 of 5; 600 leave 14 and 22.
    assert payload(62, 1) == (40, 10 * 20_480)
    assert payload(62, 600) == (40, 15 * 20_480)


def test_sums_with_a_spare_bit_may_go_beyond_their_words() -> None:
    shape = TableShape((GroupShape("x", 1, 2, 30),))
    change = np.array([2**29 - 1, -(2**29)])
    for spare_bits, expected in ((0, [-2, 0]), (1, [2**30 - 2, -(2**30)])):
        layout = LatticeLayout.plan(shape, uploads=2, spare_bits=spare_bits)
        limbs = layout.read(as_opened(layout, 2 * layout.limbs(change)))
        assert layout.values(limbs).tolist() == expected


@given(shapes, seeds)
def test_wrapping_brings_sums_back_into_their_words(shape: TableShape, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.integers(-(2**63), 2**63, shape.values)
    assert shape.wrap(values).tolist() == modulo_words(values.astype(object), shape)


def test_too_many_uploads_for_limbs_are_refused() -> None:
    wide = TableShape((GroupShape("x", 1, 1, 62),))
    LatticeLayout.plan(wide, uploads=2**22)
    with pytest.raises(WordSizeError, match="noise of 16,777,216 uploads"):
        LatticeLayout.plan(wide, uploads=2**24)
    with pytest.raises(SettingsError, match="at least 1"):
        LatticeLayout.plan(wide, uploads=0)


@pytest.mark.parametrize("uploads", [523_303, 2**19, 2**20, 2**24])
@pytest.mark.parametrize("spare_bits", [0, 1])
def test_values_that_fit_a_message_need_no_room_for_limbs(uploads: int, spare_bits: int) -> None:
    """Words of 4 bytes hold no limbs here, so that values larger than those take 5."""
    for bits, kept_bits in ((8, 32), (20, 40)):
        shape = TableShape((GroupShape("x", 1, 1, bits),))
        layout = LatticeLayout.plan(shape, uploads=uploads, spare_bits=spare_bits)
        assert (layout.size.kept_bits, layout.value_limbs, layout.blocks) == (kept_bits, 1, 1)
        limbs = layout.read(as_opened(layout, np.array([-128])))
        assert layout.values(limbs).tolist() == [-128]


@pytest.mark.parametrize("bits", [1, 2, 33, 63, 64])
def test_centred_numbers_lie_around_zero(bits: int) -> None:
    half = 2 ** (bits - 1)
    for value in (-half, half - 1):
        assert centred(np.array([value]), bits).tolist() == [value]
    if bits < 64:
        assert centred(np.array([half, -half - 1]), bits).tolist() == [-half, half - 1]
