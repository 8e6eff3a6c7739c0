"""People with keys, for tests of enrolment."""

from __future__ import annotations

from fedmf.protocol.enrolment.directory import KeyDirectory
from fedmf.protocol.enrolment.enrolment import Enrolment
from fedmf.protocol.enrolment.personal_keys import PersonalKeys
from fedmf.protocol.enrolment.public_keys import PublicKeyBundle
from fedmf.protocol.session import OpenedBy
from tests.protocol.committee.world import make_session

MEMBERS = ("University", "Ombudsman", "Foundation", "Auditor")
PARTICIPANTS = ("North", "South", "East", "Harbour")


class People:
    """Four members and four participants, and the key directory that the first of them convened."""

    def __init__(self, *, room: int = 8, opened_by: OpenedBy = "participants") -> None:
        self.session = make_session(room, opened_by=opened_by)
        self.members = [PersonalKeys.fresh("member", name) for name in MEMBERS]
        self.participants = [PersonalKeys.fresh("participant", name) for name in PARTICIPANTS]
        self.directory = KeyDirectory.convene(
            self.session,
            *self.bundles(),
        )

    def bundles(self) -> tuple[list[PublicKeyBundle], list[PublicKeyBundle]]:
        """Return the members' public key bundles, and the participants'."""
        return (
            [keys.bundle() for keys in self.members],
            [keys.bundle() for keys in self.participants],
        )

    def enrolled(self, keys: PersonalKeys, directory: KeyDirectory | None = None) -> Enrolment:
        directory = directory or self.directory
        return Enrolment.accept(directory, keys, directory.charter.fingerprint)

    def signed(self, directory: KeyDirectory, *members: int) -> KeyDirectory:
        for member in members:
            directory = directory.signed(member, self.members[member].signing_key)
        return directory


def newcomer(name: str = "West") -> PersonalKeys:
    return PersonalKeys.fresh("participant", name)
