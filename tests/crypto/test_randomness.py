from __future__ import annotations

import os

import numpy as np
import pytest

from fedmf.crypto.secret_material import KeyRandomness, key_randomness
from fedmf.errors import KeyMaterialError

DEVICE_KEY = bytes(range(32))


@pytest.fixture
def stuck_operating_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "urandom", bytes)


def test_answers_differ_and_have_the_length_asked_for() -> None:
    source = KeyRandomness()
    answers = [source.bytes(size) for size in (0, 1, 32, 32, 500)]
    assert [len(answer) for answer in answers] == [0, 1, 32, 32, 500]
    assert answers[2] != answers[3]


def test_two_devices_with_the_same_key_get_different_answers() -> None:
    answers = {KeyRandomness(DEVICE_KEY).bytes(32, b"message") for _ in range(2)}
    assert len(answers) == 2


@pytest.mark.usefixtures("stuck_operating_system")
class TestStuckOperatingSystem:
    def test_one_message_under_one_device_key_repeats(self) -> None:
        # Without this the tests below would not test the hedge.
        answers = {KeyRandomness(DEVICE_KEY).bytes(32, b"message") for _ in range(2)}
        assert len(answers) == 1

    def test_messages_still_get_different_answers(self) -> None:
        answers = {KeyRandomness(DEVICE_KEY).bytes(32, bytes([m])) for m in range(10)}
        assert len(answers) == 10

    def test_messages_that_differ_in_length_or_one_bit_alone_do_too(self) -> None:
        table = bytes(range(256)) * 1000
        messages = [bytes(length) for length in (0, 1, 15, 16, 17, 32)]
        messages += [table, table[:-1], table[:-1] + b"\xfe", b"\x01" + table[1:]]
        answers = {KeyRandomness(DEVICE_KEY).bytes(32, message) for message in messages}
        assert len(answers) == len(messages)

    def test_device_keys_still_get_different_answers(self) -> None:
        answers = {KeyRandomness(bytes([d]) * 32).bytes(32, b"message") for d in range(10)}
        assert len(answers) == 10

    def test_calls_still_get_different_answers(self) -> None:
        source = KeyRandomness(DEVICE_KEY)
        assert source.bytes(32, b"message") != source.bytes(32, b"message")


def test_integers_reach_both_ends_of_their_range() -> None:
    source = KeyRandomness()
    assert {source.integer(3) for _ in range(400)} == set(range(8))
    assert source.integer(0) == 0
    assert max(source.integer(12) for _ in range(200)) < 4096


def test_integers_below_a_bound_are_uniform() -> None:
    source = KeyRandomness()
    counts = np.bincount([source.below(5) for _ in range(5000)], minlength=5)
    # Chi-square with 4 degrees of freedom exceeds 40 with a probability of 4e-8; reduction modulo 5
    # of 3-bit integers, the obvious mistake, would give about 310.
    assert len(counts) == 5
    assert ((counts - 1000) ** 2 / 1000).sum() < 40


def test_the_only_integer_below_one_is_zero() -> None:
    assert KeyRandomness().below(1) == 0


@pytest.mark.parametrize("bound", [0, -3])
def test_bounds_are_positive(bound: int) -> None:
    with pytest.raises(ValueError, match="no integer"):
        KeyRandomness().below(bound)


def test_short_device_keys_are_refused() -> None:
    with pytest.raises(KeyMaterialError, match="at least 32 bytes, this one 31"):
        KeyRandomness(bytes(31))


@pytest.mark.parametrize("wrong", ["a" * 32, np.random.default_rng(0)])
def test_device_keys_are_bytes(wrong: object) -> None:
    with pytest.raises(TypeError, match="a device key is bytes"):
        KeyRandomness(wrong)  # type: ignore[arg-type]


def test_a_numpy_generator_is_never_a_source_of_keys() -> None:
    with pytest.raises(TypeError, match=r"never from a seeded generator such as numpy.*Generator"):
        key_randomness(np.random.default_rng(0))  # type: ignore[arg-type]


def test_a_source_is_kept_and_a_missing_one_is_made() -> None:
    source = KeyRandomness()
    assert key_randomness(source) is source
    assert isinstance(key_randomness(None), KeyRandomness)
