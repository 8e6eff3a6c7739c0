"""The product's own protections with their keys, as benchmarks and reproductions measure them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from fedmf.crypto.paillier import PrivateKey
from fedmf.crypto.participants_key import ParticipantsKey
from fedmf.crypto.secret_material import KeyRandomness
from fedmf.federation.local.rehearsal import Rehearsal
from fedmf.protocol import (
    Change,
    GroupShape,
    RowChange,
    Session,
    TableShape,
    fresh_key,
    protection_named,
)
from fedmf.protocol.session import LEAST_COHORT, CommitteeTerms, OpenedBy

FACTORS = 100
"""Columns of the table, as in the paper."""
WORD_BITS = 24
ROUNDS = 12
"""Rounds that a session is planned for, on which the words of `rlwe` depend."""
MEMBERS, THRESHOLD = 4, 3


@dataclass(frozen=True, eq=False, slots=True)
class Scheme:
    """A protection with its key."""

    name: str
    """Its name in tables, such as ``"paillier 1024"``."""
    protection: str
    """Its name in settings."""
    key: ParticipantsKey | None
    """The participants' key."""
    key_bits: int = 3072
    """Of a Paillier key."""
    opened_by: OpenedBy = "participants"
    """Who opens the sums of a committee."""

    @classmethod
    def fresh(
        cls,
        protection: str,
        name: str = "",
        *,
        key_bits: int = 3072,
        opened_by: OpenedBy = "participants",
    ) -> Self:
        """Return a protection with a fresh key; it is called as the protection unless named."""
        key = fresh_key(protection, key_bits)
        return cls(name or protection, protection, key, key_bits, opened_by)

    @property
    def is_paillier(self) -> bool:
        """Whether it is the paper's: slow enough for slices, and with part uploads."""
        return isinstance(self.key, PrivateKey)

    @property
    def public_key(self) -> int | None:
        """Paillier's n, where there is one."""
        return int(self.key.public.n) if isinstance(self.key, PrivateKey) else None

    def rehearsal(
        self,
        rows: int,
        participants: int,
        *,
        uploads: int | None = None,
        openers: int = 1,
        logs: Path | None = None,
    ) -> Rehearsal:
        """Return a session of one table whose roles all live here.

        Parameters
        ----------
        rows
            Rows of the table, of 100 factors in words of 24 bits each.
        uploads
            How many of the participants live here and upload; all unless given.
        openers
            How many participants open the table on their own.
        logs
            Folder of the durable logs of the committee's members.
        """
        committee = None
        if protection_named(self.protection).has_committee:
            committee = CommitteeTerms(MEMBERS, THRESHOLD, self.opened_by, 1, LEAST_COHORT)
        session = Session(
            session_id=KeyRandomness().bytes(16),
            protection=self.protection,
            upload="full",
            shape=TableShape((GroupShape("items", rows, FACTORS, WORD_BITS),)),
            participants=participants,
            rounds=ROUNDS,
            public_key=self.public_key,
            learning_sha256=bytes(32),
            committee=committee,
        )
        uploading = range(uploads or participants)
        return Rehearsal(session, self.key, uploading, openers=openers, logs=logs)


def random_change(rows: int, rng: np.random.Generator) -> Change:
    """Return a change of all rows whose sums over 610 participants fit the words."""
    largest = 2 ** (WORD_BITS - 1) // 1024 // ROUNDS
    values = rng.integers(-largest, largest + 1, (rows, FACTORS))
    return [RowChange(np.arange(rows), values)]
