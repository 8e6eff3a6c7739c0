"""The secret that all participants share, and what is derived from it."""

from __future__ import annotations

import hmac

from fedmf.crypto.randomness import KeyRandomness, key_randomness
from fedmf.crypto.secret_material import SecretMaterial, check_secret

MASTER_SECRET_BYTES = 32
CHECK_BYTES = 16


class MasterSecret(SecretMaterial):
    """32 secret bytes, and a pseudorandom function under them.

    Anyone of the participants who hands it to the server opens everybody's contributions.

    Raises
    ------
    KeyMaterialError
        The secret has another length.
    TypeError
        The secret is not bytes.
    """

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes) -> None:
        check_secret(secret, "a master secret", MASTER_SECRET_BYTES)
        self._secret = secret

    @classmethod
    def fresh(cls, randomness: KeyRandomness | None = None) -> MasterSecret:
        """Return a new secret; from fresh randomness unless some is given."""
        return cls(key_randomness(randomness).bytes(MASTER_SECRET_BYTES))

    def derive(self, label: str, *parts: bytes) -> bytes:
        """Return 32 bytes that nobody can tell from random ones without the secret.

        HMAC-SHA256 over the label and the parts, each behind its length, so that no two calls with
        different arguments hash the same bytes.
        """
        pieces = []
        for part in (label.encode(), *parts):
            pieces += [len(part).to_bytes(8, "little"), part]
        return hmac.digest(self._secret, b"".join(pieces), "sha256")

    def check_value(self) -> bytes:
        """Return 16 public bytes that tell those who hold a secret whether it is this one.

        An output of the pseudorandom function under a label of its own: it says nothing about any
        other output, and nobody finds 256 secret bits by trying.
        """
        return self.derive("check value")[:CHECK_BYTES]

    def to_bytes(self) -> bytes:
        """Return the secret itself."""
        return self._secret
