"""The keys that roles are made with: those of one owner, and all of a session that is played.

In a real federation every key belongs to somebody else and comes into being on that one's device;
see ``fedmf keys``. Where one machine plays all roles, one secret in the run directory is enough to
go on after a kill.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from fedmf.crypto.derivation import MasterSecret
from fedmf.crypto.secret_material import SecretMaterial
from fedmf.crypto.signatures import SigningKey
from fedmf.protocol.enrolment.charter import Charter
from fedmf.protocol.enrolment.reader_secret import reader_envelope_key
from fedmf.protocol.session import CommitteeTerms, Session

if TYPE_CHECKING:
    from fedmf.crypto.participants_key import ParticipantsKey
    from fedmf.protocol.enrolment.roster_chain import SignedRoster


@dataclass(frozen=True, eq=False, slots=True)
class HeldKeys:
    """What the participants that live in one place hold; each protection takes what it needs."""

    shared: ParticipantsKey | None = field(default=None, repr=False)
    """The key that all participants share; None where there is none."""
    charter: Charter | None = None
    """The charter of a committee that was compared out of band."""
    rosters: Sequence[SignedRoster] = ()
    """Versions of the roster after the charter's."""
    signing_keys: Mapping[int, SigningKey] = field(default_factory=dict, repr=False)
    """The signature keys of these participants, by number."""


class Keyring(SecretMaterial):
    """All keys of a session that one machine plays in full: participants share one, or none.

    Parameters
    ----------
    key
        What the machine keeps; None where the protection has no key.
    """

    __slots__ = ("_key",)

    def __init__(self, key: ParticipantsKey | None) -> None:
        self._key = key

    @property
    def charter(self) -> Charter | None:
        """The charter; None without a committee."""
        return None

    @property
    def member_keys(self) -> tuple[SigningKey, ...]:
        """The signature keys of a committee's members, by number."""
        return ()

    def held_by(self, participants: Iterable[int]) -> HeldKeys:
        """Return what some participants hold."""
        del participants
        return HeldKeys(self._key)


class CommitteeKeyring(Keyring):
    """The keys of participants and members, and the charter that names them.

    Parameters
    ----------
    secret
        What all keys are derived from.
    session
        The session.
    terms
        Its committee's terms.
    """

    # cached_property needs a dictionary.
    __slots__ = ("__dict__", "_secret", "_session", "_terms")

    def __init__(self, secret: MasterSecret, session: Session, terms: CommitteeTerms) -> None:
        super().__init__(secret)
        self._secret, self._session, self._terms = secret, session, terms

    @cached_property
    def reader(self) -> MasterSecret:
        """The secret that the participants share."""
        return MasterSecret(self._derive("reader"))

    @cached_property
    def member_keys(self) -> tuple[SigningKey, ...]:
        """The members' signature keys."""
        return tuple(SigningKey(self._derive("member", k)) for k in range(self._terms.members))

    def held_by(self, participants: Iterable[int]) -> HeldKeys:
        """Return the charter, the signature keys of some participants, and the reader secret."""
        reader = self.reader if self._terms.blind else None
        return HeldKeys(reader, self.charter, signing_keys=self.signing_keys(participants))

    @cached_property
    def charter(self) -> Charter:
        """The charter."""
        everybody = self.signing_keys(range(self._session.participants))
        return Charter(
            self._session,
            tuple(key.public for key in self.member_keys),
            tuple(key.public for key in everybody.values()),
            reader_envelope_key(self.reader, self._terms.suite).public,
        )

    def signing_keys(self, participants: Iterable[int]) -> dict[int, SigningKey]:
        """Return the signature keys of some participants."""
        return {number: SigningKey(self._derive("participant", number)) for number in participants}

    def _derive(self, role: str, number: int = 0) -> bytes:
        place = number.to_bytes(4, "little")
        return self._secret.derive(f"simulated {role}", self._session.digest, place)
