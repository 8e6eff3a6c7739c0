"""Signatures: Ed25519 (RFC 8032) over a label and parts."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from fedmf.crypto.derivation import labelled, labelled_hash
from fedmf.crypto.secret_material import KeyRandomness, SecretMaterial, check_secret, key_randomness
from fedmf.errors import KeyMaterialError, MessageError

SIGNING_KEY_BYTES = 32
PUBLIC_KEY_BYTES = 32
SIGNATURE_BYTES = 64

# Points are written as their y coordinate modulo this prime, and a sign in the topmost bit.
_PRIME = 2**255 - 19
_Y_BITS = 2**255 - 1
_Y_OF_ORDER_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
# The eight points of an order that divides 8. Under such a key one signature fits many messages.
_LOW_ORDER_Y = frozenset({0, 1, _PRIME - 1, _Y_OF_ORDER_8, _PRIME - _Y_OF_ORDER_8})


class SigningKey(SecretMaterial):
    """A key that signs: 32 secret bytes.

    Raises
    ------
    KeyMaterialError
        If the secret has another length.
    TypeError
        If the secret is not bytes.
    """

    __slots__ = ("_key", "_secret", "public")

    def __init__(self, secret: bytes) -> None:
        check_secret(secret, "a signing key", SIGNING_KEY_BYTES)
        self._secret = secret
        self._key = Ed25519PrivateKey.from_private_bytes(secret)
        self.public = self._key.public_key().public_bytes_raw()
        """The public key that belongs to it, 32 bytes."""

    @classmethod
    def fresh(cls, randomness: KeyRandomness | None = None) -> SigningKey:
        """Return a new key; from fresh randomness unless some is given."""
        return cls(key_randomness(randomness).bytes(SIGNING_KEY_BYTES))

    def sign(self, label: str, *parts: bytes | memoryview) -> bytes:
        """Return a signature, 64 bytes, over a label and parts; see `labelled`.

        Large parts are better hashed before: signing reads them twice.
        """
        return self._key.sign(labelled(label, *parts))

    def randomness(self) -> KeyRandomness:
        """Return a new source, hedged with a secret that lasts as long as this key.

        So a machine whose randomness fails after the key was made is no worse off for a restart.
        """
        return KeyRandomness(labelled_hash("device", self._secret))

    def to_bytes(self) -> bytes:
        """Return the secret itself."""
        return self._secret


def check_signature(
    public: bytes, signature: bytes, label: str, *parts: bytes | memoryview
) -> None:
    """Return if this key signed this label with these parts.

    Raises
    ------
    KeyMaterialError
        If the public key is none; see `check_public_signature_key`.
    MessageError
        If the signature is anything else.
    """
    key = _public_key(public)
    try:
        key.verify(signature, labelled(label, *parts))
    except InvalidSignature:
        raise MessageError(
            f"the signature of a {label!r} does not fit: another key made it, or what it signs was "
            "changed on the way"
        ) from None


def check_public_signature_key(public: bytes) -> None:
    """Return if these bytes can be taken for somebody's public signature key.

    What is not a point of the curve passes, and no signature ever fits it.

    Raises
    ------
    KeyMaterialError
        If they are not 32 bytes, are a second spelling of another key, or a key of low order, under
        which anybody can sign.
    """
    _public_key(public)


def _public_key(public: bytes) -> Ed25519PublicKey:
    if len(public) != PUBLIC_KEY_BYTES:
        raise KeyMaterialError(
            f"a public signature key has {PUBLIC_KEY_BYTES} bytes, this one {len(public)}"
        )
    y = int.from_bytes(public, "little") & _Y_BITS
    if y >= _PRIME or y in _LOW_ORDER_Y:
        raise KeyMaterialError(
            "this public signature key is one that anybody can sign under, or not written as the "
            "standard says; its owner has to make a new one"
        )
    return Ed25519PublicKey.from_public_bytes(public)
