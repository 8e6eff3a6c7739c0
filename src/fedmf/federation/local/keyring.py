"""All keys of a federation with a committee that is played on one machine, from one secret.

In a real federation every key belongs to somebody else and comes into being on that one's device;
see ``fedmf keys``. Here one process plays all roles, and one secret in the run directory is enough
to go on after a kill.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from fedmf.crypto.master_secret import MasterSecret
from fedmf.crypto.secret_material import SecretMaterial
from fedmf.crypto.signatures import SigningKey
from fedmf.protocol import Session
from fedmf.protocol.committee_terms import CommitteeTerms
from fedmf.protocol.enrolment.charter import Charter
from fedmf.protocol.enrolment.reader_secret import reader_envelope_key


class LocalKeyring(SecretMaterial):
    """The keys of participants and members, and the charter that names them.

    Parameters
    ----------
    secret
        What all keys are derived from.
    session
        A session with a committee.
    """

    # cached_property needs a dictionary.
    __slots__ = ("__dict__", "_secret", "_session")

    def __init__(self, secret: MasterSecret, session: Session) -> None:
        self._secret = secret
        self._session = session

    @property
    def terms(self) -> CommitteeTerms:
        """The committee's terms."""
        assert self._session.committee is not None  # noqa: S101 - see the parameters
        return self._session.committee

    @cached_property
    def reader(self) -> MasterSecret:
        """The secret that the participants share."""
        return MasterSecret(self._derive("reader"))

    @cached_property
    def member_keys(self) -> tuple[SigningKey, ...]:
        """The members' signature keys."""
        return tuple(SigningKey(self._derive("member", k)) for k in range(self.terms.members))

    def signing_keys(self, participants: Iterable[int]) -> dict[int, SigningKey]:
        """Return the signature keys of some participants."""
        return {number: SigningKey(self._derive("participant", number)) for number in participants}

    @cached_property
    def charter(self) -> Charter:
        """The charter."""
        everybody = self.signing_keys(range(self._session.participants))
        return Charter(
            self._session,
            tuple(key.public for key in self.member_keys),
            tuple(key.public for key in everybody.values()),
            reader_envelope_key(self.reader, self.terms.suite).public,
        )

    def _derive(self, role: str, number: int = 0) -> bytes:
        place = number.to_bytes(4, "little")
        return self._secret.derive(f"simulated {role}", self._session.digest, place)
