"""The charter, the one root of trust, and rosters: which participants there are.

A charter is fixed before the first round and compared out of band. It holds version 1 of the
roster; members sign later ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

from fedmf.crypto.derivation import fingerprint, labelled_hash
from fedmf.crypto.envelopes import EnvelopePublicKey
from fedmf.crypto.signatures import PUBLIC_KEY_BYTES, check_public_signature_key
from fedmf.errors import KeyMaterialError, MessageError, ProtocolError, SettingsError
from fedmf.protocol.json_documents import Format, JsonDocument, as_text
from fedmf.protocol.session import CommitteeTerms, Session
from fedmf.protocol.wire import BodyReader, Known, sized, u32

ROSTER_LABEL = "roster"
"""Of what is hashed and signed of later versions of the roster."""
MOST_READER_KEY_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Roster:
    """One version of the list of participants.

    Raises
    ------
    SettingsError
        A version below 1, or no reader key.
    KeyMaterialError
        A key that is not valid.
    """

    version: int
    """From 1; version 1 stands in the charter."""
    keys: tuple[bytes | None, ...]
    """The participants' public signature keys by their numbers; None for a number whose owner has
    left. Later versions append: a number never goes to anybody else, because what is known of a
    number, above all what it has contributed, belongs to its first owner."""
    reader_key: bytes
    """Public envelope key whose secret half the participants of this version share. It changes with
    every version, so that those who have left read nothing that comes after."""

    def __post_init__(self) -> None:
        if self.version < 1:
            raise SettingsError(f"roster versions count from 1, this is {self.version}")
        for key in self.keys:
            if key is not None:
                check_public_signature_key(key)
        if not 1 <= len(self.reader_key) <= MOST_READER_KEY_BYTES:
            raise SettingsError("a roster has a reader key")

    def key_of(self, participant: int) -> bytes:
        """Return a participant's public signature key.

        Raises
        ------
        ProtocolError
            The roster does not list the participant.
        """
        key = self.keys[participant] if participant < len(self.keys) else None
        if key is None:
            raise ProtocolError(
                f"participant {participant} is not in version {self.version} of the roster"
            )
        return key

    def to_bytes(self) -> bytes:
        """Return the roster as bytes."""
        keys = [b"\0" * PUBLIC_KEY_BYTES if key is None else key for key in self.keys]
        return b"".join([u32(self.version), sized(self.reader_key), u32(len(keys)), *keys])

    @classmethod
    def read(cls, reader: BodyReader, *, most_participants: int) -> Roster:
        """Read a roster out of a body; raise MessageError if there is none."""
        version = reader.number()
        reader_key = reader.sized(at_most=MOST_READER_KEY_BYTES)
        keys = [
            reader.take(PUBLIC_KEY_BYTES) for _ in range(reader.count(at_most=most_participants))
        ]
        try:
            return cls(version, tuple(key if any(key) else None for key in keys), reader_key)
        except (SettingsError, KeyMaterialError) as error:
            raise MessageError(str(error)) from error


@dataclass(frozen=True, eq=False)
class Charter(JsonDocument):
    """What every participant and member pins by its SHA-256 before the first round.

    Nobody is protected if somebody else, above all the server, chooses the keys in here.

    Raises
    ------
    SettingsError
        Keys and terms that do not fit each other; all problems at once.
    KeyMaterialError
        A key that is not valid.
    """

    FORMAT = Format.CHARTER

    session: Annotated[Session, as_text(Session.from_bytes)]
    """The session's parameters, the committee's terms among them."""
    member_keys: tuple[bytes, ...]
    """The members' public signature keys, one each, in the order of their numbers."""
    participant_keys: tuple[bytes | None, ...]
    reader_key: bytes
    """Version 1 of the roster: the participants' public signature keys, and their reader key."""

    def __post_init__(self) -> None:
        problems = []
        if not self.session.traits.has_committee:
            raise SettingsError("a charter is for a session of protection committee")
        if len(self.member_keys) != self.terms.members:
            problems.append(f"{len(self.member_keys)} member keys for {self.terms.members} members")
        for key in self.member_keys:
            check_public_signature_key(key)
        if len(self.roster.keys) > self.session.participants:
            problems.append(
                f"a roster of {len(self.roster.keys)} in a session of {self.session.participants}"
            )
        listed = [*self.member_keys, *(key for key in self.roster.keys if key is not None)]
        if len(set(listed)) != len(listed):
            problems.append("the same signature key stands in it twice")
        if self.terms.smallest_cohort > self.session.participants:
            problems.append(
                f"a smallest cohort of {self.terms.smallest_cohort} in a session of "
                f"{self.session.participants}: every round would be void"
            )
        if problems:
            raise SettingsError("; ".join(problems))
        if self.terms.blind:
            # Members seal to it: one that is none would let no sum of a closed round open.
            EnvelopePublicKey(self.roster.reader_key, suite=self.terms.suite)

    @property
    def terms(self) -> CommitteeTerms:
        """The committee's terms."""
        terms = self.session.committee
        assert terms is not None  # noqa: S101 - checked when the charter was made
        return terms

    @cached_property
    def roster(self) -> Roster:
        """Version 1 of the roster."""
        return Roster(1, self.participant_keys, self.reader_key)

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 under a label of its own over the canonical bytes."""
        return labelled_hash("charter", self.to_bytes())

    def roster_digest(self, roster: Roster) -> bytes:
        """Return the hash that names a version of the roster under this charter."""
        return labelled_hash(ROSTER_LABEL, self.digest, roster.to_bytes())

    @property
    def fingerprint(self) -> str:
        """The digest in groups of four hexadecimal digits, to read out and compare."""
        return fingerprint(self.digest)


def members(known: Known) -> int:
    """Return how many members there are, for what is read under a charter."""
    count: int = known.charter.terms.members
    return count


def participants(known: Known) -> int:
    """Return how many participants the session has room for, for what is read under a charter."""
    count: int = known.charter.session.participants
    return count
