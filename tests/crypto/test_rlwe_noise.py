from __future__ import annotations

import math

import numpy as np
import pytest

from fedmf.crypto.derivation import Keystream
from fedmf.crypto.rlwe_words import (
    LARGEST_NOISE,
    MOST_KEYS,
    NOISE_VARIANCE,
    RlweWordSize,
    _variance,
    centred_binomial,
    plan_rlwe_words,
)
from fedmf.errors import SettingsError, WordSizeError

COUNT = 2**20
TABLE = {
    (32, 2**10): 24,
    (32, 2**14): 22,
    (32, 2**20): 19,
    (40, 2**10): 32,
    (40, 2**14): 30,
    (40, 2**20): 27,
}


def test_numbers_count_the_ones_of_64_bits() -> None:
    stream = Keystream(bytes(range(32))).take(8 * 1000).tobytes()
    expected = [
        int.from_bytes(stream[8 * place : 8 * place + 8], "little").bit_count() - 32
        for place in range(1000)
    ]
    assert centred_binomial(Keystream(bytes(range(32))), 1000).tolist() == expected


def test_numbers_go_on_where_the_last_ones_ended() -> None:
    stream = Keystream(bytes(32))
    pieces = np.concatenate([centred_binomial(stream, count) for count in (3, 500, 1)])
    np.testing.assert_array_equal(pieces, centred_binomial(Keystream(bytes(32)), 504))


def test_numbers_have_the_exact_binomial_distribution() -> None:
    counts = np.bincount(
        centred_binomial(Keystream(b"\x07" * 32), COUNT).astype(np.int64) + LARGEST_NOISE,
        minlength=65,
    )
    expected = COUNT * np.array([math.comb(64, ones) / 2**64 for ones in range(65)])
    # Values that are expected less than ten times share a class at either end.
    common = expected >= 10
    low, high = np.flatnonzero(common)[[0, -1]]
    observed_classes = [counts[:low].sum(), *counts[common], counts[high + 1 :].sum()]
    expected_classes = [expected[:low].sum(), *expected[common], expected[high + 1 :].sum()]
    chi_square = sum(
        (observed - mean) ** 2 / mean
        for observed, mean in zip(observed_classes, expected_classes, strict=True)
    )
    freedom = len(expected_classes) - 1
    assert freedom > 30
    # Chi-square has this mean and twice this variance; four deviations on either side, because a
    # distribution that fits too well is none.
    assert abs(chi_square - freedom) < 4 * math.sqrt(2 * freedom)


def test_mean_and_variance_are_those_declared() -> None:
    numbers = centred_binomial(Keystream(b"\x08" * 32), COUNT).astype(np.float64)
    assert abs(numbers.mean()) < 5 * math.sqrt(NOISE_VARIANCE / COUNT)
    assert abs(numbers.var() / NOISE_VARIANCE - 1) < 5 * math.sqrt(2 / COUNT)


def failure(uploads: int, word_bits: int, kept_bits: int) -> float:
    """Return the chance that any of 2^30 values leaves half a step, by the normal distribution."""
    variance = uploads * (1 / 12 + 16 * 4.0 ** (kept_bits - 48))
    room = 2.0 ** (kept_bits - word_bits - 1) - 1.5
    return 2**30 * math.erfc(room / math.sqrt(2 * variance))


@pytest.mark.parametrize(("kept_bits", "uploads"), TABLE)
def test_the_plan_is_the_largest_word_with_failure_below_2_to_the_minus_40(
    kept_bits: int, uploads: int
) -> None:
    word_bits = max(bits for bits in range(2, 33) if failure(uploads, bits, kept_bits) < 2.0**-40)
    plan = plan_rlwe_words(uploads=uploads, kept_bits=kept_bits)
    assert plan == RlweWordSize(word_bits, kept_bits)
    assert word_bits == TABLE[kept_bits, uploads]


@pytest.mark.parametrize("kept_bits", [32, 40])
@pytest.mark.parametrize("exponent", range(0, 36, 5))
def test_what_the_bound_turns_away_is_rarer_than_2_to_the_minus_40(
    kept_bits: int, exponent: int
) -> None:
    uploads = 2**exponent
    plan = plan_rlwe_words(uploads=uploads, kept_bits=kept_bits)
    bound = plan.residual_bound(uploads)
    assert bound < 2 ** (plan.noise_bits - 1)
    deviation = math.sqrt(uploads * _variance(kept_bits))
    assert 2**30 * math.erfc((bound - 1.5) / deviation / math.sqrt(2)) < 2.0**-40


@pytest.mark.parametrize("kept_bits", [32, 40])
@pytest.mark.parametrize("word_bits", [8, 20, 27])
def test_most_uploads_is_where_the_bound_reaches_half_a_step(
    kept_bits: int, word_bits: int
) -> None:
    size = RlweWordSize(word_bits, kept_bits)
    half_step = 2 ** (size.noise_bits - 1)
    assert size.residual_bound(size.most_uploads) <= half_step
    if size.most_uploads < MOST_KEYS:
        assert size.residual_bound(size.most_uploads + 1) > half_step


def test_words_travel_in_whole_bytes() -> None:
    assert RlweWordSize(16, 32).bytes_per_word == 4
    assert RlweWordSize(16, 40).bytes_per_word == 5


@pytest.mark.parametrize("word_bits", [29, 31, 32])
def test_a_word_without_room_for_one_upload_is_refused(word_bits: int) -> None:
    with pytest.raises(WordSizeError, match="the noise of one upload; lower word_bits"):
        RlweWordSize(word_bits, 32)


@pytest.mark.parametrize("word_bits", [1, 33])
def test_word_bits_that_are_not_on_offer_are_refused(word_bits: int) -> None:
    with pytest.raises(SettingsError, match=rf"word_bits is {word_bits}; choose 2 to 32$"):
        RlweWordSize(word_bits, 40)


def test_all_problems_are_named_at_once() -> None:
    with pytest.raises(SettingsError, match=r"word_bits is 0; .*kept_bits is 48; choose 32 or 40"):
        RlweWordSize(0, 48)


def test_figures_that_make_no_sense_are_refused() -> None:
    with pytest.raises(SettingsError, match="uploads is 0; choose at least 1"):
        plan_rlwe_words(uploads=0, kept_bits=40)
    with pytest.raises(SettingsError, match="kept_bits is 36; choose 32 or 40"):
        plan_rlwe_words(uploads=1, kept_bits=36)
    with pytest.raises(WordSizeError, match="lower uploads to at most 34,359,738,368"):
        plan_rlwe_words(uploads=MOST_KEYS + 1, kept_bits=40)
