"""The federation file: all that coordinator and silos have to agree on, and no rating."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from fedmf.crypto.derivation import CHECK_BYTES, fingerprint, labelled_hash
from fedmf.errors import SettingsError
from fedmf.federation.enrolment_files import read_public
from fedmf.federation.plan import TrainingPlan
from fedmf.federation.settings import TrainingSettings
from fedmf.protocol import Session, protection_named
from fedmf.protocol.json_documents import Format, JsonDocument, as_text
from fedmf.protocol.json_fields import OMITTED, Named, as_list
from fedmf.ratings import Id, RatingScale
from fedmf.store.atomic import write_file

FEDERATION = "federation.json"
LEAST_COHORT = 3
"""The sum of two silos shows each to the other; fewer are possible where nobody minds."""
MOST_USERS = 2**24
"""Of all silos; each takes memory before the file is compared with anything."""


@dataclass(frozen=True, eq=False)
class Federation(JsonDocument):
    """The public facts of a federation of silos, made once by the coordinator.

    Silo k is participant k of the session. Under a committee the session stands in the charter,
    whose fingerprint participants and members compare; the rest of the file is checked against it.

    Raises
    ------
    SettingsError
        Facts that do not fit each other; all problems at once.
    """

    FORMAT = Format.FEDERATION

    settings: TrainingSettings
    """The settings of the training."""
    item_ids: Annotated[tuple[Id, ...], Named("items")]
    """The catalogue: the place of an id is the item's code."""
    scale: Annotated[RatingScale, as_list(RatingScale)]
    """The lowest and highest possible rating."""
    users: tuple[int, ...]
    """Number of users of each silo."""
    members: tuple[int, ...]
    """Which silo each member of the committee is; empty without a committee."""
    measured: bool
    """Whether silos hold ratings back, and the table sums up their errors on them."""
    smallest_cohort: int
    """No round counts with fewer uploads. Silos check it, and under a committee members do."""
    session: Annotated[Session, as_text(Session.from_bytes)]
    """The protocol's parameters; what all that goes before says makes just this session."""
    key_check: Annotated[bytes | None, OMITTED] = None
    """Protection rlwe: the check value of the secret that silos share, 16 public bytes; see
    `MasterSecret.check_value`. None for other protections."""

    def __post_init__(self) -> None:
        problems = []
        silos = len(self.users)
        if not self.item_ids or len(set(self.item_ids)) != len(self.item_ids):
            problems.append("a catalogue names items, each once")
        if len({type(one) for one in self.item_ids}) > 1:
            problems.append("the ids of a catalogue are all numbers, or all text")
        if self.settings.silos != silos:
            problems.append(f"{self.settings.silos} silos in the settings, {silos} with users")
        protection = protection_named(self.settings.protection)
        due = self.settings.committee if protection.has_committee else 0
        if len(self.members) != due:
            problems.append(f"{len(self.members)} silos as members where {due} members are due")
        if not all(0 <= silo < silos for silo in self.members):
            problems.append(f"members are silos, and these have the numbers 0 to {silos - 1}")
        if not 1 <= self.smallest_cohort <= (self.settings.cohort or silos):
            problems.append(
                f"a smallest cohort of {self.smallest_cohort} where "
                f"{self.settings.cohort or silos} silos take part in a round"
            )
        if protection.has_key_check:
            if self.key_check is None or len(self.key_check) != CHECK_BYTES:
                problems.append(
                    f"protection {protection.name} needs the check value of the silos' key, "
                    f"{CHECK_BYTES} bytes; fedmf keys shared FILE makes the key and prints it"
                )
        elif self.key_check is not None:
            problems.append("only protection rlwe has a check value of a key")
        if problems:
            raise SettingsError("; ".join(problems))
        if self.plan.session != self.session:
            raise SettingsError(
                "the facts of the federation make another session than the one that it names: it "
                "was edited, or comes from another version of fedmf"
            )

    @classmethod
    def make(
        cls,
        settings: TrainingSettings,
        item_ids: Sequence[Id],
        scale: RatingScale,
        users: Sequence[int],
        *,
        members: Sequence[int] | None = None,
        measured: bool = True,
        public_key: int | None = None,
        key_check: bytes | None = None,
        smallest_cohort: int | None = None,
    ) -> Federation:
        """Make the facts of a new federation; the session is a new one.

        Parameters
        ----------
        settings
            How to train; the number of silos follows from `users`.
        item_ids, scale, users, measured, key_check
            As of the class.
        members
            Which silos are members; None: the first ones, as many as the settings say.
        public_key
            n of the silos' Paillier key; None for other protections.
        smallest_cohort
            None: what a committee's terms say, or else 3, or all silos if there are fewer. Under a
            committee it is what its terms say.

        Raises
        ------
        SettingsError, WordSizeError
            Facts that do not fit each other.
        """
        settings = replace(settings, silos=len(users))
        plan = TrainingPlan(settings, len(item_ids), scale, user_codes(users), measured, public_key)
        terms = plan.session.committee
        if members is None:
            members = range(0 if terms is None else terms.members)
        least = min(LEAST_COHORT, len(users)) if terms is None else terms.smallest_cohort
        if smallest_cohort is None:
            smallest_cohort = least
        if terms is not None and smallest_cohort != least:
            raise SettingsError(
                f"under a committee of these terms the smallest cohort is {least}, not "
                f"{smallest_cohort}"
            )
        return cls(
            settings,
            tuple(item_ids),
            scale,
            tuple(users),
            tuple(members),
            measured,
            smallest_cohort,
            plan.session,
            key_check,
        )

    @cached_property
    def plan(self) -> TrainingPlan:
        """The plan that everybody derives from these facts."""
        return TrainingPlan(
            self.settings,
            len(self.item_ids),
            self.scale,
            user_codes(self.users),
            self.measured,
            self.session.public_key,
            self.session.session_id,
        )

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 under a label of its own over the canonical bytes; all messages carry it."""
        return labelled_hash("federation", self.to_bytes())

    @property
    def fingerprint(self) -> str:
        """The digest in groups of four hexadecimal digits, to read out and compare."""
        return fingerprint(self.digest)

    def member_of(self, silo: int) -> int | None:
        """Return which member of the committee a silo is; None if it is none."""
        return self.members.index(silo) if silo in self.members else None

    def write(self, folder: Path) -> None:
        """Write the federation file into a folder."""
        write_file(folder / FEDERATION, self.to_bytes())

    @classmethod
    def read(cls, folder: Path) -> Federation:
        """Read the federation file of a folder; raise MessageError if there is none."""
        path = folder / FEDERATION
        return cls.from_bytes(read_public(path, "the federation file"), str(path))


def user_codes(users: Sequence[int]) -> tuple[NDArray[np.int32], ...]:
    """Return the user codes of silos from how many users each owns; codes go on from silo to silo.

    Raises
    ------
    SettingsError
        A silo without users, or more of them than a federation may have.
    """
    if sum(users) > MOST_USERS:
        raise SettingsError(f"a federation has at most {MOST_USERS} users, not {sum(users)}")
    empty = [str(silo) for silo, count in enumerate(users) if count < 1]
    if empty:
        raise SettingsError(f"every silo has users; silo {', '.join(empty)} has none")
    ends = np.cumsum(users)
    return tuple(np.split(np.arange(ends[-1], dtype=np.int32), ends[:-1]))
