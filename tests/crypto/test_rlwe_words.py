from __future__ import annotations

import numpy as np
import pytest

from fedmf.crypto.rlwe_words import (
    RlweWordSize,
    add_words,
    blocks_for,
    pack_words,
    unpack_words,
    word_dtype,
    zero_words,
)
from fedmf.errors import MessageError

SIZES = {32: RlweWordSize(20, 32), 40: RlweWordSize(30, 40)}
both = pytest.mark.parametrize("size", SIZES.values(), ids=[f"{bits} bits" for bits in SIZES])


def random_words(size: RlweWordSize, seed: int, blocks: int = 3) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return generator.integers(0, 2**size.kept_bits, (blocks, 2048), dtype=word_dtype(size).type)


@both
def test_words_add_modulo_their_size(size: RlweWordSize) -> None:
    words = [random_words(size, seed) for seed in range(40)]
    total = zero_words(3, size)
    for one in words:
        add_words(total, one, size)
    expected = sum(one.astype(object) for one in words) % 2**size.kept_bits
    np.testing.assert_array_equal(total.astype(object), expected)


@both
def test_words_return_from_the_wire(size: RlweWordSize) -> None:
    words = random_words(size, 1)
    data = pack_words(words, size)
    assert len(data) == 3 * 2048 * size.bytes_per_word
    back = unpack_words(data, 3, size)
    assert back.dtype == words.dtype
    np.testing.assert_array_equal(back, words)
    back[0, 0] = 1


@both
def test_words_travel_little_endian(size: RlweWordSize) -> None:
    words = random_words(size, 2, blocks=1)
    width = size.bytes_per_word
    expected = b"".join(int(word).to_bytes(width, "little") for word in words[0])
    assert pack_words(words, size) == expected


@both
def test_what_stands_behind_words_is_not_of_them(size: RlweWordSize) -> None:
    words = random_words(size, 3, blocks=1)
    assert pack_words(words, size, behind=b"tags") == pack_words(words, size) + b"tags"


@both
def test_nothing_is_no_blocks(size: RlweWordSize) -> None:
    assert pack_words(zero_words(0, size), size) == b""
    assert unpack_words(b"", 0, size).shape == (0, 2048)


@both
@pytest.mark.parametrize("difference", [-1, 1])
def test_bytes_too_few_or_too_many_are_refused(size: RlweWordSize, difference: int) -> None:
    data = bytes(2048 * size.bytes_per_word + difference)
    with pytest.raises(MessageError, match=f"1 blocks of {size.kept_bits}-bit words are"):
        unpack_words(data, 1, size)


@both
def test_tables_of_other_shapes_do_not_add(size: RlweWordSize) -> None:
    total = random_words(size, 3)
    before = total.copy()
    with pytest.raises(MessageError, match="an upload of 1 blocks cannot be added to a sum of 3"):
        add_words(total, random_words(size, 4, blocks=1), size)
    with pytest.raises(MessageError, match=r"not .* of shape \(2048,\)"):
        add_words(total, random_words(size, 4)[0], size)
    with pytest.raises(MessageError, match=r"shape \(3, 1024\)"):
        add_words(total, random_words(size, 4)[:, :1024], size)
    np.testing.assert_array_equal(total, before)


@both
def test_words_of_the_other_size_do_not_add(size: RlweWordSize) -> None:
    other = SIZES[72 - size.kept_bits]
    with pytest.raises(MessageError, match=f"words of {size.kept_bits} bits are"):
        add_words(random_words(size, 5), random_words(other, 5), size)
    with pytest.raises(MessageError, match=f"words of {other.kept_bits} bits are"):
        pack_words(random_words(size, 5), other)


@pytest.mark.parametrize(("values", "blocks"), [(0, 0), (1, 1), (2048, 1), (2049, 2)])
def test_values_fill_blocks(values: int, blocks: int) -> None:
    assert blocks_for(values) == blocks
