"""Who somebody is in a federation: keys of one's own, and the card that shows their public halves.

A card is signed by the very key that stands on it. So nobody can put a name of theirs to another's
key, or another envelope key beside a signature key, unseen. Whether the name is true, the card
cannot say: that is what its fingerprint is compared for, from person to person.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from fedmf.crypto.envelopes import DEFAULT_SUITE, EnvelopeKey, EnvelopePublicKey
from fedmf.crypto.labels import fingerprint, labelled_hash
from fedmf.crypto.randomness import KeyRandomness, key_randomness
from fedmf.crypto.secret_material import SecretMaterial
from fedmf.crypto.signatures import SigningKey, check_signature
from fedmf.errors import SettingsError
from fedmf.protocol.canonical_json import canonical_json
from fedmf.protocol.committee.documents import Document, Format

Role = Literal["participant", "member"]
ROLES: tuple[Role, ...] = ("participant", "member")
LABEL = "card"
MOST_NAME = 100


@dataclass(frozen=True)
class Card:
    """The public keys of a person or organisation, for one role in one federation.

    Raises
    ------
    SettingsError
        A name that cannot be printed, or an envelope key that does not fit the role.
    KeyMaterialError
        A key that is none.
    MessageError
        The signature does not fit: the card was put together from others, or edited.
    """

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
    signature: bytes
    """By the signature key, over everything else."""

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.role not in ROLES:
            raise SettingsError("a card is a participant's or a member's")
        if (self.role == "participant") != bool(self.envelope_key):
            raise SettingsError("participants, and no others, have an envelope key on their card")
        if self.envelope_key:
            EnvelopePublicKey(self.envelope_key, suite=self.suite)
        elif self.suite:
            raise SettingsError("a card without an envelope key names no suite")
        check_signature(self.signature_key, self.signature, LABEL, canonical_json(self._signed))

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 under a label of its own over the card's bytes."""
        return labelled_hash(LABEL, self.to_bytes())

    @property
    def fingerprint(self) -> str:
        """The digest in groups of four hexadecimal digits, to read out and compare."""
        return fingerprint(self.digest)

    @property
    def _signed(self) -> dict[str, object]:
        return _card_fields(self.role, self.name, self.signature_key, self.envelope_key, self.suite)

    def to_bytes(self) -> bytes:
        """Return the card as canonical JSON."""
        return canonical_json(self._signed | {"signature": self.signature.hex()})

    @classmethod
    def from_bytes(cls, data: bytes, what: str = "what was received") -> Card:
        """Return the card that these bytes are.

        Raises
        ------
        MessageError
            They are no card, or one that was not signed by its own key.
        KeyMaterialError
            A key on it is none.
        """
        with Document.reading(data, Format.CARD, what) as document:
            card = cls(
                _role(document),
                document.text("name"),
                document.octets("signature_key"),
                document.octets("envelope_key"),
                document.text("suite"),
                document.octets("signature"),
            )
            document.check_spelling(card.to_bytes())
        return card


class PersonalKeys(SecretMaterial):
    """The secret keys of one person or organisation, for one role in one federation.

    Parameters
    ----------
    role, name
        As on the card.
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
        # A card of one's own passes every check of a card.
        self.card()

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

    def card(self) -> Card:
        """Return the card to show to others."""
        public = b"" if self.envelope_key is None else self.envelope_key.public
        fields = _card_fields(self.role, self.name, self.signing_key.public, public, self.suite)
        signature = self.signing_key.sign(LABEL, canonical_json(fields))
        return Card(self.role, self.name, self.signing_key.public, public, self.suite, signature)

    def to_bytes(self) -> bytes:
        """Return the keys as canonical JSON, secrets and all."""
        return canonical_json(self.as_json())

    def as_json(self) -> dict[str, object]:
        """Return the keys as JSON values, secrets and all."""
        envelope = "" if self.envelope_key is None else self.envelope_key.to_bytes().hex()
        return {
            "envelope_key": envelope,
            "format": str(Format.KEYS),
            "name": self.name,
            "role": self.role,
            "signing_key": self.signing_key.to_bytes().hex(),
            "suite": self.suite,
        }

    @classmethod
    def from_bytes(cls, data: bytes, what: str = "what was received") -> PersonalKeys:
        """Return the keys that `to_bytes` wrote.

        Raises
        ------
        KeyMaterialError
            The bytes are no personal keys. No message contains any part of one.
        """
        with Document.reading(data, Format.KEYS, what) as document:
            suite = document.text("suite")
            envelope = document.octets("envelope_key")
            keys = cls(
                _role(document),
                document.text("name"),
                SigningKey(document.octets("signing_key")),
                EnvelopeKey(envelope, suite=suite) if envelope else None,
                suite,
            )
            document.check_spelling(keys.to_bytes())
        return keys


def _card_fields(
    role: str, name: str, signature_key: bytes, envelope_key: bytes, suite: str
) -> dict[str, object]:
    """Return what stands on a card and is signed."""
    return {
        "envelope_key": envelope_key.hex(),
        "format": str(Format.CARD),
        "name": name,
        "role": role,
        "signature_key": signature_key.hex(),
        "suite": suite,
    }


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


def _role(document: Document) -> Role:
    role = document.text("role")
    if role not in ROLES:
        raise ValueError("neither participant nor member")
    return role
