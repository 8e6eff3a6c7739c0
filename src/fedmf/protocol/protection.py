"""What a protection is: a secret encoding of integer tables under which tables add.

Each protection is one object, a `Protection`, that `PROTECTIONS` holds by its name: its traits, its
keys, who learns what, and its two halves.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, cast

from fedmf.crypto.derivation import MasterSecret
from fedmf.errors import ProtocolError
from fedmf.protocol.enrolment.keyring import HeldKeys, Keyring
from fedmf.protocol.traits import Traits, traits_of

if TYPE_CHECKING:
    from fedmf.crypto.participants_key import ParticipantsKey
    from fedmf.crypto.signatures import SigningKey
    from fedmf.protocol.enrolment.charter import Charter
    from fedmf.protocol.enrolment.roster_chain import SignedRoster
    from fedmf.protocol.halves import ParticipantProtection, ServerProtection
    from fedmf.protocol.members import Member, MemberLog, Members, Spool
    from fedmf.protocol.session import Session
    from fedmf.protocol.table import IntegerTable
    from fedmf.protocol.threat_model import Threat


class Protection(Traits, ABC):
    """One protection: all that the rest of the code asks about it. It has no state."""

    def fresh_key(self, key_bits: int) -> ParticipantsKey | None:
        """Return a fresh key for the participants; None where there is none.

        Where one machine plays all roles of a committee, all their keys are derived from it.

        Parameters
        ----------
        key_bits
            Size of a Paillier key; master secrets have one size.

        Warns
        -----
        WeakKeyWarning
            A Paillier key of 1024 bits.
        """
        del key_bits
        return MasterSecret.fresh() if self.has_key else None

    def keyring(self, session: Session, key: ParticipantsKey | None) -> Keyring:
        """Return all keys of a session that one machine plays, from the one that it keeps.

        Raises
        ------
        KeyMaterialError
            The key is missing.
        """
        del session
        return Keyring(key)

    def check_session(self, session: Session) -> None:
        """Raise WordSizeError unless words hold the session's sums."""
        self.server_half(session, None)

    @abstractmethod
    def participants_half(
        self, session: Session, keys: HeldKeys, start: IntegerTable
    ) -> ParticipantProtection:
        """Return the half of the participants that hold these keys.

        Parameters
        ----------
        start
            The public table before the first round.

        Raises
        ------
        KeyMaterialError
            A key is missing, or not the session's.
        """

    @abstractmethod
    def server_half(self, session: Session, charter: Charter | None) -> ServerProtection:
        """Return the server's half, without a table yet.

        Parameters
        ----------
        charter
            The committee's charter; None without a committee.
        """

    def consulted(
        self, table: ServerProtection, spool: Callable[[], Spool], rosters: Iterable[SignedRoster]
    ) -> Members | None:
        """Return whom the server consults in its rounds; None: nobody.

        Parameters
        ----------
        table
            The server's half, started or restored.
        spool
            Makes what keeps the words of a round.
        rosters
            Versions of the roster after the charter's.
        """
        del table, spool, rosters
        return None

    def member(
        self,
        charter: Charter,
        number: int,
        key: SigningKey,
        log: MemberLog,
        rosters: Iterable[SignedRoster] = (),
    ) -> Member:
        """Return a member of the committee.

        Raises
        ------
        KeyMaterialError
            The log is another's.
        ProtocolError
            The key is not the one of the charter, or the protection has no committee.
        """
        del charter, number, key, log, rosters
        raise ProtocolError(f"protection {self.name} has no committee")

    @abstractmethod
    def threats(self, session: Session, key_bits: int, participants: int) -> tuple[Threat, ...]:
        """Return who learns what, first what no rule prevents; see `Threat`.

        Parameters
        ----------
        key_bits
            Size of a Paillier key.
        participants
            The smallest number of participants in a round.
        """


def protection_named(name: str) -> Protection:
    """Return the protection of this name; raise UnknownNameError if there is none."""
    return cast("Protection", traits_of(name))
