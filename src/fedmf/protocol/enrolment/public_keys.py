"""Who somebody is in a federation: a name, and public keys in a bundle.

A public key bundle is signed by the very key that stands in it. So nobody can put a name of theirs
to another's key, or another envelope key beside a signature key, unseen. Whether the name is true,
the bundle cannot say: that is what its fingerprint is compared for, from person to person.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from fedmf.crypto.derivation import fingerprint, labelled_hash
from fedmf.crypto.envelopes import EnvelopePublicKey
from fedmf.crypto.signatures import check_signature
from fedmf.errors import SettingsError
from fedmf.protocol.json_documents import Format, JsonDocument

Role = Literal["participant", "member"]
ROLES: tuple[Role, ...] = ("participant", "member")
LABEL = "card"
MOST_NAME = 100


@dataclass(frozen=True)
class UnsignedBundle(JsonDocument):
    """What stands in a public key bundle, and is signed.

    Raises
    ------
    SettingsError
        A name that cannot be printed, or an envelope key that does not fit the role.
    KeyMaterialError
        A key that is not valid.
    """

    FORMAT = Format.BUNDLE

    role: Role
    """``"participant"`` or ``"member"`` of the committee."""
    name: str
    """What others call the owner; at most 100 printable characters."""
    signature_key: bytes
    """Public signature key, 32 bytes."""
    envelope_key: bytes
    """A participant's public envelope key, which the reader secret is sealed to; members have none,
    and it is empty."""
    suite: str
    """The suite of the envelope key; empty for members."""

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.role not in ROLES:
            raise SettingsError("a bundle is a participant's or a member's")
        if (self.role == "participant") != bool(self.envelope_key):
            raise SettingsError("participants, and no others, have an envelope key in their bundle")
        if self.envelope_key:
            EnvelopePublicKey(self.envelope_key, suite=self.suite)
        elif self.suite:
            raise SettingsError("a bundle without an envelope key names no suite")


@dataclass(frozen=True)
class PublicKeyBundle(UnsignedBundle):
    """The public keys of a person or organisation, for one role in one federation.

    Raises
    ------
    SettingsError, KeyMaterialError
        As for `UnsignedBundle`.
    MessageError
        The signature does not fit: the bundle was put together from others, or edited.
    """

    signature: bytes
    """By the signature key, over everything else."""

    def __post_init__(self) -> None:
        # Which also checks all the rest.
        content = UnsignedBundle(
            self.role, self.name, self.signature_key, self.envelope_key, self.suite
        )
        check_signature(self.signature_key, self.signature, LABEL, content.to_bytes())

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 under a label of its own over the bundle's bytes."""
        return labelled_hash(LABEL, self.to_bytes())

    @property
    def fingerprint(self) -> str:
        """The digest in groups of four hexadecimal digits, to read out and compare."""
        return fingerprint(self.digest)


def check_name(name: str) -> None:
    """Check that others can read a name as it is meant.

    Raises
    ------
    SettingsError
        It is empty, too long, has blanks around it, or characters that do not print.
    """
    if not 1 <= len(name) <= MOST_NAME or name != name.strip() or not name.isprintable():
        raise SettingsError(
            f"a name has 1 to {MOST_NAME} printable characters and no blanks around them"
        )
