"""The product's own protections, measured on rounds that are played with all their roles.

Nothing is left out: a participant's time runs from the change to the bytes of its message, with
tags, hashes, envelopes and signature; the server's from these bytes to the sum; opening, from the
messages that end a round to the integers of the table.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np

from fedmf.benchmarking.scheme import ADD, MEMBER, OPEN, PROTECT, Cost, Scheme
from fedmf.crypto.paillier import PrivateKey
from fedmf.crypto.randomness import KeyRandomness
from fedmf.federation.local.played_round import PlayedRound, PlayedSession
from fedmf.protocol import Change, GroupShape, RowChange, Session, TableShape, fresh_key
from fedmf.protocol.committee_terms import LEAST_COHORT, CommitteeTerms, OpenedBy

FACTORS = 100
"""Columns of the table, as in the paper."""
WORD_BITS = 24
ROUNDS = 12
"""Rounds that a session is planned for, on which the words of `rlwe` depend."""
PAILLIER_VALUES = 4_000
"""Ciphertexts cost the same each, so that a slice of a large table tells the cost of a value."""
MEMBERS, THRESHOLD = 4, 3
PAILLIER_KEYS = (2048, 3072)


def played_session(
    protection: str,
    *,
    rows: int,
    participants: int,
    opened_by: OpenedBy = "participants",
    key_bits: int = 3072,
    uploads: int | None = None,
    openers: int = 1,
    logs: Path | None = None,
) -> PlayedSession:
    """Return a session with fresh keys whose roles all live here.

    Parameters
    ----------
    protection
        Name of the protection.
    rows
        Rows of the table, of 100 factors in words of 24 bits each.
    participants
        Number of participants in the session.
    opened_by
        Who opens the sums of a committee.
    key_bits
        Size of a Paillier key.
    uploads
        How many of the participants live here and upload; all unless given.
    openers
        How many participants open the table on their own.
    logs
        Folder of the durable logs of the committee's members.
    """
    key = fresh_key(protection, key_bits)
    committee = None
    if protection == "committee":
        committee = CommitteeTerms(MEMBERS, THRESHOLD, opened_by, 1, LEAST_COHORT)
    session = Session(
        session_id=KeyRandomness().bytes(16),
        protection=protection,
        upload="full",
        shape=TableShape((GroupShape("items", rows, FACTORS, WORD_BITS),)),
        participants=participants,
        rounds=ROUNDS,
        public_key=int(key.public.n) if isinstance(key, PrivateKey) else None,
        learning_sha256=bytes(32),
        committee=committee,
    )
    uploading = range(uploads or participants)
    return PlayedSession(session, key, uploading, openers=openers, logs=logs)


def random_change(rows: int, rng: np.random.Generator) -> Change:
    """Return a change of all rows whose sums over 610 participants fit the words."""
    largest = 2 ** (WORD_BITS - 1) // 1024 // ROUNDS
    values = rng.integers(-largest, largest + 1, (rows, FACTORS))
    return [RowChange(np.arange(rows), values)]


class OwnScheme(Scheme):
    """One protection of the product; every run plays a round.

    Parameters
    ----------
    name
        What to call it.
    protection
        Name of the protection.
    values
        Number of values, whole rows of 100.
    participants
        Number of participants in the session; three of them upload.
    opened_by, key_bits
        See `played_session`.
    """

    def __init__(
        self,
        name: str,
        protection: str,
        values: int,
        participants: int,
        *,
        opened_by: OpenedBy = "participants",
        key_bits: int = 3072,
    ) -> None:
        rows = values // FACTORS
        super().__init__(name, rows * FACTORS)
        self._server_opens = protection == "committee" and opened_by == "server"
        rng = np.random.default_rng(0)
        self._changes = {number: random_change(rows, rng) for number in range(LEAST_COHORT)}
        self._start = partial(
            played_session,
            protection,
            rows=rows,
            participants=participants,
            opened_by=opened_by,
            key_bits=key_bits,
            uploads=LEAST_COHORT,
        )
        self._session = self._start()

    def run(self) -> Mapping[str, Cost]:
        """Play a round."""
        if self._session.server.is_over:
            self._session = self._start()
            # What lasts for a session is built again, and not counted again.
            self._session.play(self._changes)
        played = self._session.play(self._changes)
        costs = {
            PROTECT: Cost(statistics.median(played.protect), played.upload_bytes[0]),
            ADD: Cost(statistics.median(played.receive), played.upload_bytes[0]),
            OPEN: self._opening(played),
        }
        if played.members:
            pairs = len(played.members) * len(played.protect)
            costs[MEMBER] = Cost(sum(played.members) / pairs, played.member_bytes / pairs)
        return costs

    def _opening(self, played: PlayedRound) -> Cost:
        if self._server_opens:
            return Cost(played.close, played.table_bytes)
        return Cost(played.hear + played.open, played.table_bytes)


def own_schemes(values: int, participants: int) -> list[Scheme]:
    """Return all protections; Paillier on a slice of the table."""
    slice_of_it = min(values, PAILLIER_VALUES)
    return [
        OwnScheme("none", "none", values, participants),
        OwnScheme("rlwe", "rlwe", values, participants),
        OwnScheme("committee, blind", "committee", values, participants),
        OwnScheme("committee, open", "committee", values, participants, opened_by="server"),
        *(
            OwnScheme(f"paillier {bits}", "paillier", slice_of_it, participants, key_bits=bits)
            for bits in PAILLIER_KEYS
        ),
    ]
