from __future__ import annotations

import math

import numpy as np

from fedmf.crypto.keystream import Keystream
from fedmf.crypto.rlwe_noise import LARGEST_NOISE, NOISE_VARIANCE, centred_binomial

COUNT = 2**20


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
