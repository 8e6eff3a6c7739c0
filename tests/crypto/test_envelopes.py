from __future__ import annotations

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from fedmf.crypto import envelopes
from fedmf.crypto.derivation import MasterSecret
from fedmf.crypto.envelopes import (
    DEFAULT_SUITE,
    ENVELOPE_SUITES,
    EnvelopeKey,
    EnvelopePublicKey,
)
from fedmf.crypto.secret_material import KeyRandomness
from fedmf.errors import KeyMaterialError, OpenError, SettingsError, UnknownNameError

SECRET = bytes(range(32))
PRIME = 2**255 - 19
HYBRID = "mlkem768-x25519"
PUBLIC_BYTES = {"x25519": 32, HYBRID: 1216}
OVERHEAD = {"x25519": 48, HYBRID: 1136}

both = pytest.mark.parametrize("suite", ENVELOPE_SUITES)


def curve_point(u: int) -> bytes:
    return u.to_bytes(32, "little")


def order_8() -> list[int]:
    """Return the u whose double is 1 on y^2 = x^3 + 486662 x^2 + x, which has order 4.

    The doubling formula (RFC 7748, section 5) makes that (u^2 - 1)^2 = 4 u (u^2 + 486662 u + 1).
    Divided by u^2, with s = u + 1/u, it is s^2 - 4 s - 4 (486662 + 1) = 0.
    """

    def roots(linear: int, constant: int) -> list[int]:
        """Solve x^2 - linear x + constant = 0."""
        quarter = (linear * pow(2, -1, PRIME)) % PRIME
        square = (quarter * quarter - constant) % PRIME
        root = pow(square, (PRIME + 3) // 8, PRIME)
        if root * root % PRIME != square:
            root = root * pow(2, (PRIME - 1) // 4, PRIME) % PRIME
        if root * root % PRIME != square:
            return []
        return [(quarter + root) % PRIME, (quarter - root) % PRIME]

    return [u for s in roots(4, -4 * 486663) for u in roots(s, 1)]


@both
def test_an_envelope_opens_under_its_key_label_and_context(suite: str) -> None:
    key = EnvelopeKey(SECRET, suite=suite)
    envelope = EnvelopePublicKey(key.public, suite=suite).seal(b"seeds", "shares", b"cx", b"3")
    assert key.open(envelope, "shares", b"cx", b"3") == b"seeds"
    assert len(envelope) == len(b"seeds") + OVERHEAD[suite]


@both
def test_no_two_envelopes_are_alike(suite: str) -> None:
    public = EnvelopePublicKey(EnvelopeKey(SECRET, suite=suite).public, suite=suite)
    assert public.seal(b"seeds", "shares") != public.seal(b"seeds", "shares")


@both
@pytest.mark.parametrize(
    ("label", "context"),
    [
        ("answer", (b"cx", b"3")),
        ("shares", (b"cx", b"4")),
        ("shares", (b"cx3",)),
        ("shares", (b"c", b"x3")),
        ("shares", ()),
    ],
    ids=["relabelled", "another member", "parts run together", "cut differently", "no context"],
)
def test_an_envelope_opens_nowhere_else(suite: str, label: str, context: tuple[bytes, ...]) -> None:
    key = EnvelopeKey(SECRET, suite=suite)
    envelope = EnvelopePublicKey(key.public, suite=suite).seal(b"seeds", "shares", b"cx", b"3")
    with pytest.raises(OpenError, match="sealed for another key or another place"):
        key.open(envelope, label, *context)


@both
def test_an_envelope_opens_under_no_other_key(suite: str) -> None:
    envelope = EnvelopePublicKey(EnvelopeKey(SECRET, suite=suite).public, suite=suite).seal(b"", "")
    with pytest.raises(OpenError, match="sealed for another key"):
        EnvelopeKey.fresh(suite).open(envelope, "")


@both
def test_every_damage_gets_the_same_sentence(suite: str) -> None:
    key = EnvelopeKey(SECRET, suite=suite)
    envelope = EnvelopePublicKey(key.public, suite=suite).seal(b"seeds", "shares")
    head = OVERHEAD[suite] - 16
    flipped = [
        envelope[:place] + bytes([envelope[place] ^ 1]) + envelope[place + 1 :]
        for place in (0, head - 1, head, len(envelope) - 1)
    ]
    cut = [b"", envelope[:31], envelope[:head], envelope[:-1], envelope + b"\0"]
    # An encapsulated key that everybody shares the secret zero with.
    worthless = [envelope[: head - 32] + curve_point(u) + envelope[head:] for u in (0, 1)]
    texts = set()
    for damaged in (*flipped, *cut, *worthless):
        with pytest.raises(OpenError) as caught:
            key.open(damaged, "shares")
        texts.add(str(caught.value))
    assert texts == {envelopes.DOES_NOT_OPEN}


@both
def test_an_envelope_of_another_suite_does_not_open(suite: str) -> None:
    (other,) = set(ENVELOPE_SUITES) - {suite}
    public = EnvelopePublicKey(EnvelopeKey(SECRET, suite=other).public, suite=other)
    with pytest.raises(OpenError):
        EnvelopeKey(SECRET, suite=suite).open(public.seal(b"seeds", "shares"), "shares")


@both
def test_bytes_give_the_same_key_back(suite: str) -> None:
    key = EnvelopeKey.fresh(suite)
    again = EnvelopeKey(key.to_bytes(), suite=suite)
    assert again.public == key.public
    envelope = EnvelopePublicKey(key.public, suite=suite).seal(b"seeds", "shares")
    assert again.open(envelope, "shares") == b"seeds"


@both
def test_derived_secrets_are_keys(suite: str) -> None:
    master = MasterSecret(SECRET)
    one, two = (EnvelopeKey(master.derive("envelope", part), suite=suite) for part in (b"1", b"2"))
    assert one.public != two.public
    assert len(one.public) == PUBLIC_BYTES[suite]


def test_fresh_keys_differ() -> None:
    keys = {EnvelopeKey.fresh().public, EnvelopeKey.fresh(randomness=KeyRandomness()).public}
    assert len(keys) == 2


def test_the_public_key_is_that_of_rfc_7748() -> None:
    # RFC 7748, 6.1, Alice.
    secret = bytes.fromhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
    public = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
    assert EnvelopeKey(secret).public.hex() == public


def test_the_public_key_is_that_of_x_wing() -> None:
    # draft-connolly-cfrg-xwing-kem-09, appendix C, first vector: the first 32 bytes are of
    # ML-KEM-768, the last 32 of X25519.
    secret = bytes.fromhex("7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26")
    public = EnvelopeKey(secret, suite=HYBRID).public
    start = "e2236b35a8c24b39b10aa1323a96a919a2ced88400633a7b07131713fc14b2b5"
    end = "859edb06eff389b27dce59844570216223593d4ba32d9abac8cd049040ef6534"
    assert (public[:32].hex(), public[-32:].hex()) == (start, end)


@both
@pytest.mark.parametrize("excess", [-1, 1])
def test_public_keys_of_another_length_are_refused(suite: str, excess: int) -> None:
    length = PUBLIC_BYTES[suite] + excess
    with pytest.raises(KeyMaterialError, match=f"{suite} has .* bytes, this one {length:,}$"):
        EnvelopePublicKey(bytes(length), suite=suite)


@both
@pytest.mark.parametrize("topmost_bit", [0, 1])
@pytest.mark.parametrize("u", [0, 1, *order_8(), PRIME - 1, PRIME, PRIME + 1])
def test_keys_for_which_everybody_can_open_are_refused(
    suite: str, u: int, topmost_bit: int
) -> None:
    curve = curve_point(u + (topmost_bit << 255))
    public = EnvelopeKey(SECRET, suite=suite).public[:-32] + curve
    with pytest.raises(KeyMaterialError, match="does not keep anything secret"):
        EnvelopePublicKey(public, suite=suite)
    # So says the library, but not before something is sealed.
    with pytest.raises(ValueError, match="Error computing shared key"):
        X25519PrivateKey.generate().exchange(X25519PublicKey.from_public_bytes(curve))


def test_the_points_of_order_8_have_two_coordinates() -> None:
    assert len(set(order_8())) == 2


def test_what_is_no_key_of_ml_kem_is_refused() -> None:
    # Coefficients of 4095 where the standard has a modulus of 3329 (FIPS 203, 7.2).
    public = b"\xff" * 1184 + EnvelopeKey(SECRET).public
    with pytest.raises(KeyMaterialError, match="does not keep anything secret"):
        EnvelopePublicKey(public, suite=HYBRID)


def test_an_unknown_suite_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'x25519'"):
        EnvelopeKey.fresh("x25519x")
    with pytest.raises(UnknownNameError, match="did you mean 'mlkem768-x25519'"):
        EnvelopePublicKey(bytes(32), suite="mlkem768")


def test_a_suite_that_openssl_lacks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Missing:
        @staticmethod
        def generate() -> None:
            raise UnsupportedAlgorithm("ML-KEM is not supported")

    monkeypatch.setattr(envelopes, "MLKEM768PrivateKey", Missing)
    envelopes._kind.cache_clear()
    with pytest.raises(SettingsError, match="lacks ML-KEM-768"):
        EnvelopeKey.fresh(HYBRID)
    assert EnvelopeKey.fresh(DEFAULT_SUITE).public
