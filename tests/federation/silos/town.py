"""Four silos and a coordinator in one process, and a transport that can be told to fail."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fedmf.crypto.derivation import MasterSecret
from fedmf.crypto.paillier import PrivateKey
from fedmf.crypto.participants_key import ParticipantsKey, save_participants_key
from fedmf.federation import LocalEngine, TrainingSettings
from fedmf.federation.enrolment_files import CHARTER, write_enrolment
from fedmf.federation.silos import (
    Coordinator,
    CoordinatorSettings,
    Federation,
    RoundEntry,
    Silo,
    SiloSettings,
)
from fedmf.federation.silos.silo_ratings import silo_ratings
from fedmf.protocol.enrolment.directory import KeyDirectory
from fedmf.protocol.enrolment.enrolment import Enrolment
from fedmf.protocol.enrolment.personal_keys import PersonalKeys
from fedmf.ratings import OwnedRatings, Ratings, RatingScale, load_ratings
from tests.contracts.engine_contract import UNPROTECTED, Dropping, play

SILOS = 4
SCALE = RatingScale(0.5, 5.0)

Fate = Callable[[int, int], str]
"""Says what becomes of a message, by number of the exchange (from 0) and silo.

``"ok"``, ``"gone"``: it does not arrive; ``"lost"``: the reply does not arrive; ``"twice"``: both
arrive twice; ``"killed before"`` and ``"killed after"``: the silo's process is killed then, and
started again.
"""


def all_is_well(exchange: int, silo: int) -> str:
    """Let everything arrive."""
    del exchange, silo
    return "ok"


class Town:
    """A federation on disk: a folder for each silo, and one for the coordinator."""

    def __init__(
        self, path: Path, *, paillier: PrivateKey | None = None, users: int = 16, **changed: Any
    ) -> None:
        chosen = {"protection": "committee", "factors": 3, "rounds": 2, "key_bits": 1024, **changed}
        self.settings = TrainingSettings(**chosen)
        self.path = path
        ratings = load_ratings("movielens-small").take(users=users, items=40)
        self.item_ids = ratings.item_ids
        owners = np.array_split(np.arange(ratings.n_users), SILOS)
        for silo, codes in enumerate(owners):
            self.folder(silo).mkdir(parents=True)
            write_ratings(self.folder(silo) / "ratings.csv", ratings, codes)
        self.coordinator_folder.mkdir()
        self.key: ParticipantsKey | None = paillier
        if self.settings.protection == "rlwe":
            self.key = MasterSecret.fresh()
        self.federation = Federation.make(
            self.settings,
            ratings.item_ids,
            SCALE,
            [len(codes) for codes in owners],
            public_key=int(paillier.public.n) if paillier else None,
            key_check=self.key.check_value() if isinstance(self.key, MasterSecret) else None,
        )
        self.federation.write(self.coordinator_folder)
        CoordinatorSettings(seconds=1, patience=2).write(self.coordinator_folder)
        for silo in range(SILOS):
            self.federation.write(self.folder(silo))
            SiloSettings(silo, "ratings.csv").write(self.folder(silo))
        self._hand_out_keys()
        self.transport = InProcess(self)

    @property
    def coordinator_folder(self) -> Path:
        return self.path / "coordinator"

    def folder(self, silo: int) -> Path:
        return self.path / f"silo-{silo}"

    def run(self, fate: Fate = all_is_well) -> list[RoundEntry]:
        """Open the coordinator and run what is left."""
        self.transport.fate = fate
        coordinator = Coordinator.open(self.coordinator_folder, self.transport)
        try:
            return coordinator.run()
        finally:
            coordinator.close()

    def tables(self) -> set[str]:
        """Return the digests of the tables at the silos."""
        return {self.transport.silo(silo).participant.table_sha256 for silo in range(SILOS)}

    def local_table(self, dropped: Mapping[int, set[int]] | None = None) -> str:
        """Return the digest of the table that the local engine comes to, without protection.

        Parameters
        ----------
        dropped
            Counted round -> silos whose uploads it does not include.
        """
        training, heldout = self.joint_ratings()
        settings = replace(self.settings, protection="none", silos=SILOS)
        plan = replace(self.federation.plan, settings=settings, public_key=None)
        with LocalEngine(plan, None, training, heldout) as engine:
            return play(plan, UNPROTECTED, Dropping(engine, dict(dropped or {}))).table_sha256

    def joint_ratings(self) -> tuple[Ratings, Ratings]:
        """Return all silos' training and held-out ratings, which nobody holds in one place."""
        own = [
            silo_ratings(self.federation, SiloSettings.read(self.folder(s)), self.folder(s))
            for s in range(SILOS)
        ]
        return (
            self._joint([one.training for one in own]),
            self._joint([one.heldout for one in own]),
        )

    def _joint(self, parts: list[OwnedRatings]) -> Ratings:
        return Ratings(
            "joint",
            tuple(range(sum(self.federation.users))),
            self.item_ids,
            np.concatenate([np.repeat(part.users, np.diff(part.starts)) for part in parts]),
            np.concatenate([part.items for part in parts]),
            np.concatenate([part.values for part in parts]),
            None,
            {},
            SCALE,
        )

    def _hand_out_keys(self) -> None:
        session = self.federation.session
        if session.committee is None:
            if self.key is not None:
                for silo in range(SILOS):
                    save_participants_key(self.folder(silo) / "key.json", self.key)
            return
        participants = [PersonalKeys.fresh("participant", f"silo {k}") for k in range(SILOS)]
        members = [
            PersonalKeys.fresh("member", f"member {k}") for k in range(len(self.federation.members))
        ]
        directory = KeyDirectory.convene(
            session, [keys.bundle() for keys in members], [keys.bundle() for keys in participants]
        )
        self.charter = directory.charter
        typed = directory.charter.fingerprint
        (self.coordinator_folder / CHARTER).write_bytes(directory.charter.to_bytes())
        for silo, keys in enumerate(participants):
            folder = self.folder(silo) / "participant"
            write_enrolment(folder, Enrolment.accept(directory, keys, typed))
        for silo, keys in zip(self.federation.members, members, strict=True):
            folder = self.folder(silo) / "member"
            write_enrolment(folder, Enrolment.accept(directory, keys, typed))


class InProcess:
    """A transport within this process."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._silos: dict[int, Silo] = {}
        self.fate: Fate = all_is_well
        self.exchanges = 0
        self.asked: list[Mapping[int, bytes]] = []

    def silo(self, number: int) -> Silo:
        """Return a silo, started if it is not running."""
        if number not in self._silos:
            self._silos[number] = Silo.open(self._town.folder(number))
        return self._silos[number]

    def kill(self, number: int) -> None:
        """Kill a silo's process: what it held in memory is gone."""
        if number in self._silos:
            self._silos.pop(number).close()

    def exchange(
        self, requests: Mapping[int, bytes], *, seconds: float
    ) -> Iterator[tuple[int, bytes]]:
        """Carry messages as fate has it."""
        del seconds
        exchange, self.exchanges = self.exchanges, self.exchanges + 1
        self.asked.append(requests)
        for silo, request in requests.items():
            fate = self.fate(exchange, silo)
            if fate == "gone":
                continue
            if fate == "killed before":
                self.kill(silo)
            reply = self.silo(silo).respond(request)
            if fate == "killed after":
                self.kill(silo)
            if fate == "lost":
                continue
            yield silo, reply
            if fate == "twice":
                yield silo, self.silo(silo).respond(request)


def write_ratings(path: Path, ratings: Ratings, users: Any) -> None:
    """Write the ratings of some users as a table."""
    with path.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(["user", "item", "rating", "timestamp"])
        for row in np.flatnonzero(np.isin(ratings.users, users)):
            assert ratings.timestamps is not None
            lines.writerow(
                [
                    ratings.user_ids[ratings.users[row]],
                    ratings.item_ids[ratings.items[row]],
                    ratings.values[row],
                    ratings.timestamps[row],
                ]
            )
