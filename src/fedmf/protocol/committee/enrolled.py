"""The roles of a participant or member, made from its enrolment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fedmf.errors import ProtocolError
from fedmf.protocol.committee.member import CommitteeMember
from fedmf.protocol.committee.participant import CommitteeParticipant

if TYPE_CHECKING:
    from fedmf.crypto.randomness import KeyRandomness
    from fedmf.protocol.committee.member_log import MemberLog
    from fedmf.protocol.enrolment.enrolment import Enrolment
    from fedmf.protocol.table import IntegerTable


def enrolled_participant(
    enrolment: Enrolment, start: IntegerTable, randomness: KeyRandomness | None = None
) -> CommitteeParticipant:
    """Return the participant's half of the protection.

    Raises
    ------
    ProtocolError
        It is a member's enrolment.
    """
    if enrolment.keys.role != "participant":
        raise ProtocolError(f"this is the enrolment of member {enrolment.number}")
    keys = {enrolment.number: enrolment.keys.signing_key}
    return CommitteeParticipant(
        enrolment.charter, keys, enrolment.reader, start, randomness, enrolment.rosters
    )


def enrolled_member(
    enrolment: Enrolment, log: MemberLog, randomness: KeyRandomness | None = None
) -> CommitteeMember:
    """Return the member's role.

    Raises
    ------
    ProtocolError
        It is a participant's enrolment.
    KeyMaterialError
        The log is another's.
    """
    if enrolment.keys.role != "member":
        raise ProtocolError(f"this is the enrolment of participant {enrolment.number}")
    key = enrolment.keys.signing_key
    return CommitteeMember(
        enrolment.charter, enrolment.number, key, log, randomness, enrolment.rosters
    )
