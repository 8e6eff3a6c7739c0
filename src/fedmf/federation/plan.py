"""From settings and ratings to everything that participants and server must agree on."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from fedmf.errors import SettingsError, WordSizeError
from fedmf.federation.settings import TrainingSettings
from fedmf.federation.table_codec import TableCodec
from fedmf.model import Method, configure_method
from fedmf.protocol import IntegerTable, Session, server_protection
from fedmf.protocol.session import Upload
from fedmf.ratings import Ratings

COHORT_STREAM = 2
"""Stream of the public seed that cohorts are drawn from; the method's start uses 0 and 1."""


@dataclass(frozen=True, eq=False, slots=True)
class TrainingPlan:
    """The public plan of one training.

    Parameters
    ----------
    settings
        What was decided.
    method
        The configured learning method.
    codec
        Fixed point, and the shape of the integer table.
    session
        The protocol's parameters.
    members
        For each participant the codes of its users.
    """

    settings: TrainingSettings
    method: Method
    codec: TableCodec
    session: Session
    members: tuple[NDArray[np.int32], ...]

    @classmethod
    def make(
        cls,
        settings: TrainingSettings,
        ratings: Ratings,
        *,
        public_key: int | None,
        session_id: bytes | None = None,
    ) -> TrainingPlan:
        """Plan a training.

        Parameters
        ----------
        ratings
            The training ratings: a plan uses their catalogue, their scale and the number of users,
            and no rating.
        public_key
            Paillier's n; None for protections without a key.
        session_id
            16 bytes; None: fresh random ones.

        Raises
        ------
        SettingsError
            More silos than users, or a cohort larger than the federation.
        WordSizeError
            No word size holds the sum of so many contributions, or the noise of so many uploads.
        """
        members = deal_users(ratings.n_users, settings.silos)
        if settings.cohort is not None and settings.cohort > len(members):
            raise SettingsError(
                f"a cohort of {settings.cohort} in a federation of {len(members)} participants"
            )
        method = configure_method(
            settings.method,
            users=ratings.n_users,
            items=ratings.n_items,
            rounds=settings.rounds,
            scale=ratings.scale,
            factors=settings.factors,
            learning_rate=settings.learning_rate,
            reg=settings.reg,
            seed=settings.seed,
            start=settings.start,
        )
        codec = _codec(method, ratings.n_users, max(map(len, members)))
        learning = {
            "fixed_point": {
                group.name: [group.fraction_bits, group.limit, group.start_limit]
                for group in method.row_groups()
            },
            "method": method.settings(),
        }
        session = Session(
            session_id=session_id or secrets.token_bytes(16),
            protection=settings.protection,
            upload=cast("Upload", settings.upload),
            shape=codec.shape,
            participants=len(members),
            rounds=settings.rounds,
            public_key=public_key,
            learning_sha256=hashlib.sha256(json.dumps(learning, sort_keys=True).encode()).digest(),
        )
        # Refuses what the protection cannot hold before anything else begins.
        server_protection(session)
        return cls(settings, method, codec, session, members)

    def start_table(self) -> IntegerTable:
        """Return the public integer table before the first round."""
        return self.codec.encode_table(self.method.start_table())

    def cohort(self, round_number: int) -> list[int]:
        """Return the participants of a round (from 1), ascending.

        Cohorts are cut from shuffled epochs: everybody takes part once before anybody does twice.
        No cohort is smaller than the settings say: what is left over at the end of an epoch is
        spread over its cohorts, since the change of a cohort of one is that of one participant.
        """
        count, size = len(self.members), self.settings.cohort
        if size is None:
            return list(range(count))
        rounds_per_epoch = count // size
        epoch, position = divmod(round_number - 1, rounds_per_epoch)
        order = np.random.default_rng((self.settings.seed, COHORT_STREAM, epoch)).permutation(count)
        return sorted(np.array_split(order, rounds_per_epoch)[position].tolist())


def _codec(method: Method, users: int, largest_participant: int) -> TableCodec:
    try:
        return TableCodec(method.row_groups(), users, largest_participant)
    except WordSizeError as error:
        raise WordSizeError(
            f"{error}; in a training this means fewer rounds, or fewer users"
        ) from error


def deal_users(users: int, silos: int | None) -> tuple[NDArray[np.int32], ...]:
    """Return the user codes of each participant: one user each, or dealt out to silos in turn.

    Raises
    ------
    SettingsError
        More silos than users.
    """
    count = users if silos is None else silos
    if count > users:
        raise SettingsError(f"{silos} silos for {users} users: some would own nothing")
    codes = np.arange(users, dtype=np.int32)
    return tuple(codes[start::count] for start in range(count))
