"""Versions of the roster, signed by nobody but members, and the chain that they make."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from fedmf.crypto.envelopes import EnvelopePublicKey
from fedmf.crypto.signatures import PUBLIC_KEY_BYTES, SigningKey
from fedmf.errors import MessageError, ProtocolError
from fedmf.protocol.enrolment.charter import (
    MOST_READER_KEY_BYTES,
    ROSTER_LABEL,
    Charter,
    Roster,
    participants,
)
from fedmf.protocol.enrolment.votes import MemberSignature, Votes, check_votes
from fedmf.protocol.json_documents import Format, JsonDocument
from fedmf.protocol.wire import BodyReader, Digest, FieldForm, Known, Record, sized


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

    roster: Annotated[Roster, FieldForm(_roster_to_bytes, _read_roster)]
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
    is said to belong to. The server's word is never enough: if it may name participants,
    it adds some of its own, and learns everything.

    Raises
    ------
    ProtocolError
        It may not follow on `previous`; see `RosterChain.check_next`.
    KeyMaterialError
        Its reader key is not valid.
    """
    _check_succession(roster, previous, charter)
    parts = (charter.roster_digest(previous), charter.roster_digest(roster))
    return MemberSignature(member, key.sign(ROSTER_LABEL, *parts))


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
        self.newest = charter.roster
        """The newest version."""
        for signed in later:
            self.adopt(signed)

    def version(self, number: int) -> Roster:
        """Return a version; raise MessageError if there is none of this number."""
        if not 1 <= number <= len(self._versions):
            raise MessageError(f"there is no version {number} of the roster")
        return self._versions[number - 1]

    def check_next(self, roster: Roster) -> None:
        """Check that a roster may be the next version, if members sign it.

        Raises
        ------
        ProtocolError
            It is not the one after the newest, has the reader key of an earlier version, gives a
            number to another key, lists a key twice, or lists a key that has left.
        KeyMaterialError
            Its reader key is not valid.
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
                "left before; to come back, make new keys"
            )

    def check_signed(self, signed: SignedRoster, *, enough: bool = True) -> None:
        """Check that a signed roster may be the next version.

        Parameters
        ----------
        enough
            Whether at least t members have to have signed it.

        Raises
        ------
        ProtocolError
            It may not; see `check_next`.
        MessageError
            Fewer than t members signed it, or a signature does not fit.
        """
        self.check_next(signed.roster)
        previous = self._charter.roster_digest(self.newest)
        if signed.previous != previous:
            raise ProtocolError("a roster that follows on another one than the newest")
        statement = (previous, self._charter.roster_digest(signed.roster))
        check_votes(signed.signatures, self._charter, ROSTER_LABEL, *statement, enough=enough)

    def adopt(self, signed: SignedRoster) -> None:
        """Append the next version; see `check_signed` for what is raised."""
        self.check_signed(signed)
        self._versions.append(signed.roster)
        self.newest = signed.roster


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


@dataclass(frozen=True)
class _WrittenRoster(JsonDocument):
    FORMAT = Format.ROSTER

    charter: bytes
    """Digest of the charter."""
    signed: bytes
    """The version of the roster, with its signatures."""


def roster_to_document(signed: SignedRoster, charter: Charter) -> bytes:
    """Return a version of the roster as canonical JSON."""
    return _WrittenRoster(charter.digest, signed.to_bytes()).to_bytes()


def roster_from_document(
    data: bytes, charter: Charter, what: str = "what was received"
) -> SignedRoster:
    """Return the version of the roster that a document holds.

    Raises
    ------
    MessageError
        It holds none, or one under another charter.
    """
    written = _WrittenRoster.from_bytes(data, what)
    if written.charter != charter.digest:
        raise MessageError(f"{what}: this version of the roster is under another charter")
    with written.refusing(what):
        return SignedRoster.from_bytes(written.signed, charter=charter)
