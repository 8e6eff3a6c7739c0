"""The keys that roles are made with: those of one owner, and all of a session that is played."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fedmf.crypto.secret_material import SecretMaterial

if TYPE_CHECKING:
    from fedmf.crypto.participants_key import ParticipantsKey
    from fedmf.crypto.signatures import SigningKey
    from fedmf.protocol.enrolment.charter import Charter
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
