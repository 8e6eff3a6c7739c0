"""How a round begins: the members' keys of this round, and the context of all that follows.

The context binds everything that is said in a round to the charter, the roster, the members' keys,
the table that participants work on, and the outcome of the round before. Otherwise a server could
replay one table to everybody but a victim, so that all other changes are zero, or have a round
repeated without the victim: both times the difference is the victim's upload.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from fedmf.crypto.derivation import labelled_hash
from fedmf.crypto.envelopes import EnvelopePublicKey
from fedmf.crypto.signatures import SigningKey, check_signature
from fedmf.errors import MessageError
from fedmf.protocol.committee.certificate import Outcome
from fedmf.protocol.enrolment.charter import Charter, Roster, members
from fedmf.protocol.messages import CommitteeMessage
from fedmf.protocol.wire import U32, Record, Signature, many, sized, sized_bytes, u32

LABEL = "round key"
MOST_KEY_BYTES = 4096


@dataclass(frozen=True, slots=True)
class RoundKey(Record):
    """A member's envelope key for one round, signed with its long-term key."""

    member: U32
    """The member's number."""
    public: Annotated[bytes, sized_bytes(MOST_KEY_BYTES)]
    """The public envelope key."""
    signature: Signature
    """64 bytes."""

    @classmethod
    def signed(
        cls, member: int, public: bytes, round_number: int, key: SigningKey, charter: Charter
    ) -> RoundKey:
        """Return the key with the member's signature."""
        parts = (charter.digest, u32(round_number), u32(member), public)
        return cls(member, public, key.sign(LABEL, *parts))

    def check(self, round_number: int, charter: Charter) -> None:
        """Check that the member itself made this key for this round, and that one can seal to it.

        Raises
        ------
        MessageError
            The member is unknown, or did not sign.
        KeyMaterialError
            What it signed is no key: nobody could upload anything in such a round.
        """
        if self.member >= charter.terms.members:
            raise MessageError(f"member {self.member} is unknown")
        parts = (charter.digest, u32(round_number), u32(self.member), self.public)
        check_signature(charter.member_keys[self.member], self.signature, LABEL, *parts)
        EnvelopePublicKey(self.public, suite=charter.terms.suite)


@dataclass(frozen=True, slots=True)
class OpeningMessage(CommitteeMessage):
    """Server to everybody: a round begins, with these members."""

    KIND: ClassVar[int] = 4
    roster_version: U32
    """The roster that holds."""
    keys: Annotated[tuple[RoundKey, ...], many(members)]
    """The keys of the members that are there, at least t, by ascending member."""

    def check(self, charter: Charter, roster: Roster) -> None:
        """Check that t members begin the round, under this roster.

        Raises
        ------
        MessageError
            Another roster, fewer than t members, or a key that its member did not sign.
        KeyMaterialError
            A member's key that is none.
        """
        if self.roster_version != roster.version:
            raise MessageError(
                f"the round goes by version {self.roster_version} of the roster; the newest that "
                f"members have signed is {roster.version}"
            )
        present = [key.member for key in self.keys]
        if sorted(set(present)) != present or len(present) < charter.terms.threshold:
            raise MessageError(
                f"a round needs the keys of {charter.terms.threshold} different members"
            )
        for key in self.keys:
            key.check(self.round, charter)

    def context(
        self, charter: Charter, roster: Roster, table: bytes, previous: Outcome | None
    ) -> bytes:
        """Return the context of the round, 32 bytes.

        Parameters
        ----------
        table
            Digest of the table that participants work on.
        previous
            Outcome of the round before; None in the first.
        """
        return labelled_hash(
            "context",
            charter.digest,
            u32(self.round),
            charter.roster_digest(roster),
            b"".join(u32(key.member) + sized(key.public) for key in self.keys),
            table,
            b"" if previous is None else previous.to_bytes(),
        )
