"""An enrolment: what one participant or member has accepted, and goes by from then on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fedmf.crypto.derivation import MasterSecret
from fedmf.crypto.secret_material import SecretMaterial
from fedmf.errors import KeyMaterialError, MessageError, ProtocolError, SettingsError
from fedmf.protocol.enrolment.keyring import HeldKeys
from fedmf.protocol.enrolment.personal_keys import PersonalKeys
from fedmf.protocol.enrolment.reader_secret import SealedReader, check_reader
from fedmf.protocol.enrolment.roster_chain import RosterChain, SignedRoster
from fedmf.protocol.json_documents import Format, JsonDocument, as_text
from fedmf.protocol.json_fields import U32

if TYPE_CHECKING:
    from fedmf.protocol.enrolment.charter import Charter
    from fedmf.protocol.enrolment.directory import KeyDirectory

FINGERPRINT = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, eq=False, repr=False)
class _WrittenEnrolment(JsonDocument, SecretMaterial):
    """An enrolment as it is written: what has to stay secret and pinned."""

    FORMAT = Format.ENROLMENT

    charter: bytes
    """Digest of the charter."""
    keys: Annotated[PersonalKeys, as_text(PersonalKeys.from_bytes)]
    number: U32
    reader: bytes
    """Empty where there is none."""
    roster: bytes
    """Digest of the newest version of the roster."""
    version: U32
    """Its number."""


class Enrolment(SecretMaterial):
    """The keys of one participant or member, under the charter and the roster that it pinned.

    Parameters
    ----------
    keys
        The personal keys.
    number
        The number of the participant or member.
    charter
        The charter that was compared.
    rosters
        The versions of the roster after the charter's, each signed by t members.
    reader
        The reader secret of the newest version; None for members, and where the server opens.

    Raises
    ------
    KeyMaterialError
        The key is not the one of this number, or the secret not the one of the roster.
    MessageError, ProtocolError
        The rosters are no chain of signed versions.
    """

    __slots__ = ("charter", "keys", "number", "reader", "rosters")

    def __init__(
        self,
        keys: PersonalKeys,
        number: int,
        charter: Charter,
        rosters: Sequence[SignedRoster],
        reader: MasterSecret | None,
    ) -> None:
        self.keys = keys
        self.number = number
        self.charter = charter
        self.rosters = tuple(rosters)
        self.reader = reader
        roster = RosterChain(charter, rosters).newest
        listed = charter.member_keys if keys.role == "member" else roster.keys
        if number >= len(listed) or listed[number] != keys.signing_key.public:
            raise KeyMaterialError(f"{keys.role} {number} has another key than this one")
        if (reader is not None) != (keys.role == "participant" and charter.terms.blind):
            raise KeyMaterialError(
                "participants of a blind committee, and nobody else, have a reader secret"
            )
        if reader is not None:
            check_reader(reader, roster, charter)

    @property
    def held(self) -> HeldKeys:
        """What a participant's half is made with; raise ProtocolError if it is a member's."""
        if self.keys.role != "participant":
            raise ProtocolError(f"this is the enrolment of member {self.number}")
        signing_keys = {self.number: self.keys.signing_key}
        return HeldKeys(self.reader, self.charter, self.rosters, signing_keys)

    @classmethod
    def accept(
        cls,
        directory: KeyDirectory,
        keys: PersonalKeys,
        typed_fingerprint: str,
        sealed: SealedReader | None = None,
    ) -> Enrolment:
        """Return the enrolment of the owner of these keys, after all has been checked.

        Parameters
        ----------
        directory
            The key directory that was received.
        keys
            The own keys.
        typed_fingerprint
            The charter's fingerprint as it was compared out of band.
        sealed
            The reader secret; the one in the key directory unless given.

        Raises
        ------
        SettingsError
            What was typed in is no whole fingerprint.
        KeyMaterialError
            The charter is another one than the one that was compared, the own key is not in it, or
            the reader secret does not open or is not the roster's.
        MessageError, ProtocolError
            The newest roster is short of signatures, or the sealed secret is another's.
        """
        check_fingerprint(typed_fingerprint, directory.charter.digest, "charter")
        directory.check_complete()
        listed: Sequence[bytes | None] = (
            directory.charter.member_keys if keys.role == "member" else directory.newest.keys
        )
        if keys.signing_key.public not in listed:
            raise KeyMaterialError(
                f"the key of {keys.name!r} is not among the {keys.role}s' keys of this charter and "
                "its newest roster: send its public key bundle to the convener, and accept "
                "what comes back"
            )
        number = listed.index(keys.signing_key.public)
        reader = _reader(directory, keys, number, sealed)
        return cls(keys, number, directory.charter, directory.rosters, reader)

    def adopt(self, directory: KeyDirectory, sealed: SealedReader | None = None) -> Enrolment:
        """Return this enrolment under the key directory's newest version of the roster.

        No fingerprint is needed: it goes by the signatures of t members of the pinned charter.

        Raises
        ------
        KeyMaterialError
            The reader secret does not open, or is not the roster's.
        MessageError, ProtocolError
            Another charter, no newer version, another history, too few signatures, or the
            participant is not in it any more.
        """
        self.check_history(directory)
        directory.check_complete()
        version = directory.newest.version
        if version == len(self.rosters) + 1:
            raise ProtocolError(f"version {version} of the roster was adopted already")
        if self.keys.role == "participant" and directory.newest.keys[self.number] is None:
            raise ProtocolError(
                f"participant {self.number} is not in version {version} of the roster any more; "
                "to come back, make new keys and get a new number"
            )
        reader = _reader(directory, self.keys, self.number, sealed)
        return Enrolment(self.keys, self.number, self.charter, directory.rosters, reader)

    def check_history(self, directory: KeyDirectory) -> None:
        """Check that a key directory continues what this enrolment goes by.

        Raises
        ------
        ProtocolError
            It is under another charter, older, or has another history.
        """
        if directory.charter.digest != self.charter.digest:
            raise ProtocolError(
                "the key directory is under another charter than the one accepted here"
            )
        own, theirs = len(self.rosters), len(directory.rosters)
        if theirs < own:
            raise ProtocolError(
                f"the key directory ends with version {theirs + 1} of the roster, and version "
                f"{own + 1} was adopted here: somebody handed out an old one"
            )
        for mine, other in zip(self.rosters, directory.rosters, strict=False):
            if mine.roster != other.roster:
                raise ProtocolError(
                    f"the key directory has another version {mine.roster.version} of the roster "
                    "than the one adopted here: tell the other participants and the members before "
                    "anything else"
                )

    def signed(self, directory: KeyDirectory) -> KeyDirectory:
        """Return the key directory with this member's signature under its proposal.

        A member signs one roster of each version and no other. The caller sees to that first,
        with something durable.

        Raises
        ------
        ProtocolError
            It is no member's enrolment, the key directory does not continue what it goes by, or
            there is nothing to sign.
        """
        if self.keys.role != "member":
            raise ProtocolError(
                f"only members of the committee sign rosters, and {self.keys.name!r} is "
                f"participant {self.number}"
            )
        self.check_history(directory)
        return directory.signed(self.number, self.keys.signing_key)

    def to_bytes(self) -> bytes:
        """Return what has to stay secret and pinned, as canonical JSON.

        Charter and rosters, which are public, lie beside it; it holds their digests.
        """
        roster = RosterChain(self.charter, self.rosters).newest
        return _WrittenEnrolment(
            self.charter.digest,
            self.keys,
            self.number,
            b"" if self.reader is None else self.reader.to_bytes(),
            self.charter.roster_digest(roster),
            roster.version,
        ).to_bytes()

    @classmethod
    def from_bytes(
        cls,
        data: bytes,
        charter: Charter,
        rosters: Sequence[SignedRoster],
        what: str = "what was received",
    ) -> Enrolment:
        """Return the enrolment that `to_bytes` wrote.

        Parameters
        ----------
        data
            Its bytes.
        charter, rosters
            What lies beside it; versions after the pinned one are left out.
        what
            Where it comes from, for messages.

        Raises
        ------
        KeyMaterialError
            The bytes are no enrolment, or charter and rosters are not the pinned ones. No message
            contains any part of a key.
        """
        written = _WrittenEnrolment.from_bytes(data, what)
        with written.refusing(what):
            if written.charter != charter.digest:
                raise MessageError("the charter beside it is not the one that was accepted")
            later = rosters[: max(0, written.version - 1)]
            reader = MasterSecret(written.reader) if written.reader else None
            enrolment = cls(written.keys, written.number, charter, later, reader)
            if enrolment.to_bytes() != data:
                raise MessageError(
                    "it was damaged or edited, or the rosters beside it are not those it adopted"
                )
        return enrolment


def check_fingerprint(typed: str, digest: bytes, what: str) -> None:
    """Check a fingerprint that somebody typed in; blanks and case do not matter.

    Raises
    ------
    SettingsError
        It is no whole fingerprint.
    KeyMaterialError
        It is another one.
    """
    digits = "".join(typed.split()).lower()
    if not FINGERPRINT.fullmatch(digits):
        raise SettingsError(
            "a fingerprint has 16 groups of four hexadecimal digits, and all of them have to be "
            f"typed in: here are {len(digits)} characters"
        )
    if digits != digest.hex():
        raise KeyMaterialError(
            f"the {what} has another fingerprint than the one typed in: compare once more, by "
            "voice and with more than one of the others; if they still differ, this is not the "
            f"{what} that they have, and it must not be used"
        )


def _reader(
    directory: KeyDirectory, keys: PersonalKeys, number: int, sealed: SealedReader | None
) -> MasterSecret | None:
    if keys.role == "member" or not directory.charter.terms.blind:
        return None
    sealed = sealed or directory.sealed.get(number)
    if sealed is None:
        raise KeyMaterialError(
            f"there is no reader secret for participant {number} in the key directory; ask the "
            "convener for it"
        )
    return sealed.open(keys, number, directory.newest, directory.charter)
