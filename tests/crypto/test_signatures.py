from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from fedmf.crypto.derivation import labelled
from fedmf.crypto.secret_material import KeyRandomness
from fedmf.crypto.signatures import (
    PUBLIC_KEY_BYTES,
    SIGNATURE_BYTES,
    SigningKey,
    check_public_signature_key,
    check_signature,
)
from fedmf.errors import KeyMaterialError, MessageError

KEY = SigningKey(bytes(range(32)))
OTHER = SigningKey(bytes(range(1, 33)))

PRIME = 2**255 - 19
# RFC 8032, 5.1: the base point's y is 4/5; the curve is -x^2 + y^2 = 1 + D x^2 y^2.
D = -121665 * pow(121666, -1, PRIME) % PRIME


def square_root(square: int) -> int | None:
    """Return a square root modulo 2^255 - 19 (RFC 8032, 5.1.3)."""
    root = pow(square, (PRIME + 3) // 8, PRIME)
    if root * root % PRIME != square % PRIME:
        root = root * pow(2, (PRIME - 1) // 4, PRIME) % PRIME
    return root if root * root % PRIME == square % PRIME else None


def order_8() -> list[int]:
    """Return the y of the points whose double has y = 0: D y^4 + 2 y^2 = 1."""
    root = square_root(1 + D)
    assert root is not None
    ys = [square_root((sign * root - 1) * pow(D, -1, PRIME)) for sign in (1, -1)]
    return [value for y in ys if y is not None for value in (y, PRIME - y)]


LOW_ORDER = [0, 1, PRIME - 1, *order_8()]


def test_the_public_key_is_that_of_rfc_8032() -> None:
    # RFC 8032, 7.1, test 1.
    secret = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert SigningKey(secret).public.hex() == public


def test_a_signature_is_that_of_the_labelled_parts() -> None:
    signature = KEY.sign("head", b"one", b"two")
    assert len(signature) == SIGNATURE_BYTES
    public = Ed25519PublicKey.from_public_bytes(KEY.public)
    public.verify(signature, labelled("head", b"one", b"two"))


def test_what_was_signed_is_accepted() -> None:
    check_signature(KEY.public, KEY.sign("head", b"one", b"two"), "head", b"one", b"two")


@pytest.mark.parametrize(
    ("label", "parts"),
    [
        ("body", (b"one", b"two")),
        ("head", (b"one", b"twO")),
        ("head", (b"onet", b"wo")),
        ("head", (b"one",)),
        ("head", (b"one", b"two", b"")),
    ],
    ids=["another label", "another part", "cut differently", "a part less", "a part more"],
)
def test_a_signature_fits_nothing_else(label: str, parts: tuple[bytes, ...]) -> None:
    signature = KEY.sign("head", b"one", b"two")
    with pytest.raises(MessageError, match=f"the signature of a '{label}' does not fit"):
        check_signature(KEY.public, signature, label, *parts)


def test_a_signature_of_somebody_else_is_refused() -> None:
    with pytest.raises(MessageError, match="does not fit"):
        check_signature(KEY.public, OTHER.sign("head", b"one"), "head", b"one")


@pytest.mark.parametrize("bit", [0, 255, 256, 511])
def test_a_signature_with_another_bit_is_refused(bit: int) -> None:
    changed = bytearray(KEY.sign("head", b"one"))
    changed[bit // 8] ^= 1 << (bit % 8)
    with pytest.raises(MessageError, match="does not fit"):
        check_signature(KEY.public, bytes(changed), "head", b"one")


@pytest.mark.parametrize("length", [0, 63, 65])
def test_a_signature_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(MessageError, match="does not fit"):
        check_signature(KEY.public, bytes(length), "head", b"one")


@pytest.mark.parametrize("length", [0, 31, 33])
def test_public_keys_of_another_length_are_refused(length: int) -> None:
    with pytest.raises(KeyMaterialError, match=f"has 32 bytes, this one {length}$"):
        check_public_signature_key(bytes(length))


@pytest.mark.parametrize("sign", [0, 1])
@pytest.mark.parametrize("y", [*LOW_ORDER, PRIME, PRIME + 1, PRIME + 18])
def test_keys_that_anybody_can_sign_under_are_refused(y: int, sign: int) -> None:
    public = (y + (sign << 255)).to_bytes(32, "little")
    with pytest.raises(KeyMaterialError, match="anybody can sign"):
        check_public_signature_key(public)
    with pytest.raises(KeyMaterialError, match="anybody can sign"):
        check_signature(public, bytes(SIGNATURE_BYTES), "head", b"one")


def test_without_that_check_a_signature_would_fit_whatever_is_signed() -> None:
    identity = (1).to_bytes(32, "little")
    # R is the neutral element and s is zero: nobody needs a secret for that.
    signature = identity + bytes(32)
    public = Ed25519PublicKey.from_public_bytes(identity)
    for message in (b"one", b"two"):
        public.verify(signature, labelled("head", message))
        with pytest.raises(KeyMaterialError, match="anybody can sign"):
            check_signature(identity, signature, "head", message)


def test_there_are_five_such_coordinates() -> None:
    # 1: order 1. -1: order 2. 0: order 4, twice. The others: order 8, twice each.
    assert len(set(LOW_ORDER)) == 5


def test_good_public_keys_pass() -> None:
    for _ in range(20):
        public = SigningKey.fresh().public
        assert len(public) == PUBLIC_KEY_BYTES
        check_public_signature_key(public)


def test_bytes_give_the_same_key_back() -> None:
    again = SigningKey(KEY.to_bytes())
    assert again.public == KEY.public
    assert again.sign("head", b"one") == KEY.sign("head", b"one")


def test_fresh_keys_differ() -> None:
    keys = {SigningKey.fresh().public, SigningKey.fresh(KeyRandomness()).public}
    assert len(keys | {KEY.public}) == 3


def test_randomness_of_a_key_differs_by_key_where_the_system_repeats_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without a secret that was made before, a machine that starts with bad bytes has no other."""
    monkeypatch.setattr("os.urandom", bytes)
    made = [SigningKey(bytes([one] * 32)).randomness().bytes(32, b"message") for one in (1, 1, 2)]
    assert made[0] == made[1] != made[2]
    assert KeyRandomness().bytes(32) == KeyRandomness().bytes(32)
