from __future__ import annotations

import pickle

import pytest
from gmpy2 import mpz

from fedmf.crypto.paillier import PrivateKey, PublicKey
from fedmf.errors import FixedPointRangeError, KeyMaterialError, MessageError


def test_sizes_follow_from_the_modulus(key: PrivateKey) -> None:
    public = key.public
    assert public.key_bits == 1024
    assert public.ciphertext_bytes == 256
    assert public.n_squared == public.n**2
    assert public.largest_plaintext == (public.n - 1) // 2


@pytest.mark.parametrize("key_bits", [1024, 2048, 3072])
def test_odd_moduli_of_the_three_sizes_are_accepted(key_bits: int) -> None:
    assert PublicKey(2**key_bits - 1).ciphertext_bytes == key_bits // 4


@pytest.mark.parametrize(
    "n", [0, -(2**1024 - 1), 2**1024 - 2, 2**1023 - 1, 2**1024 + 1, 2**1536 - 1]
)
def test_other_moduli_are_refused(n: int) -> None:
    with pytest.raises(KeyMaterialError, match="odd number of 3072, 2048, 1024 bits"):
        PublicKey(mpz(n))


def test_a_modulus_is_an_integer() -> None:
    with pytest.raises(TypeError, match="n is an integer, not str"):
        PublicKey("15")


def test_fingerprints_tell_keys_apart(key: PrivateKey, other_key: PrivateKey) -> None:
    assert len(key.public.fingerprint()) == 32
    assert key.public.fingerprint() == PublicKey(key.public.n).fingerprint()
    assert key.public.fingerprint() != other_key.public.fingerprint()


def test_a_fingerprint_is_the_labelled_sha256_of_the_modulus() -> None:
    # Computed with coreutils: sha256sum over the label and 128 bytes of 0xff.
    expected = "00794e6af6da506a82bad0315a77b3171d22cadc268b593b2acd845790f57184"
    assert PublicKey(2**1024 - 1).fingerprint().hex() == expected


def test_public_keys_are_values(key: PrivateKey) -> None:
    same = PublicKey(int(key.public.n))
    assert same == key.public
    assert hash(same) == hash(key.public)
    assert pickle.loads(pickle.dumps(key.public)) == key.public  # noqa: S301
    assert repr(key.public) == f"<PublicKey of 1024 bits, {key.public.fingerprint().hex()[:16]}>"


def test_trivial_ciphertexts_open_and_add_like_others(key: PrivateKey) -> None:
    for value in (0, 1, -1, key.public.largest_plaintext, -key.public.largest_plaintext):
        assert key.decrypt(key.public.trivial(mpz(value))) == value
    mixed = key.public.add(key.public.trivial(mpz(-40)), key.encrypt(mpz(42)))
    assert key.decrypt(mixed) == 2


def test_trivial_ciphertexts_are_readable_by_anybody(key: PrivateKey) -> None:
    assert key.public.trivial(mpz(42)) == 1 + 42 * key.public.n


@pytest.mark.parametrize("sign", [1, -1])
def test_plaintexts_too_large_for_the_key_are_refused_unseen(sign: int, key: PrivateKey) -> None:
    plaintext = sign * (key.public.largest_plaintext + 1)
    for encode in (key.public.trivial, key.encrypt):
        with pytest.raises(FixedPointRangeError, match=r"of 102[34] bits does not fit") as refusal:
            encode(plaintext)
        assert str(abs(plaintext))[:20] not in str(refusal.value)


def test_plaintexts_are_integers(key: PrivateKey) -> None:
    for encode in (key.public.trivial, key.encrypt):
        with pytest.raises(TypeError, match="a plaintext is an integer, not float"):
            encode(1.5)


def test_good_ciphertexts_pass_the_check(key: PrivateKey) -> None:
    key.public.check([])
    key.public.check(key.encrypt(mpz(value)) for value in range(3))
    key.public.check([mpz(1), key.public.n_squared - 1])


@pytest.mark.parametrize("name", ["0", "-1", "n^2", "n^2 + 1"])
def test_ciphertexts_out_of_range_are_refused(name: str, key: PrivateKey) -> None:
    square = key.public.n_squared
    bad = {"0": mpz(0), "-1": mpz(-1), "n^2": square, "n^2 + 1": square + 1}[name]
    with pytest.raises(MessageError, match=r"ciphertext 1 of 3 does not lie between 0 and n\^2"):
        key.public.check([mpz(1), bad, mpz(1)])
    with pytest.raises(MessageError, match="does not lie"):
        key.decrypt(bad)


@pytest.mark.parametrize("factor", ["p", "q", "n"])
def test_ciphertexts_that_share_a_factor_with_n_are_refused(factor: str, key: PrivateKey) -> None:
    numbers = key.numbers
    bad = 6 * {"p": numbers.p, "q": numbers.q, "n": numbers.n}[factor]
    good = key.encrypt(mpz(5))
    with pytest.raises(MessageError, match="ciphertext 2 of 4 shares a factor with n"):
        key.public.check([good, good, bad, good])
    with pytest.raises(MessageError, match="shares a factor"):
        key.decrypt(bad)


def test_ciphertexts_survive_the_way_through_bytes(key: PrivateKey) -> None:
    ciphertexts = [mpz(1), key.encrypt(mpz(-7)), key.public.n_squared - 1]
    data = key.public.to_bytes(ciphertexts)
    assert len(data) == 3 * 256
    assert data[:256] == bytes(255) + b"\x01"
    assert key.public.from_bytes(data, 3) == ciphertexts
    assert key.public.from_bytes(b"", 0) == []


@pytest.mark.parametrize("size", [0, 255, 257, 511, 513, 768])
def test_messages_of_another_size_are_refused(size: int, key: PrivateKey) -> None:
    with pytest.raises(MessageError, match=rf"2 ciphertexts of 256 bytes .* has {size}$"):
        key.public.from_bytes(bytes(size), 2)
