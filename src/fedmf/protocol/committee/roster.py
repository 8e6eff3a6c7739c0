"""Rosters: which participants there are, version after version, signed by members alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fedmf.crypto.envelopes import EnvelopePublicKey
from fedmf.crypto.labels import labelled_hash
from fedmf.crypto.signatures import PUBLIC_KEY_BYTES, SigningKey, check_public_signature_key
from fedmf.errors import KeyMaterialError, MessageError, ProtocolError, SettingsError
from fedmf.protocol.committee.message import Digest, participants
from fedmf.protocol.committee.votes import MemberSignature, Votes, check_votes
from fedmf.protocol.framing import BodyReader, sized, u32
from fedmf.protocol.wire import Form, Known, Record

if TYPE_CHECKING:
    from fedmf.protocol.committee.charter import Charter

LABEL = "roster"
MOST_READER_KEY_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Roster:
    """One version of the list of participants.

    Raises
    ------
    SettingsError
        A version below 1, or no reader key.
    KeyMaterialError
        A key that is none.
    """

    version: int
    """From 1; version 1 stands in the charter."""
    keys: tuple[bytes | None, ...]
    """The participants' public signature keys by their numbers; None for a number whose owner has
    left. Later versions append: a number never goes to anybody else, since whatever is known of a
    number, above all what it has contributed, belongs to its first owner."""
    reader_key: bytes
    """Public envelope key whose secret half the participants of this version share. It changes with
    every version, so that whoever has left reads nothing that comes after."""

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

    def digest(self, charter: Charter) -> bytes:
        """Return the hash that names this version under its charter."""
        return labelled_hash(LABEL, charter.digest, self.to_bytes())


def _roster_to_bytes(roster: Roster) -> bytes:
    return sized(roster.to_bytes())


def _read_roster(body: BodyReader, known: Known) -> Roster:
    most = participants(known)
    inner = BodyReader(body.sized(at_most=12 + MOST_READER_KEY_BYTES + PUBLIC_KEY_BYTES * most))
    roster = Roster.read(inner, most_participants=most)
    inner.end()
    return roster


@dataclass(frozen=True, slots=True)
class SignedRoster(Record):
    """A later version of the roster, with the signatures of at least t members."""

    roster: Annotated[Roster, Form(_roster_to_bytes, _read_roster)]
    """The version."""
    previous: Digest
    """Digest of the version before it."""
    signatures: Votes
    """One each of different members."""


def sign_roster(
    key: SigningKey, member: int, roster: Roster, previous: Roster, charter: Charter
) -> MemberSignature:
    """Return a member's signature under the next version of the roster.

    A member signs after it has seen, outside of this software, that every key belongs to whom it
    is said to belong to. The server's word is never enough: whoever lets it name participants
    gives it sybils, and with them everything.

    Raises
    ------
    ProtocolError
        It may not follow on `previous`; see `RosterChain.check_next`.
    KeyMaterialError
        Its reader key is none.
    """
    _check_succession(roster, previous, charter)
    parts = (previous.digest(charter), roster.digest(charter))
    return MemberSignature(member, key.sign(LABEL, *parts))


class RosterChain:
    """All versions of the roster, append-only.

    Parameters
    ----------
    charter
        Holds version 1.
    later
        Versions after it that were adopted before; each is checked again.
    """

    def __init__(self, charter: Charter, later: Iterable[SignedRoster] = ()) -> None:
        self._charter = charter
        self._versions = [charter.roster]
        for signed in later:
            self.adopt(signed)

    @property
    def newest(self) -> Roster:
        """The newest version."""
        return self._versions[-1]

    def version(self, number: int) -> Roster:
        """Return a version; raise MessageError if there is none of this number."""
        if not 1 <= number <= len(self._versions):
            raise MessageError(f"there is no version {number} of the roster")
        return self._versions[number - 1]

    def check_next(self, roster: Roster) -> None:
        """Check that a roster may be the next version, whoever signs it.

        Raises
        ------
        ProtocolError
            It is not the one after the newest, has the reader key of an earlier version, gives a
            number to another key, lists a key twice, or lists a key that has left.
        KeyMaterialError
            Its reader key is none.
        """
        _check_succession(roster, self.newest, self._charter)
        if roster.reader_key in {version.reader_key for version in self._versions}:
            raise ProtocolError("every version of the roster has a reader key of its own")
        known = {key for version in self._versions for key in version.keys if key is not None}
        back = (known - set(self.newest.keys)) & set(roster.keys)
        if back:
            numbers = sorted(roster.keys.index(key) for key in back)
            raise ProtocolError(
                f"number {numbers[0]} of version {roster.version} of the roster has a key that has "
                "left before; whoever comes back makes new keys"
            )

    def adopt(self, signed: SignedRoster) -> None:
        """Append the next version.

        Raises
        ------
        ProtocolError
            It may not be the next version; see `check_next`.
        MessageError
            Fewer than t members signed it.
        """
        self.check_next(signed.roster)
        previous = self.newest.digest(self._charter)
        if signed.previous != previous:
            raise ProtocolError("a roster that follows on another one than the newest")
        check_votes(
            signed.signatures,
            self._charter,
            LABEL,
            previous,
            signed.roster.digest(self._charter),
        )
        self._versions.append(signed.roster)


def _check_succession(roster: Roster, previous: Roster, charter: Charter) -> None:
    if roster.version != previous.version + 1:
        raise ProtocolError(f"version {roster.version} of the roster after {previous.version}")
    if roster.reader_key == previous.reader_key:
        raise ProtocolError("every version of the roster has a reader key of its own")
    if charter.terms.blind:
        # Members seal to it: under one that is none no round could be answered any more.
        EnvelopePublicKey(roster.reader_key, suite=charter.terms.suite)
    if not len(previous.keys) <= len(roster.keys) <= charter.session.participants:
        raise ProtocolError(
            f"version {roster.version} of the roster has {len(roster.keys)} numbers; it has at "
            f"least the {len(previous.keys)} of the version before, and the session has room for "
            f"{charter.session.participants}"
        )
    for number, key in enumerate(previous.keys):
        if roster.keys[number] not in (key, None):
            raise ProtocolError(
                f"version {roster.version} of the roster gives number {number} to another key; a "
                "number is never given to anybody else, and newcomers stand at the end"
            )
    listed = [*charter.member_keys, *(key for key in roster.keys if key is not None)]
    if len(set(listed)) != len(listed):
        raise ProtocolError(
            f"a signature key stands twice in version {roster.version} of the roster, or is a "
            "member's"
        )
