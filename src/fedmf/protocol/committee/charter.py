"""The charter: the one root of trust, fixed before the first round and compared out of band."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property

from fedmf.crypto.envelopes import EnvelopePublicKey
from fedmf.crypto.labels import fingerprint, labelled_hash
from fedmf.crypto.signatures import check_public_signature_key
from fedmf.errors import KeyMaterialError, MessageError, SettingsError
from fedmf.protocol.canonical_json import UNREADABLE, canonical_json
from fedmf.protocol.committee.documents import Format
from fedmf.protocol.committee.roster import Roster
from fedmf.protocol.committee.terms import CommitteeTerms
from fedmf.protocol.session import Session


@dataclass(frozen=True, eq=False)
class Charter:
    """What every participant and member pins by its SHA-256 before the first round.

    Whoever lets somebody else, above all the server, put keys in here has no protection at all.

    Raises
    ------
    SettingsError
        Keys and terms that do not fit each other; all problems at once.
    KeyMaterialError
        A key that is none.
    """

    session: Session
    """The session's parameters, the committee's terms among them."""
    member_keys: tuple[bytes, ...]
    """The members' public signature keys, one each, in the order of their numbers."""
    roster: Roster
    """Version 1 of the roster: the participants' public signature keys, and their reader key."""

    def __post_init__(self) -> None:
        problems = []
        if self.session.committee is None:
            raise SettingsError("a charter is for a session of protection committee")
        if len(self.member_keys) != self.terms.members:
            problems.append(f"{len(self.member_keys)} member keys for {self.terms.members} members")
        for key in self.member_keys:
            check_public_signature_key(key)
        if self.roster.version != 1:
            problems.append("a charter holds version 1 of the roster")
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
    def digest(self) -> bytes:
        """SHA-256 under a label of its own over the canonical bytes."""
        return labelled_hash("charter", self.to_bytes())

    @property
    def fingerprint(self) -> str:
        """The digest in groups of four hexadecimal digits, to read out and compare."""
        return fingerprint(self.digest)

    def to_bytes(self) -> bytes:
        """Return the canonical bytes: JSON in UTF-8, keys sorted, no spaces."""
        fields = {
            "format": str(Format.CHARTER),
            "member_keys": [key.hex() for key in self.member_keys],
            "participant_keys": [None if key is None else key.hex() for key in self.roster.keys],
            "reader_key": self.roster.reader_key.hex(),
            "session": self.session.to_bytes().decode(),
        }
        return canonical_json(fields)

    @classmethod
    def from_bytes(cls, data: bytes) -> Charter:
        """Return the charter whose canonical bytes these are.

        Raises
        ------
        MessageError
            They are not the canonical bytes of a charter.
        """
        try:
            fields = json.loads(data)
            charter = cls(
                session=Session.from_bytes(fields["session"].encode()),
                member_keys=tuple(map(bytes.fromhex, fields["member_keys"])),
                roster=Roster(
                    1,
                    tuple(
                        None if key is None else bytes.fromhex(key)
                        for key in fields["participant_keys"]
                    ),
                    bytes.fromhex(fields["reader_key"]),
                ),
            )
        except (*UNREADABLE, SettingsError, KeyMaterialError) as error:
            raise MessageError(f"these bytes are no charter: {error}") from error
        if charter.to_bytes() != data:
            raise MessageError("a charter that is not in its canonical form")
        return charter
