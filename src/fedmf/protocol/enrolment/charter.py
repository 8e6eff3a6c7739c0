"""The charter: the one root of trust, fixed before the first round and compared out of band."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

from fedmf.crypto.envelopes import EnvelopePublicKey
from fedmf.crypto.labels import fingerprint, labelled_hash
from fedmf.crypto.signatures import check_public_signature_key
from fedmf.errors import SettingsError
from fedmf.protocol.committee_terms import CommitteeTerms
from fedmf.protocol.enrolment.roster import Roster
from fedmf.protocol.json_documents import Format, JsonDocument, as_text
from fedmf.protocol.protection import protection_named
from fedmf.protocol.session import Session
from fedmf.protocol.wire import Known

ROSTER_LABEL = "roster"
"""Of what is hashed and signed of later versions of the roster."""


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
        if not protection_named(self.session.protection).has_committee:
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
