from __future__ import annotations

import numpy as np
import pytest

from fedmf.crypto.derivation import Keystream

# NIST SP 800-38A, F.5.5 (CTR-AES256.Encrypt): key, initial counter, and the first two output blocks
# as plaintext XOR ciphertext.
NIST_KEY = bytes.fromhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
NIST_COUNTER = int("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff", 16)
NIST_PLAINTEXT = bytes.fromhex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51")
NIST_CIPHERTEXT = bytes.fromhex("601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5")


def test_the_stream_is_that_of_nist_sp_800_38a() -> None:
    stream = Keystream(NIST_KEY, skipped=16 * NIST_COUNTER).take(32).tobytes()
    assert stream == bytes(a ^ b for a, b in zip(NIST_PLAINTEXT, NIST_CIPHERTEXT, strict=True))


def test_a_stream_goes_on_where_the_last_take_ended() -> None:
    stream = Keystream(NIST_KEY)
    pieces = b"".join(stream.take(length).tobytes() for length in (5, 0, 27, 100))
    assert pieces == Keystream(NIST_KEY).take(132).tobytes()


@pytest.mark.parametrize("length", [0, 1, 2**17 - 1, 2**17, 2**17 + 1, 300_000])
def test_what_is_filled_is_what_is_taken(length: int) -> None:
    space = np.full(length + 5, 7, dtype=np.uint8)
    Keystream(NIST_KEY).fill(space[:length])
    np.testing.assert_array_equal(space[:length], Keystream(NIST_KEY).take(length))
    assert (space[length:] == 7).all()


def test_a_stream_starts_at_any_step_of_the_counter() -> None:
    whole = Keystream(NIST_KEY).take(200).tobytes()
    assert Keystream(NIST_KEY, skipped=48).take(152).tobytes() == whole[48:]


@pytest.mark.parametrize("skipped", [-16, 8])
def test_a_place_between_steps_of_the_counter_is_refused(skipped: int) -> None:
    with pytest.raises(ValueError, match=f"a multiple of 16, not {skipped}"):
        Keystream(NIST_KEY, skipped=skipped)
