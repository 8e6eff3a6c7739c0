"""Protection `committee` as one object: its keys, who learns what, and how its roles are made."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, cast

from fedmf.crypto.derivation import MasterSecret
from fedmf.errors import KeyMaterialError
from fedmf.protocol.committee.certificate import SET_ENTRY_BYTES
from fedmf.protocol.committee.member import CommitteeMember
from fedmf.protocol.committee.participant import CommitteeParticipant
from fedmf.protocol.committee.server import CommitteeMembers
from fedmf.protocol.committee.server_table import CommitteeTable
from fedmf.protocol.committee.upload import BASE_BYTES
from fedmf.protocol.enrolment.keyring import CommitteeKeyring, HeldKeys
from fedmf.protocol.lattice_layout import committee_pads
from fedmf.protocol.protection import Protection
from fedmf.protocol.threat_model import (
    CHOSEN_TABLES,
    EVERYTHING,
    KINDS,
    LONE_LOTS,
    OVER_SETS,
    Threat,
    seen_by_one,
)

if TYPE_CHECKING:
    from fedmf.crypto.participants_key import ParticipantsKey
    from fedmf.crypto.signatures import SigningKey
    from fedmf.protocol.enrolment.charter import Charter
    from fedmf.protocol.enrolment.roster_chain import SignedRoster
    from fedmf.protocol.halves import ServerProtection
    from fedmf.protocol.members import MemberLog, Spool
    from fedmf.protocol.session import CommitteeTerms, Session
    from fedmf.protocol.table import IntegerTable


class CommitteeProtection(Protection):
    """A key for every upload, shared out among members who open sums together."""

    name: ClassVar[str] = "committee"
    nonce_bytes: ClassVar[int] = 32
    has_committee: ClassVar[bool] = True
    settings: ClassVar[tuple[str, ...]] = ("committee", "threshold", "opened_by")
    proof_bytes: ClassVar[int] = SET_ENTRY_BYTES
    part_bytes: ClassVar[int] = BASE_BYTES

    def keyring(self, session: Session, key: ParticipantsKey | None) -> CommitteeKeyring:
        """Return the keys of participants and members."""
        if not isinstance(key, MasterSecret):
            raise KeyMaterialError("a played federation with a committee needs its secret")
        return CommitteeKeyring(key, session, _terms(session))

    def server_opens(self, opened_by: str | None) -> bool:
        """Return whether the committee is not blind."""
        return opened_by == "server"

    def check_session(self, session: Session) -> None:
        """Raise WordSizeError unless words hold the sum of a round."""
        committee_pads(session)

    def participants_half(
        self, session: Session, keys: HeldKeys, start: IntegerTable
    ) -> CommitteeParticipant:
        """Return the half of those whose signature keys these are."""
        del session
        reader = keys.shared if isinstance(keys.shared, MasterSecret) else None
        charter = _given(keys.charter)
        return CommitteeParticipant(charter, keys.signing_keys, reader, start, rosters=keys.rosters)

    def server_half(self, session: Session, charter: Charter | None) -> CommitteeTable:
        """Return the sum of a round, and the table where the server opens."""
        del session
        return CommitteeTable(_given(charter))

    def consulted(
        self, table: ServerProtection, spool: Callable[[], Spool], rosters: Iterable[SignedRoster]
    ) -> CommitteeMembers:
        """Return the members."""
        return CommitteeMembers(cast("CommitteeTable", table), spool(), rosters)

    def member(
        self,
        charter: Charter,
        number: int,
        key: SigningKey,
        log: MemberLog,
        rosters: Iterable[SignedRoster] = (),
    ) -> CommitteeMember:
        """Return a member, who remembers what its log says."""
        return CommitteeMember(charter, number, key, log, rosters=rosters)

    def threats(self, session: Session, key_bits: int, participants: int) -> tuple[Threat, ...]:
        """Return what participants learn, and the server with and without them and members.

        First what no rule prevents, then what is promised even if somebody breaks the protocol.
        """
        del key_bits
        terms = _terms(session)
        few, enough = (_count(one, "member") for one in (terms.threshold - 1, terms.threshold))
        with_few, with_enough = (f"the server with {one} of the committee" for one in (few, enough))
        some = terms.threshold > 1
        seen = seen_by_one(participants)
        if terms.lone_lots and participants > 2:
            seen = replace(seen, learns=f"{seen.learns}; {LONE_LOTS}")
        if terms.blind:
            honest_or_not = "even if breaking the protocol"
            promised = [Threat(f"the server, {honest_or_not}", KINDS)]
            if some:
                alone = f"{with_few}, none of them a participant, {honest_or_not}"
                promised.append(Threat(alone, KINDS))
            return (
                seen,
                Threat(f"the server with one participant, {honest_or_not}", OVER_SETS),
                Threat(f"{enough} of the committee, even without the server", EVERYTHING),
                *promised,
                Threat("the network", KINDS),
            )
        sums = "what one participant learns"
        return (
            seen,
            Threat("the server, which is trusted for the true table", sums),
            Threat("the server, breaking the protocol", CHOSEN_TABLES),
            *([Threat(with_few, sums)] if some else []),
            Threat(with_enough, EVERYTHING),
            Threat("the network", f"{sums}, unless the transport encrypts"),
        )


def _terms(session: Session) -> CommitteeTerms:
    return cast("CommitteeTerms", session.committee)


def _given(charter: Charter | None) -> Charter:
    if charter is None:
        raise KeyMaterialError("protection committee needs the charter")
    return charter


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
