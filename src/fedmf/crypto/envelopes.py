"""Envelopes: bytes that only the holder of one key can read, bound to where they belong.

Hybrid public key encryption (HPKE, RFC 9180, base mode) with HKDF-SHA256 and AES-256-GCM, in two
suites:

``x25519``
    Only elliptic curves.
``mlkem768-x25519``
    ML-KEM-768 and X25519 together (X-Wing, draft-connolly-cfrg-xwing-kem): secret as long as one of
    the two is, should quantum computers break the other. Envelopes are 1,088 bytes larger.

The label and the context of an envelope go into the key schedule of HPKE as its ``info``: under any
other label or context it does not open. Anybody can seal; who did it, a signature has to say.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from fedmf.crypto.derivation import labelled
from fedmf.crypto.secret_material import KeyRandomness, SecretMaterial, check_secret, key_randomness
from fedmf.errors import KeyMaterialError, OpenError, SettingsError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable

ENVELOPE_KEY_BYTES = 32
"""Size of the secret of an `EnvelopeKey`, in every suite."""

DEFAULT_SUITE = "x25519"

DOES_NOT_OPEN = (
    "an envelope does not open: it was sealed for another key or another place, or changed on the "
    "way"
)

_X25519_BYTES = 32
_MLKEM_SEED_BYTES = 64
_MLKEM_PUBLIC_BYTES = 1184

# Coordinates of the points of an order that divides 8, and second spellings of them. With any of
# them everybody shares the secret zero (RFC 7748, section 6.1).
_PRIME = 2**255 - 19
_COORDINATE_BITS = 2**255 - 1
_ORDER_8 = (
    0x00B8495F16056286FDB1329CEB8D09DA6AC49FF1FAE35616AEB8413B7C7AEBE0,
    0x57119FD0DD4E22D8868E1C58C45C44045BEF839C55B1D0B1248C50A3BC959C5F,
)
_LOW_ORDER = frozenset({0, 1, *_ORDER_8, _PRIME - 1, _PRIME, _PRIME + 1})


class EnvelopeKey(SecretMaterial):
    """A key that opens envelopes.

    Parameters
    ----------
    secret
        32 bytes: of `fresh`, of `to_bytes`, or derived from another secret.
    suite
        ``"x25519"`` or ``"mlkem768-x25519"``.

    Raises
    ------
    KeyMaterialError
        If the secret has another length.
    SettingsError
        If this build of OpenSSL lacks the suite.
    TypeError
        If the secret is not bytes.
    UnknownNameError
        If there is no such suite.
    """

    __slots__ = ("_key", "_secret", "_suite", "public")

    def __init__(self, secret: bytes, *, suite: str = DEFAULT_SUITE) -> None:
        kind = _kind(suite)
        check_secret(secret, "an envelope key", ENVELOPE_KEY_BYTES)
        self._secret = secret
        self._suite = kind.suite
        self._key, self.public = kind.from_secret(secret)
        """The public key that belongs to it: 32 bytes, or 1,216 of the hybrid suite."""

    @classmethod
    def fresh(
        cls, suite: str = DEFAULT_SUITE, randomness: KeyRandomness | None = None
    ) -> EnvelopeKey:
        """Return a new key; from fresh randomness unless some is given."""
        return cls(key_randomness(randomness).bytes(ENVELOPE_KEY_BYTES), suite=suite)

    def open(self, envelope: bytes, label: str, *context: bytes) -> bytes:
        """Return what `EnvelopePublicKey.seal` sealed under the same label and context.

        Raises
        ------
        OpenError
            If anything is not as it was when it was sealed. The sentence is always the same.
        """
        try:
            return self._suite.decrypt(envelope, self._key, info=labelled(label, *context))
        except (InvalidTag, ValueError):
            raise OpenError(DOES_NOT_OPEN) from None

    def to_bytes(self) -> bytes:
        """Return the secret itself."""
        return self._secret


class EnvelopePublicKey:
    """What seals envelopes for the holder of one key.

    Parameters
    ----------
    public
        The public key: 32 bytes, or 1,216 of the hybrid suite.
    suite
        ``"x25519"`` or ``"mlkem768-x25519"``.

    Raises
    ------
    KeyMaterialError
        If the bytes are no public key of this suite, or one for which everybody can open.
    SettingsError
        If this build of OpenSSL lacks the suite.
    UnknownNameError
        If there is no such suite.
    """

    __slots__ = ("_key", "_suite")

    def __init__(self, public: bytes, *, suite: str = DEFAULT_SUITE) -> None:
        kind = _kind(suite)
        if len(public) != kind.public_bytes:
            raise KeyMaterialError(
                f"a public envelope key of suite {suite} has {kind.public_bytes:,} bytes, this one "
                f"{len(public):,}"
            )
        coordinate = int.from_bytes(public[-_X25519_BYTES:], "little") & _COORDINATE_BITS
        try:
            if coordinate in _LOW_ORDER:
                raise ValueError("low order")
            self._key = kind.from_public(public)
        except ValueError:
            raise KeyMaterialError(
                f"a public envelope key of suite {suite} does not keep anything secret; its "
                "owner has to make a new one"
            ) from None
        self._suite = kind.suite

    def seal(self, plaintext: bytes, label: str, *context: bytes) -> bytes:
        """Return an envelope: 48 bytes more than it holds, or 1,136 in the hybrid suite.

        Parameters
        ----------
        plaintext
            What nobody else is to read. Its length shows.
        label
            The purpose; every purpose has its own.
        context
            Where the envelope belongs; opening it takes the same context.
        """
        return self._suite.encrypt(plaintext, self._key, info=labelled(label, *context))


@dataclass(frozen=True, slots=True)
class _Kind:
    """What the suites differ in."""

    suite: Suite
    public_bytes: int
    from_secret: Callable[[bytes], tuple[X25519PrivateKey | MLKEM768X25519PrivateKey, bytes]]
    from_public: Callable[[bytes], X25519PublicKey | MLKEM768X25519PublicKey]


@functools.cache
def _kind(name: str) -> _Kind:
    if name not in _KINDS:
        raise UnknownNameError.among("envelope suite", name, _KINDS)
    try:
        return _KINDS[name]()
    except UnsupportedAlgorithm:
        raise SettingsError(
            f"the OpenSSL that cryptography was built with lacks ML-KEM-768, so there is no "
            f"envelope suite {name}; install a newer cryptography, or choose suite {DEFAULT_SUITE}"
        ) from None


def _x25519() -> _Kind:
    return _Kind(
        suite=Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM),
        public_bytes=_X25519_BYTES,
        from_secret=_x25519_from_secret,
        from_public=X25519PublicKey.from_public_bytes,
    )


def _x25519_from_secret(secret: bytes) -> tuple[X25519PrivateKey, bytes]:
    key = X25519PrivateKey.from_private_bytes(secret)
    return key, key.public_key().public_bytes_raw()


def _hybrid() -> _Kind:
    MLKEM768PrivateKey.generate()  # complains where it is missing
    return _Kind(
        suite=Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM),
        public_bytes=_MLKEM_PUBLIC_BYTES + _X25519_BYTES,
        from_secret=_hybrid_from_secret,
        from_public=_hybrid_from_public,
    )


def _hybrid_from_secret(secret: bytes) -> tuple[MLKEM768X25519PrivateKey, bytes]:
    expanded = hashlib.shake_256(secret).digest(_MLKEM_SEED_BYTES + _X25519_BYTES)
    lattice = MLKEM768PrivateKey.from_seed_bytes(expanded[:_MLKEM_SEED_BYTES])
    curve, curve_public = _x25519_from_secret(expanded[_MLKEM_SEED_BYTES:])
    public = lattice.public_key().public_bytes_raw() + curve_public
    return MLKEM768X25519PrivateKey(lattice, curve), public


def _hybrid_from_public(public: bytes) -> MLKEM768X25519PublicKey:
    return MLKEM768X25519PublicKey(
        MLKEM768PublicKey.from_public_bytes(public[:_MLKEM_PUBLIC_BYTES]),
        X25519PublicKey.from_public_bytes(public[_MLKEM_PUBLIC_BYTES:]),
    )


_KINDS: dict[str, Callable[[], _Kind]] = {"x25519": _x25519, "mlkem768-x25519": _hybrid}

ENVELOPE_SUITES = tuple(_KINDS)
"""The names of the suites."""
