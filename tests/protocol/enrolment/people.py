"""People with keys, for tests of enrolment."""

from __future__ import annotations

from fedmf.protocol.committee_terms import OpenedBy
from fedmf.protocol.enrolment.directory import KeyDirectory
from fedmf.protocol.enrolment.enrolment import Enrolment
from fedmf.protocol.enrolment.personal_keys import PersonalKeys
from tests.protocol.committee.world import make_session

MEMBERS = ("University", "Ombudsman", "Foundation", "Auditor")
PARTICIPANTS = ("North", "South", "East", "Harbour")


class People:
    """Four members and four participants, and the register that the first of them convened."""

    def __init__(self, *, room: int = 8, opened_by: OpenedBy = "participants") -> None:
        self.session = make_session(room, opened_by=opened_by)
        self.members = [PersonalKeys.fresh("member", name) for name in MEMBERS]
        self.participants = [PersonalKeys.fresh("participant", name) for name in PARTICIPANTS]
        self.register = KeyDirectory.convene(
            self.session,
            [keys.card() for keys in self.members],
            [keys.card() for keys in self.participants],
        )

    def enrolled(self, keys: PersonalKeys, register: KeyDirectory | None = None) -> Enrolment:
        register = register or self.register
        return Enrolment.accept(register, keys, register.charter.fingerprint)

    def signed(self, register: KeyDirectory, *members: int) -> KeyDirectory:
        for member in members:
            register = register.signed(member, self.members[member].signing_key)
        return register


def newcomer(name: str = "West") -> PersonalKeys:
    return PersonalKeys.fresh("participant", name)
