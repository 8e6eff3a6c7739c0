from __future__ import annotations

import hashlib
import math
import os
from typing import Any

import gmpy2
import numpy as np
import pytest
from gmpy2 import mpz
from hypothesis import given
from hypothesis import strategies as st

from fedmf.crypto.packing import SlotPacking, slots_for
from fedmf.crypto.paillier import PrivateKey
from fedmf.crypto.paillier_numbers import PrivateNumbers, WeakKeyWarning
from fedmf.crypto.secret_material import KeyRandomness
from fedmf.errors import FixedPointRangeError, KeyMaterialError, OpenError

PACKING = SlotPacking(32, slots_for(1024, 32))


class KnownRandomness(KeyRandomness):
    """Gives known bytes, and remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[int, bytes]] = []

    def bytes(self, length: int, message: Any = b"") -> Any:
        self.asked.append((length, message))
        return (b"\x00\xff\x80\x07" * length)[:length]


def size(plaintext: int) -> str:
    """Name a test without writing hundreds of digits."""
    return f"{'minus ' if plaintext < 0 else ''}{plaintext.bit_length()} bits"


def textbook_decrypt(ciphertext: int, p: int, q: int) -> int:
    """Paillier 1999, section 4, with g = n + 1: no CRT, no gmpy2."""
    n = p * q
    group_order = math.lcm(p - 1, q - 1)

    def logarithm(u: int) -> int:
        quotient, remainder = divmod(u - 1, n)
        assert remainder == 0
        return quotient

    scale = pow(logarithm(pow(n + 1, group_order, n * n)), -1, n)
    return logarithm(pow(ciphertext, group_order, n * n)) * scale % n


def textbook_encrypt(plaintext: int, h: int, exponent: int, n: int) -> int:
    """Damgard, Jurik and Nielsen 2010, section 4.2, for s = 1: no CRT, no table, no gmpy2."""
    square = n * n
    return pow(n + 1, plaintext, square) * pow(pow(h, n, square), exponent, square) % square


def signed_values(key_bits: int = 1024) -> st.SearchStrategy[int]:
    return st.integers(-(2 ** (key_bits - 2)) + 1, 2 ** (key_bits - 2) - 1)


@pytest.mark.parametrize("plaintext", [0, 1, -1, 12345, -(2**1000) + 17], ids=size)
def test_textbook_paillier_opens_our_ciphertexts(plaintext: int, key: PrivateKey) -> None:
    numbers = key.numbers
    opened = textbook_decrypt(int(key.encrypt(mpz(plaintext))), int(numbers.p), int(numbers.q))
    assert opened == plaintext % numbers.n


@pytest.mark.parametrize("plaintext", [0, 1, -1, 12345, -(2**1000) + 17], ids=size)
def test_we_open_textbook_ciphertexts(plaintext: int, key: PrivateKey) -> None:
    n = int(key.public.n)
    randomiser = 3**600 + 2
    ciphertext = pow(n + 1, plaintext, n * n) * pow(randomiser, n, n * n) % (n * n)
    assert key.decrypt(mpz(ciphertext)) == plaintext


@pytest.mark.parametrize("plaintext", [0, 7, -(2**900)], ids=size)
def test_encryption_is_that_of_damgard_jurik_and_nielsen(plaintext: int, key: PrivateKey) -> None:
    known = KnownRandomness()
    ours = PrivateKey(key.numbers, randomness=known)
    ciphertext = ours.encrypt(mpz(plaintext))
    [(length, message)] = known.asked
    assert length == 64
    assert message == gmpy2.to_binary(mpz(plaintext))
    exponent = int.from_bytes((b"\x00\xff\x80\x07" * 64)[:64], "little")
    expected = textbook_encrypt(plaintext, int(key.numbers.h), exponent, int(key.public.n))
    assert ciphertext == expected
    assert ours.decrypt(ciphertext) == plaintext


@given(data=st.data())
def test_decryption_undoes_encryption(key: PrivateKey, data: st.DataObject) -> None:
    plaintext = data.draw(signed_values())
    assert key.decrypt(key.encrypt(mpz(plaintext))) == plaintext


def test_many_plaintexts_keep_their_order(key: PrivateKey) -> None:
    plaintexts = [mpz(value) for value in (3, -1, 0, 2**900, 3)]
    ciphertexts = key.encrypt_all(iter(plaintexts))
    assert [key.decrypt(ciphertext) for ciphertext in ciphertexts] == plaintexts
    assert len(set(ciphertexts)) == len(plaintexts)
    assert key.encrypt_all([]) == []


def test_one_plaintext_out_of_range_stops_all(key: PrivateKey) -> None:
    known = KnownRandomness()
    ours = PrivateKey(key.numbers, randomness=known)
    with pytest.raises(FixedPointRangeError):
        ours.encrypt_all([mpz(1), ours.public.n, mpz(2)])
    assert known.asked == []


def test_the_largest_plaintexts_survive(key: PrivateKey) -> None:
    largest = key.public.largest_plaintext
    for plaintext in (largest, -largest, largest - 1, 1 - largest):
        assert key.decrypt(key.encrypt(plaintext)) == plaintext


def test_sums_beyond_half_of_n_wrap(key: PrivateKey) -> None:
    largest = key.public.largest_plaintext
    assert key.decrypt(key.public.add(key.encrypt(largest), key.encrypt(mpz(1)))) == -largest


@given(data=st.data())
def test_adding_ciphertexts_adds_plaintexts(key: PrivateKey, data: st.DataObject) -> None:
    values = data.draw(st.lists(signed_values(1016), min_size=1, max_size=20))
    total = key.public.trivial(mpz(0))
    for value in values:
        total = key.public.add(total, key.encrypt(mpz(value)))
    key.public.check([total])
    assert key.decrypt(total) == sum(values)


def test_packed_tables_add_slot_by_slot(key: PrivateKey) -> None:
    tables = np.random.default_rng(1).integers(-(2**26), 2**26, (30, PACKING.slots))
    total = key.public.trivial(mpz(0))
    for table in tables:
        total = key.public.add(total, key.encrypt(PACKING.pack(table)))
    opened = PACKING.unpack(key.decrypt(total), PACKING.slots)
    np.testing.assert_array_equal(opened, tables.sum(axis=0))


def test_extreme_slots_survive_encryption(key: PrivateKey) -> None:
    low, high = -(2**31), 2**31 - 1
    for pattern in ([low] * 31, [high] * 31, [low, high] * 15 + [low]):
        packed = PACKING.pack(np.array(pattern))
        assert PACKING.unpack(key.decrypt(key.encrypt(packed)), 31).tolist() == pattern


def test_the_headroom_betrays_a_wrong_key(key: PrivateKey, other_key: PrivateKey) -> None:
    ciphertext = key.encrypt(PACKING.pack(np.arange(PACKING.slots)))
    with pytest.raises(OpenError, match="key is wrong or the data was damaged"):
        PACKING.unpack(other_key.decrypt(ciphertext), PACKING.slots)


@pytest.mark.parametrize("bit", [0, 1, 7, 500, 1023, 1024, 1500, 2000])
def test_the_headroom_betrays_a_flipped_bit(bit: int, key: PrivateKey) -> None:
    ciphertext = key.encrypt(PACKING.pack(np.arange(PACKING.slots)))
    damaged = ciphertext ^ (mpz(1) << bit)
    # The highest bits could leave the range of ciphertexts, which is another test.
    assert damaged < key.public.n_squared
    with pytest.raises(OpenError, match="key is wrong or the data was damaged"):
        PACKING.unpack(key.decrypt(damaged), PACKING.slots)


def test_two_encryptions_of_one_message_differ(key: PrivateKey) -> None:
    assert len({key.encrypt(mpz(5)) for _ in range(20)}) == 20


def randomiser(key: PrivateKey, plaintext: int) -> mpz:
    """Encrypt and divide the message out again."""
    return key.encrypt(mpz(plaintext)) * key.public.trivial(mpz(-plaintext)) % key.public.n_squared


def test_a_stuck_operating_system_does_not_repeat_randomisers(
    key: PrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "urandom", bytes)

    def restored() -> PrivateKey:
        # A restored snapshot: the device key and the count of calls are what they were.
        return PrivateKey(key.numbers, randomness=KeyRandomness(bytes(32)))

    assert randomiser(restored(), 5) == randomiser(restored(), 5)
    assert len({randomiser(restored(), plaintext) for plaintext in range(-4, 4)}) == 8


def test_randomisers_fill_the_whole_group_of_their_generator(key: PrivateKey) -> None:
    # h is no square modulo p or q, and the parity of the exponent decides about its power.
    characters = {
        (gmpy2.legendre(value, key.numbers.p), gmpy2.legendre(value, key.numbers.q))
        for value in (randomiser(key, 1) for _ in range(64))
    }
    assert characters == {(1, 1), (-1, -1)}


def test_numpy_generators_are_refused() -> None:
    with pytest.raises(TypeError, match="never from a seeded generator"):
        PrivateKey.generate(2048, np.random.default_rng(0))  # type: ignore[arg-type]


def test_generating_weak_keys_takes_an_explicit_word() -> None:
    with pytest.raises(KeyMaterialError, match="80 bits of security"):
        PrivateKey.generate(1024)


def test_new_keys_have_3072_bits_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def stop(key_bits: int, *_: object, **__: object) -> None:
        asked.append(key_bits)
        raise KeyMaterialError("enough")

    monkeypatch.setattr("fedmf.crypto.paillier.PrivateNumbers.generate", stop)
    with pytest.raises(KeyMaterialError, match="enough"):
        PrivateKey.generate()
    assert asked == [3072]


@pytest.mark.parametrize("sign", [-1, 1])
def test_short_plaintexts_open_in_half_the_work_to_the_same(
    weak_key: PrivateKey, sign: int
) -> None:
    for bits in (1, 30, 200, 480):
        plaintext = mpz(sign * (2 ** (bits - 1) - 1))
        ciphertext = weak_key.encrypt(plaintext)
        assert weak_key.decrypt(ciphertext, value_bits=bits) == plaintext
        assert weak_key.decrypt(ciphertext) == plaintext


def test_plaintexts_that_are_longer_than_said_do_not_pass_for_short_ones(
    weak_key: PrivateKey,
) -> None:
    packing = SlotPacking(30, 16)
    for k in range(20):
        ciphertext = weak_key.encrypt(mpz(2) ** 900 + k)
        with pytest.raises(OpenError):
            packing.unpack(weak_key.decrypt(ciphertext, value_bits=480), 16)


def test_values_without_headroom_modulo_p_are_opened_in_full(weak_key: PrivateKey) -> None:
    half = weak_key.numbers.p.bit_length()
    plaintext = mpz(2) ** (half + 5)
    ciphertext = weak_key.encrypt(plaintext)
    assert weak_key.decrypt(ciphertext, value_bits=half - 31) == plaintext
    assert weak_key.decrypt(ciphertext, value_bits=half - 32) != plaintext


def test_holders_of_a_key_share_a_secret_that_hangs_on_its_primes_alone(
    weak_key: PrivateKey, other_weak_key: PrivateKey
) -> None:
    numbers = weak_key.numbers
    low, high = sorted((int(numbers.p), int(numbers.q)))
    hashed = hashlib.sha256(
        b"fedmf master secret of a paillier key v1\n"
        + low.to_bytes(64, "big")
        + high.to_bytes(64, "big")
    )
    with pytest.warns(WeakKeyWarning):
        turned = PrivateKey(PrivateNumbers(numbers.q, numbers.p, numbers.h, allow_weak=True))
    for key in (weak_key, turned):
        assert key.master_secret().to_bytes() == hashed.digest()
    assert other_weak_key.master_secret().to_bytes() != hashed.digest()
