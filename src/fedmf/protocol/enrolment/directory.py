"""The key directory: all that is public about who takes part, for everybody to have a copy of.

It holds the charter, the later versions of the roster, the public key bundles of the people behind
the keys, and the reader secret in envelopes. Those who hand it around can do no harm with it:
participants and members go by the charter's fingerprint, which they compared, and by t members'
signatures.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fedmf.crypto.derivation import MasterSecret, fingerprint
from fedmf.errors import MessageError, ProtocolError, SettingsError
from fedmf.protocol.enrolment.charter import Charter, Roster
from fedmf.protocol.enrolment.reader_secret import SealedReader, reader_envelope_key
from fedmf.protocol.enrolment.roster_chain import RosterChain, SignedRoster, sign_roster

if TYPE_CHECKING:
    from fedmf.crypto.signatures import SigningKey
    from fedmf.protocol.enrolment.public_keys import PublicKeyBundle, Role
    from fedmf.protocol.session import CommitteeTerms, Session


@dataclass(frozen=True)
class KeyDirectory:
    """Charter, rosters, public key bundles and sealed reader secrets of one federation.

    Raises
    ------
    MessageError
        Bundles that are not those of the charter and the rosters, or a signature that does not fit.
    ProtocolError
        Versions of the roster that do not follow on each other.
    """

    charter: Charter
    """The charter."""
    members: tuple[PublicKeyBundle, ...]
    """The members' bundles, by number."""
    participants: Mapping[int, PublicKeyBundle]
    """The bundles of all participants that there ever were, by number."""
    rosters: tuple[SignedRoster, ...]
    """The versions of the roster after the charter's. The last one may still be a proposal, short
    of signatures."""
    sealed: Mapping[int, SealedReader]
    """The reader secret of the last version, sealed for each of its participants; empty where the
    server opens."""

    def __post_init__(self) -> None:
        if tuple(bundle.signature_key for bundle in self.members) != self.charter.member_keys:
            raise MessageError("the members' bundles are not those of the keys in the charter")
        before = self.chain_before
        if self.rosters:
            before.check_signed(self.rosters[-1], enough=False)
        keys = dict(self._all_keys())
        if {number: bundle.signature_key for number, bundle in self.participants.items()} != keys:
            raise MessageError("the participants' bundles are not those of the keys in the roster")

    @classmethod
    def convene(
        cls,
        session: Session,
        members: Sequence[PublicKeyBundle],
        participants: Sequence[PublicKeyBundle],
        reader: MasterSecret | None = None,
    ) -> KeyDirectory:
        """Return the key directory of a new federation.

        The caller knows the reader secret. So it is one of the participants, and never the one
        that runs the server.

        Parameters
        ----------
        session
            The session, with the committee's terms.
        members, participants
            Their public key bundles, in the order of the numbers that they get.
        reader
            The participants' reader secret; a new one unless given.

        Raises
        ------
        SettingsError
            Bundles that do not fit the session or each other; all problems at once.
        """
        terms = session.committee
        if terms is None:
            raise SettingsError(
                f"the session is of protection {session.protection}; only protection committee "
                "has a charter"
            )
        problems = [
            *_bundle_problems(members, "member", terms),
            *_bundle_problems(participants, "participant", terms),
        ]
        if len(members) != terms.members:
            problems.append(f"{len(members)} members' bundles for a committee of {terms.members}")
        problems += _count_problems(len(participants), len(participants), session, terms)
        problems += _repeated([*members, *participants])
        if problems:
            raise SettingsError("; ".join(problems))
        reader = reader or MasterSecret.fresh()
        charter = Charter(
            session,
            tuple(bundle.signature_key for bundle in members),
            tuple(bundle.signature_key for bundle in participants),
            reader_envelope_key(reader, terms.suite).public,
        )
        listed = dict(enumerate(participants))
        sealed = _sealed(reader, charter.roster, listed, charter)
        return cls(charter, tuple(members), listed, (), sealed)

    @property
    def newest(self) -> Roster:
        """The last version of the roster, be it a proposal."""
        return self.rosters[-1].roster if self.rosters else self.charter.roster

    @property
    def fingerprint(self) -> str:
        """What to compare about the last version: in groups of four hexadecimal digits."""
        if not self.rosters:
            return self.charter.fingerprint
        return fingerprint(self.charter.roster_digest(self.newest))

    @property
    def chain_before(self) -> RosterChain:
        """The versions before the last one, each with the signatures of t members."""
        return RosterChain(self.charter, self.rosters[:-1])

    @property
    def signatures_missing(self) -> int:
        """How many more members have to sign the last version of the roster."""
        if not self.rosters:
            return 0
        return max(0, self.charter.terms.threshold - len(self.rosters[-1].signatures))

    def check_complete(self) -> None:
        """Check that t members have signed the last version of the roster.

        Raises
        ------
        ProtocolError
            They have not, yet.
        """
        if self.signatures_missing:
            raise ProtocolError(
                f"version {self.newest.version} of the roster is a proposal: "
                f"{len(self.rosters[-1].signatures)} of {self.charter.terms.threshold} members "
                "have signed it; go on with the version before until they have"
            )

    def changes(self) -> tuple[list[int], list[int]]:
        """Return who came and who left with the last version, by number."""
        if not self.rosters:
            return sorted(self.participants), []
        old, new = self.chain_before.newest.keys, self.newest.keys
        left = [n for n, key in enumerate(old) if key is not None and new[n] is None]
        return [n for n in range(len(old), len(new)) if new[n] is not None], left

    def propose(self, add: Sequence[PublicKeyBundle], remove: Iterable[int]) -> KeyDirectory:
        """Return the key directory with the next version of the roster, which nobody has signed.

        It has a new reader secret, sealed for everybody on it. Without anybody to add or remove,
        only the reader secret is renewed. As in `convene`, the caller is one of the participants.

        Parameters
        ----------
        add
            Bundles of newcomers, who get the next numbers.
        remove
            Numbers of those who leave, which nobody gets again.

        Raises
        ------
        SettingsError
            Bundles or numbers that do not fit; all problems at once.
        ProtocolError
            The last version is still a proposal.
        """
        self.check_complete()
        terms, session = self.charter.terms, self.charter.session
        old, leaving = self.newest.keys, set(remove)
        kept = [None if n in leaving else key for n, key in enumerate(old)]
        keys = (*kept, *(bundle.signature_key for bundle in add))
        count, stay = (sum(key is not None for key in some) for some in (keys, kept))
        problems = [
            f"number {n} is not in version {self.newest.version} of the roster"
            for n in sorted(leaving)
            if not 0 <= n < len(old) or old[n] is None
        ]
        problems += _bundle_problems(add, "participant", terms)
        problems += _repeated([*self.members, *self.participants.values(), *add])
        problems += _count_problems(count, len(keys), session, terms)
        if terms.blind and stay < terms.smallest_cohort <= count:
            # Newcomers get the table with the first sum that is opened under the new version.
            problems.append(
                f"{stay} participants stay, and newcomers cannot upload before a round of at least "
                f"{terms.smallest_cohort} of those who stay: let newcomers come first, and others "
                "leave with a later version"
            )
        if problems:
            raise SettingsError("; ".join(problems))
        reader = MasterSecret.fresh()
        roster = Roster(
            self.newest.version + 1, keys, reader_envelope_key(reader, terms.suite).public
        )
        everybody = {**self.participants, **dict(enumerate(add, len(old)))}
        listed = {n: everybody[n] for n, key in enumerate(keys) if key is not None}
        proposal = SignedRoster(roster, self.charter.roster_digest(self.newest), ())
        return replace(
            self,
            participants=everybody,
            rosters=(*self.rosters, proposal),
            sealed=_sealed(reader, roster, listed, self.charter),
        )

    def signed(self, member: int, key: SigningKey) -> KeyDirectory:
        """Return the key directory with one member's signature under the proposal.

        Raises
        ------
        ProtocolError
            There is no proposal, or the member has signed it.
        """
        if not self.rosters:
            raise ProtocolError("there is no proposal to sign: the charter holds the only roster")
        last = self.rosters[-1]
        if member in {vote.member for vote in last.signatures}:
            raise ProtocolError(
                f"member {member} has signed version {last.roster.version} of the roster already"
            )
        vote = sign_roster(key, member, last.roster, self.chain_before.newest, self.charter)
        votes = tuple(sorted((*last.signatures, vote), key=lambda one: one.member))
        return replace(self, rosters=(*self.rosters[:-1], replace(last, signatures=votes)))

    def _all_keys(self) -> Iterable[tuple[int, bytes]]:
        for roster in (self.charter.roster, *(signed.roster for signed in self.rosters)):
            yield from ((n, key) for n, key in enumerate(roster.keys) if key is not None)


def _sealed(
    reader: MasterSecret, roster: Roster, bundles: Mapping[int, PublicKeyBundle], charter: Charter
) -> dict[int, SealedReader]:
    if not charter.terms.blind:
        return {}
    return {
        number: SealedReader.seal(reader, number, bundle, roster, charter)
        for number, bundle in bundles.items()
    }


def _bundle_problems(
    bundles: Sequence[PublicKeyBundle], role: Role, terms: CommitteeTerms
) -> list[str]:
    problems = [
        f"the bundle of {bundle.name!r} is a {bundle.role}'s where a {role}'s is due"
        for bundle in bundles
        if bundle.role != role
    ]
    return problems + [
        f"the bundle of {bundle.name!r} has an envelope key of suite {bundle.suite}, and the "
        f"session goes by {terms.suite}: it needs new keys with --suite {terms.suite}"
        for bundle in bundles
        if bundle.role == role == "participant" and bundle.suite != terms.suite
    ]


def _count_problems(count: int, numbers: int, session: Session, terms: CommitteeTerms) -> list[str]:
    problems = []
    if count < terms.smallest_cohort:
        problems.append(
            f"{count} participants, and no round with fewer than {terms.smallest_cohort} is ever "
            "opened"
        )
    if numbers > session.participants:
        problems.append(
            f"{numbers} numbers of participants, those who left included, in a session that has "
            f"room for {session.participants}"
        )
    return problems


def _repeated(bundles: Sequence[PublicKeyBundle]) -> list[str]:
    owners: dict[bytes, str] = {}
    problems = []
    for bundle in bundles:
        owner = owners.get(bundle.signature_key)
        if owner == bundle.name:
            problems.append(f"the bundle of {bundle.name!r} is there twice, or was here before")
        elif owner is not None:
            problems.append(f"the key of {bundle.name!r} is also {owner!r}'s")
        owners[bundle.signature_key] = bundle.name
    return problems
