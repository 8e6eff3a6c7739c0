"""The secret keys of one person or organisation."""

from __future__ import annotations

from dataclasses import dataclass

from fedmf.crypto.envelopes import DEFAULT_SUITE, EnvelopeKey
from fedmf.crypto.secret_material import KeyRandomness, SecretMaterial, key_randomness
from fedmf.crypto.signatures import SigningKey
from fedmf.protocol.enrolment.public_keys import (
    LABEL,
    PublicKeyBundle,
    Role,
    UnsignedBundle,
    check_name,
)
from fedmf.protocol.json_documents import Format, JsonDocument


@dataclass(frozen=True, eq=False, repr=False)
class _WrittenKeys(JsonDocument, SecretMaterial):
    """Personal keys as they are written: secrets and all."""

    FORMAT = Format.KEYS

    role: Role
    name: str
    signing_key: bytes
    envelope_key: bytes
    suite: str


class PersonalKeys(SecretMaterial):
    """The secret keys of one person or organisation, for one role in one federation.

    Parameters
    ----------
    role, name
        As in the public key bundle.
    signing_key
        Signs uploads, or a member's answers.
    envelope_key
        A participant's: opens the sealed reader secret.
    suite
        The suite of the envelope key; empty for members.
    """

    __slots__ = ("envelope_key", "name", "role", "signing_key", "suite")

    def __init__(
        self,
        role: Role,
        name: str,
        signing_key: SigningKey,
        envelope_key: EnvelopeKey | None,
        suite: str,
    ) -> None:
        self.role: Role = role
        self.name = name
        self.signing_key = signing_key
        self.envelope_key = envelope_key
        self.suite = suite
        # Which checks all of it.
        self.bundle()

    @classmethod
    def fresh(
        cls,
        role: Role,
        name: str,
        *,
        suite: str = DEFAULT_SUITE,
        randomness: KeyRandomness | None = None,
    ) -> PersonalKeys:
        """Return new keys.

        Parameters
        ----------
        role, name
            Whose they are.
        suite
            Of a participant's envelope key; members have none.
        randomness
            Source of the keys; a new one unless given.

        Raises
        ------
        SettingsError
            A name that cannot be printed.
        UnknownNameError
            There is no such suite.
        """
        check_name(name)
        randomness = key_randomness(randomness)
        signing_key = SigningKey.fresh(randomness)
        if role == "member":
            return cls(role, name, signing_key, None, "")
        return cls(role, name, signing_key, EnvelopeKey.fresh(suite, randomness), suite)

    def bundle(self) -> PublicKeyBundle:
        """Return the public keys to show to others, signed."""
        public = b"" if self.envelope_key is None else self.envelope_key.public
        content = UnsignedBundle(self.role, self.name, self.signing_key.public, public, self.suite)
        signature = self.signing_key.sign(LABEL, content.to_bytes())
        return PublicKeyBundle(**vars(content), signature=signature)

    def to_bytes(self) -> bytes:
        """Return the keys as canonical JSON, secrets and all."""
        return _WrittenKeys(
            self.role,
            self.name,
            self.signing_key.to_bytes(),
            b"" if self.envelope_key is None else self.envelope_key.to_bytes(),
            self.suite,
        ).to_bytes()

    @classmethod
    def from_bytes(cls, data: bytes, what: str = "what was received") -> PersonalKeys:
        """Return the keys that `to_bytes` wrote.

        Raises
        ------
        KeyMaterialError
            The bytes are no personal keys. No message contains any part of one.
        """
        written = _WrittenKeys.from_bytes(data, what)
        with written.refusing(what):
            envelope, suite = written.envelope_key, written.suite
            return cls(
                written.role,
                written.name,
                SigningKey(written.signing_key),
                EnvelopeKey(envelope, suite=suite) if envelope else None,
                suite,
            )
