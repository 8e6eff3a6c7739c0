"""The reader secret on its way to a participant: in an envelope that only this one opens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fedmf.crypto.derivation import HASH_BYTES, MasterSecret
from fedmf.crypto.envelopes import EnvelopeKey, EnvelopePublicKey
from fedmf.errors import KeyMaterialError, MessageError, OpenError
from fedmf.protocol.json_documents import Format, JsonDocument
from fedmf.protocol.json_fields import U32
from fedmf.protocol.wire import u32

if TYPE_CHECKING:
    from fedmf.protocol.enrolment.charter import Charter, Roster
    from fedmf.protocol.enrolment.personal_keys import PersonalKeys
    from fedmf.protocol.enrolment.public_keys import PublicKeyBundle

LABEL = "reader secret"
READER_KEY = "reader envelope key"


def reader_envelope_key(reader: MasterSecret, charter_suite: str) -> EnvelopeKey:
    """Return the envelope key of a reader secret; its public half stands in the roster."""
    return EnvelopeKey(reader.derive(READER_KEY), suite=charter_suite)


@dataclass(frozen=True, slots=True)
class SealedReader(JsonDocument):
    """The reader secret of one version of the roster, sealed for one participant.

    It does not matter who sealed it: the secret has to fit the reader key of the roster, which
    participants compare or members sign.
    """

    FORMAT = Format.SEALED

    roster: bytes
    """Digest of the version under its charter, 32 bytes."""
    participant: U32
    """For whom it is."""
    envelope: bytes
    """The secret, sealed to the envelope key of the participant's bundle."""

    def __post_init__(self) -> None:
        if len(self.roster) != HASH_BYTES:
            raise MessageError(f"the digest of a roster has {HASH_BYTES} bytes")

    @classmethod
    def seal(
        cls,
        reader: MasterSecret,
        participant: int,
        bundle: PublicKeyBundle,
        roster: Roster,
        charter: Charter,
    ) -> SealedReader:
        """Seal the secret for a participant."""
        digest = charter.roster_digest(roster)
        public = EnvelopePublicKey(bundle.envelope_key, suite=bundle.suite)
        return cls(
            digest, participant, public.seal(reader.to_bytes(), LABEL, digest, u32(participant))
        )

    def open(
        self, keys: PersonalKeys, participant: int, roster: Roster, charter: Charter
    ) -> MasterSecret:
        """Return the secret, checked against the roster's reader key.

        Raises
        ------
        MessageError
            It is for another participant, or of another roster.
        KeyMaterialError
            It does not open with these keys, or is not the secret of this roster.
        """
        digest = charter.roster_digest(roster)
        if (self.participant, self.roster) != (participant, digest):
            raise MessageError(
                f"this reader secret is sealed for participant {self.participant} of some roster; "
                f"due is the one for participant {participant} of version {roster.version} of "
                "this one"
            )
        if keys.envelope_key is None:
            raise KeyMaterialError("members of the committee have no reader secret to open")
        try:
            secret = keys.envelope_key.open(self.envelope, LABEL, digest, u32(participant))
            reader = MasterSecret(secret)
        except (OpenError, KeyMaterialError):
            raise KeyMaterialError(
                f"the reader secret for participant {participant} does not open with these keys: "
                "it was sealed for another public key bundle or damaged; ask the participant who "
                "sealed it for a new one"
            ) from None
        check_reader(reader, roster, charter)
        return reader


def check_reader(reader: MasterSecret, roster: Roster, charter: Charter) -> None:
    """Check that a reader secret belongs to a version of the roster.

    Raises
    ------
    KeyMaterialError
        It does not.
    """
    if reader_envelope_key(reader, charter.terms.suite).public != roster.reader_key:
        raise KeyMaterialError(
            f"this is not the reader secret of version {roster.version} of the roster: its public "
            "key is another than the roster's; ask the participant who sealed it"
        )
