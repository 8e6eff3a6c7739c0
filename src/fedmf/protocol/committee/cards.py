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
from fedmf.protocol.json_documents import Format, JsonDocument

Role = Literal["participant", "member"]
ROLES: tuple[Role, ...] = ("participant", "member")
LABEL = "card"
MOST_NAME = 100


@dataclass(frozen=True)
class CardContent(JsonDocument):
    """What stands on a card, and is signed.

    Raises
    ------
    SettingsError
        A name that cannot be printed, or an envelope key that does not fit the role.
    KeyMaterialError
        A key that is none.
    """

    FORMAT = Format.CARD

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
            raise SettingsError("a card is a participant's or a member's")
        if (self.role == "participant") != bool(self.envelope_key):
            raise SettingsError("participants, and no others, have an envelope key on their card")
        if self.envelope_key:
            EnvelopePublicKey(self.envelope_key, suite=self.suite)
        elif self.suite:
            raise SettingsError("a card without an envelope key names no suite")


@dataclass(frozen=True)
class Card(CardContent):
    """The public keys of a person or organisation, for one role in one federation.

    Raises
    ------
    SettingsError, KeyMaterialError
        As for `CardContent`.
    MessageError
        The signature does not fit: the card was put together from others, or edited.
    """

    signature: bytes
    """By the signature key, over everything else."""

    def __post_init__(self) -> None:
        # Which checks all the rest, too.
        content = CardContent(
            self.role, self.name, self.signature_key, self.envelope_key, self.suite
        )
        check_signature(self.signature_key, self.signature, LABEL, content.to_bytes())

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 under a label of its own over the card's bytes."""
        return labelled_hash(LABEL, self.to_bytes())

    @property
    def fingerprint(self) -> str:
        """The digest in groups of four hexadecimal digits, to read out and compare."""
        return fingerprint(self.digest)


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
        content = CardContent(self.role, self.name, self.signing_key.public, public, self.suite)
        signature = self.signing_key.sign(LABEL, content.to_bytes())
        return Card(**vars(content), signature=signature)

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
