from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fedmf.crypto.rlwe import encrypt, open_sum
from fedmf.crypto.rlwe_key import PaddedKey, RlweKey
from fedmf.crypto.rlwe_ring import DEGREE, PublicPolynomials
from fedmf.crypto.rlwe_words import RlweWordSize, add_words, plan_rlwe_words, word_dtype, zero_words
from fedmf.errors import (
    FixedPointRangeError,
    KeyMaterialError,
    MessageError,
    OpenError,
    ProtocolError,
)

ANSWERS = json.loads(
    (Path(__file__).parents[1] / "vectors" / "rlwe" / "known-answers.json").read_text()
)["answers"]
PUBLIC = PublicPolynomials(b"\x2a" * 32)
SIZES = {32: RlweWordSize(20, 32), 40: RlweWordSize(30, 40)}
both = pytest.mark.parametrize("size", SIZES.values(), ids=[f"{bits} bits" for bits in SIZES])


def seed(*numbers: int) -> bytes:
    """Return 32 bytes that these numbers stand for."""
    return hashlib.sha256(repr(numbers).encode()).digest()


def messages(size: RlweWordSize, values: int, number: int = 0) -> NDArray[np.int64]:
    half = 2 ** (size.word_bits - 1)
    return np.random.default_rng(number).integers(-half, half, values)


def upload(values: NDArray[np.int64], size: RlweWordSize, number: int = 0) -> Any:
    return encrypt(
        values,
        public=PUBLIC,
        key=RlweKey.from_seed(seed(number)),
        noise_seed=seed(number, 1),
        size=size,
    )


def centred(values: NDArray[np.int64], bits: int) -> NDArray[np.int64]:
    half = np.int64(1 << (bits - 1))
    wrapped: NDArray[np.int64] = ((values + half) & np.int64((1 << bits) - 1)) - half
    return wrapped


def residuals(
    words: Any, expected: NDArray[np.int64], key: RlweKey, size: RlweWordSize
) -> NDArray[np.int64]:
    """Return what is left of a sum without its mask and its messages."""
    blocks = np.arange(len(words))
    masks = np.concatenate([part.copy() for _, part in PUBLIC.products(key.factor(), blocks)])
    dropped = 48 - size.kept_bits
    rounded = ((masks % 2**48) + 2 ** (dropped - 1)) // 2**dropped
    left = words.astype(np.int64) - rounded - (expected.reshape(words.shape) << size.noise_bits)
    return centred(left, size.kept_bits)


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: f"w={answer['w']}, B={answer['B']}")
class TestKnownAnswers:
    """Words of an independent prototype; see vectors/rlwe/PROVENANCE.md."""

    def values(self, answer: dict[str, Any]) -> NDArray[np.int64]:
        modulus: int = 2 ** answer["w"]
        return np.arange(answer["blocks"] * DEGREE) * 7919 % modulus - modulus // 2

    def words(self, answer: dict[str, Any]) -> Any:
        return encrypt(
            self.values(answer),
            public=PublicPolynomials(bytes.fromhex(answer["a_seed"])),
            key=RlweKey.from_seed(bytes.fromhex(answer["k_key"])),
            noise_seed=bytes.fromhex(answer["e_key"]),
            size=RlweWordSize(answer["w"], answer["B"]),
            first_block=answer["first_block"],
        )

    def test_public_polynomials_agree(self, answer: dict[str, Any]) -> None:
        public = PublicPolynomials(bytes.fromhex(answer["a_seed"]))
        low, high = public.limbs(answer["first_block"], 1)[:, 0, :3].astype(np.int64)
        assert ((low + (high << 24)) % 2**48).tolist() == answer["a_first"]

    def test_keys_agree(self, answer: dict[str, Any]) -> None:
        key = RlweKey.from_seed(bytes.fromhex(answer["k_key"]))
        assert key.coefficients[:8].tolist() == answer["k_first"]

    def test_words_agree_bit_for_bit(self, answer: dict[str, Any]) -> None:
        words = self.words(answer)
        assert words[0, :4].tolist() == answer["c_first"]
        little = words.astype(words.dtype.newbyteorder("<"))
        assert hashlib.sha256(little.tobytes()).hexdigest() == answer["c_sha256"]

    def test_words_open(self, answer: dict[str, Any]) -> None:
        first = answer["first_block"]
        opened = open_sum(
            self.words(answer),
            public=PublicPolynomials(bytes.fromhex(answer["a_seed"])),
            key=RlweKey.from_seed(bytes.fromhex(answer["k_key"])),
            size=RlweWordSize(answer["w"], answer["B"]),
            uploads=1,
            blocks=range(first, first + answer["blocks"]),
        )
        np.testing.assert_array_equal(opened.reshape(-1), self.values(answer))


@both
@pytest.mark.parametrize("count", [1, 2048, 5000, 20 * 2048 + 1])
def test_sums_open_to_sums(size: RlweWordSize, count: int) -> None:
    tables = [messages(size, count, number) for number in range(3)]
    total = upload(tables[0], size, 0)
    for number in (1, 2):
        add_words(total, upload(tables[number], size, number), size)
    key = PaddedKey.sum_of_seeds([seed(number) for number in range(3)], 0).key
    opened = open_sum(total, public=PUBLIC, key=key, size=size, uploads=3)
    assert opened.shape == (-(-count // DEGREE), DEGREE)
    flat = opened.reshape(-1)
    np.testing.assert_array_equal(flat[:count], centred(np.sum(tables, axis=0), size.word_bits))
    assert not flat[count:].any()


@both
def test_extreme_messages_open(size: RlweWordSize) -> None:
    half = 2 ** (size.word_bits - 1)
    table = np.resize(np.array([-half, half - 1, 0, -1]), DEGREE)
    opened = open_sum(
        upload(table, size), public=PUBLIC, key=RlweKey.from_seed(seed(0)), size=size, uploads=1
    )
    np.testing.assert_array_equal(opened[0], table)


@both
def test_the_sum_of_no_uploads_opens_to_zero(size: RlweWordSize) -> None:
    key = PaddedKey.sum_of_seeds([], 0).key
    opened = open_sum(zero_words(2, size), public=PUBLIC, key=key, size=size, uploads=0)
    assert opened.shape == (2, DEGREE)
    assert not opened.any()


def test_tables_are_read_row_by_row() -> None:
    size = SIZES[32]
    table = messages(size, 6000).reshape(60, 100)
    np.testing.assert_array_equal(upload(table, size), upload(table.reshape(-1), size))


@both
def test_some_blocks_open_alone(size: RlweWordSize) -> None:
    table = messages(size, 19 * DEGREE)
    words = upload(table, size)
    chosen = [17, 3, 4, 5, 9, 0, 3]
    opened = open_sum(
        words[chosen],
        public=PUBLIC,
        key=RlweKey.from_seed(seed(0)),
        size=size,
        uploads=1,
        blocks=chosen,
    )
    np.testing.assert_array_equal(opened, table.reshape(19, DEGREE)[chosen])


@both
def test_nothing_encrypts_to_nothing(size: RlweWordSize) -> None:
    words = upload(np.array([], dtype=np.int64), size)
    assert words.shape == (0, DEGREE)
    key = RlweKey.from_seed(seed(0))
    opened = open_sum(words, public=PUBLIC, key=key, size=size, uploads=1)
    assert opened.shape == (0, DEGREE)


@pytest.mark.parametrize(("kept_bits", "tolerance"), [(32, 0.08), (40, 0.08)])
def test_residuals_of_1024_participants_follow_the_formula(
    kept_bits: int, tolerance: float
) -> None:
    uploads, blocks = 1024, 4
    size = plan_rlwe_words(uploads=uploads, kept_bits=kept_bits)
    total = zero_words(blocks, size)
    expected = np.zeros(blocks * DEGREE, dtype=np.int64)
    for number in range(uploads):
        table = messages(size, blocks * DEGREE, number)
        add_words(total, upload(table, size, number), size)
        expected += table
    key = PaddedKey.sum_of_seeds([seed(number) for number in range(uploads)], 0).key
    expected = centred(expected, size.word_bits)
    opened = open_sum(total, public=PUBLIC, key=key, size=size, uploads=uploads)
    np.testing.assert_array_equal(opened.reshape(-1), expected)

    left = residuals(total, expected, key, size).astype(np.float64)
    # Opening rounds the mask, which adds the rounding of one more word.
    variance = uploads * (1 / 12 + 16 * 4.0 ** (kept_bits - 48)) + 1 / 12
    assert left.var() == pytest.approx(variance, rel=tolerance)
    # Five deviations of a variance over this many values are this tolerance.
    assert 5 * math.sqrt(2 / left.size) == pytest.approx(tolerance, rel=0.05)
    # Halves are rounded up: 2^-9 for every upload at 40 bits, which a small test cannot see.
    mean = (uploads - 1) * 2.0 ** (kept_bits - 49)
    assert left.mean() == pytest.approx(mean, abs=5 * math.sqrt(variance / left.size))
    assert np.abs(left).max() < size.residual_bound(uploads)


@pytest.mark.parametrize("kept_bits", [32, 40])
@pytest.mark.parametrize("side", [-1, 1])
def test_residuals_are_measured_from_their_mean(kept_bits: int, side: int) -> None:
    uploads = 2**20
    size = plan_rlwe_words(uploads=uploads, kept_bits=kept_bits)
    deviation = 4 * uploads**0.5
    key = RlweKey(np.rint(np.random.default_rng(5).normal(0, deviation, DEGREE)).astype(np.int64))
    table = messages(size, DEGREE)
    zero = zero_words(1, size)
    # Only the mask, as the sum of words without any noise would have it.
    mask = (-residuals(zero, np.zeros(DEGREE, np.int64), key, size)) % 2**kept_bits
    mean = round((uploads - 1) * 2.0 ** (kept_bits - 49))
    furthest = math.floor(size.residual_bound(uploads))

    def with_residual(residual: int) -> NDArray[np.int64]:
        words = (mask + (table << size.noise_bits) + residual) % 2**kept_bits
        return open_sum(
            words.astype(word_dtype(size)), public=PUBLIC, key=key, size=size, uploads=uploads
        )

    np.testing.assert_array_equal(with_residual(mean + side * furthest)[0], table)
    with pytest.raises(OpenError):
        with_residual(mean + side * (furthest + 1))


@both
def test_a_wrong_key_opens_nothing(size: RlweWordSize) -> None:
    words = upload(messages(size, DEGREE), size)
    with pytest.raises(OpenError, match="does not open"):
        open_sum(words, public=PUBLIC, key=RlweKey.from_seed(seed(9)), size=size, uploads=1)


@both
def test_a_key_that_is_off_by_one_coefficient_opens_nothing(size: RlweWordSize) -> None:
    words = upload(messages(size, DEGREE), size)
    coefficients = RlweKey.from_seed(seed(0)).coefficients.copy()
    coefficients[1234] += 1
    with pytest.raises(OpenError, match="does not open"):
        open_sum(words, public=PUBLIC, key=RlweKey(coefficients), size=size, uploads=1)


@both
def test_a_sum_does_not_open_without_the_key_of_each_upload(size: RlweWordSize) -> None:
    total = upload(messages(size, DEGREE, 0), size, 0)
    add_words(total, upload(messages(size, DEGREE, 1), size, 1), size)
    for seeds in ([seed(0)], [seed(0), seed(1), seed(2)]):
        key = PaddedKey.sum_of_seeds(seeds, 0).key
        with pytest.raises(OpenError, match="does not open"):
            open_sum(total, public=PUBLIC, key=key, size=size, uploads=2)


@both
def test_other_public_polynomials_open_nothing(size: RlweWordSize) -> None:
    words = upload(messages(size, DEGREE), size)
    key = RlweKey.from_seed(seed(0))
    with pytest.raises(OpenError, match="does not open"):
        open_sum(words, public=PublicPolynomials(bytes(32)), key=key, size=size, uploads=1)
    with pytest.raises(OpenError, match="does not open"):
        open_sum(words, public=PUBLIC, key=key, size=size, uploads=1, blocks=[1])


def test_one_bad_word_in_the_last_block_opens_nothing() -> None:
    size = SIZES[32]
    words = upload(messages(size, 18 * DEGREE), size)
    words[-1, -1] += 2 ** (size.noise_bits - 1)
    with pytest.raises(OpenError, match="does not open"):
        open_sum(words, public=PUBLIC, key=RlweKey.from_seed(seed(0)), size=size, uploads=1)


@pytest.mark.parametrize(("word_bits", "kept_bits"), [(24, 32), (32, 40)])
def test_damage_is_seen_exactly_where_the_bound_says(word_bits: int, kept_bits: int) -> None:
    size = RlweWordSize(word_bits, kept_bits)
    table = messages(size, DEGREE)
    words = upload(table, size)
    key = RlweKey.from_seed(seed(0))
    residual = int(residuals(words, table, key, size)[0, 99])
    step = 2**size.noise_bits
    opened = []
    for shift in range(step):
        damaged = words.copy()
        damaged[0, 99] = (int(words[0, 99]) + shift) % 2**kept_bits
        try:
            open_sum(damaged, public=PUBLIC, key=key, size=size, uploads=1)
        except OpenError:
            continue
        opened.append(shift)
    bound = math.floor(size.residual_bound(1))
    expected = [
        shift
        for shift in range(step)
        if abs((residual + shift + step // 2) % step - step // 2) <= bound
    ]
    assert opened == expected
    assert len(opened) == 2 * bound + 1 == 9


def test_damage_in_the_message_bits_alone_is_not_seen_here() -> None:
    size = SIZES[32]
    table = messages(size, DEGREE) // 2
    words = upload(table, size)
    words[0, 7] += 2**size.noise_bits
    opened = open_sum(words, public=PUBLIC, key=RlweKey.from_seed(seed(0)), size=size, uploads=1)
    # This is why uploads carry integrity tags.
    assert (opened[0] - table).nonzero()[0].tolist() == [7]


def test_two_uploads_under_one_key_give_their_difference_away() -> None:
    size = SIZES[32]
    first, second = messages(size, DEGREE, 1), messages(size, DEGREE, 2)
    key = RlweKey.from_seed(seed(0))

    def difference(other: RlweKey) -> NDArray[np.int64]:
        one = encrypt(first, public=PUBLIC, key=key, noise_seed=seed(1), size=size)
        two = encrypt(second, public=PUBLIC, key=other, noise_seed=seed(2), size=size)
        nearest = (one - two).astype(np.int64) + 2 ** (size.noise_bits - 1)
        return centred(nearest >> size.noise_bits, size.word_bits)

    # No key is needed to read this.
    np.testing.assert_array_equal(difference(key)[0], centred(first - second, size.word_bits))
    fresh = difference(RlweKey.from_seed(seed(3)))[0]
    assert (fresh == centred(first - second, size.word_bits)).sum() < 10


def test_more_uploads_than_the_word_has_room_for_open_nothing() -> None:
    size = RlweWordSize(24, 32)
    words = upload(messages(size, DEGREE), size)
    key = RlweKey.from_seed(seed(0))
    open_sum(words, public=PUBLIC, key=key, size=size, uploads=size.most_uploads)
    for uploads in (size.most_uploads + 1, -1):
        with pytest.raises(OpenError, match="have room for the noise of at most"):
            open_sum(words, public=PUBLIC, key=key, size=size, uploads=uploads)


def test_errors_of_opening_hold_no_figures_of_the_sum() -> None:
    size = SIZES[32]
    texts = set()
    for place in (0, 100):
        words = upload(messages(size, DEGREE, place), size)
        words[0, place] += 2 ** (size.noise_bits - 1) - place
        with pytest.raises(OpenError) as caught:
            open_sum(words, public=PUBLIC, key=RlweKey.from_seed(seed(0)), size=size, uploads=1)
        texts.add(str(caught.value))
    assert len(texts) == 1
    assert not any(character.isdigit() for character in texts.pop())


@both
@pytest.mark.parametrize("excess", [1, -1])
def test_a_value_beyond_the_word_is_refused(size: RlweWordSize, excess: int) -> None:
    half = 2 ** (size.word_bits - 1)
    table = np.zeros(5000, dtype=np.int64)
    table[4321] = half if excess > 0 else -half - 1
    with pytest.raises(FixedPointRangeError, match=f"value 4,321 of the table is {table[4321]}, "):
        upload(table, size)


def test_values_that_are_not_int64_are_refused() -> None:
    with pytest.raises(TypeError, match="are int64, not int32"):
        upload(np.zeros(4, dtype=np.int32), SIZES[32])


def test_a_noise_seed_of_another_length_is_refused() -> None:
    key = RlweKey.from_seed(seed(0))
    with pytest.raises(KeyMaterialError, match="32 bytes"):
        encrypt(np.zeros(4, dtype=np.int64), public=PUBLIC, key=key, noise_seed=b"", size=SIZES[32])


@pytest.mark.parametrize("blocks", [[0], [0, -1], [[0, 1]]])
def test_block_numbers_that_do_not_fit_are_refused(blocks: list[Any]) -> None:
    size = SIZES[32]
    words = upload(messages(size, 2 * DEGREE), size)
    key = RlweKey.from_seed(seed(0))
    with pytest.raises(ProtocolError, match="2 blocks need as many block numbers"):
        open_sum(words, public=PUBLIC, key=key, size=size, uploads=1, blocks=blocks)


def test_words_of_another_size_do_not_open() -> None:
    words = upload(messages(SIZES[32], DEGREE), SIZES[32])
    key = RlweKey.from_seed(seed(0))
    with pytest.raises(MessageError, match="words of 40 bits"):
        open_sum(words, public=PUBLIC, key=key, size=SIZES[40], uploads=1)
