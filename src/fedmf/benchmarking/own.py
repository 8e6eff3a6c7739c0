"""The product's own protections, measured on rounds that are played with all their roles.

Nothing is left out: a participant's time runs from the change to the bytes of its message, with
tags, hashes, envelopes and signature; the server's from these bytes to the sum; opening, from the
messages that end a round to the integers of the table.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from functools import partial

import numpy as np

from fedmf.benchmarking.operations import ADD, MEMBER, OPEN, PROTECT, Cost, Operations
from fedmf.benchmarking.scheme import FACTORS, Scheme, random_change
from fedmf.federation.rounds import Played
from fedmf.protocol.session import LEAST_COHORT

PAILLIER_VALUES = 4_000
"""Ciphertexts cost the same each, so that a slice of a large table tells the cost of a value."""
PAILLIER_KEYS = (2048, 3072)


class OwnOperations(Operations):
    """A protection of the product; every run plays a round.

    Parameters
    ----------
    values
        Number of values, whole rows of 100.
    participants
        Number of participants in the session; three of them upload.
    """

    def __init__(self, scheme: Scheme, values: int, participants: int) -> None:
        rows = values // FACTORS
        super().__init__(scheme.name, rows * FACTORS)
        rng = np.random.default_rng(0)
        self._changes = {number: random_change(rows, rng) for number in range(LEAST_COHORT)}
        self._start = partial(scheme.rehearsal, rows, participants, uploads=LEAST_COHORT)
        self._session = self._start()

    def run(self) -> Mapping[str, Cost]:
        """Play a round."""
        if self._session.server.is_over:
            self._session = self._start()
            # What lasts for a session is built again, and not counted again.
            self._session.play(self._changes)
        played = self._session.play(self._changes)
        costs = {
            PROTECT: Cost(statistics.median(played.protecting), played.upload_bytes[0]),
            ADD: Cost(statistics.median(played.receiving), played.upload_bytes[0]),
            OPEN: self._opening(played),
        }
        if played.members:
            pairs = len(played.members) * len(played.protecting)
            costs[MEMBER] = Cost(sum(played.members) / pairs, played.member_bytes / pairs)
        return costs

    def _opening(self, played: Played) -> Cost:
        if played.members and self._session.session.sends_opened_tables:
            return Cost(played.close_seconds, played.table_bytes)
        return Cost(played.hear_seconds + played.open_seconds, played.table_bytes)


def own_operations(values: int, participants: int) -> list[Operations]:
    """Return all protections with fresh keys; Paillier on a slice of the table."""
    lattices = [
        Scheme.fresh("none"),
        Scheme.fresh("rlwe"),
        Scheme.fresh("committee", "committee, blind"),
        Scheme.fresh("committee", "committee, open", opened_by="server"),
    ]
    paillier = [
        Scheme.fresh("paillier", f"paillier {bits}", key_bits=bits) for bits in PAILLIER_KEYS
    ]
    slice_of_it = min(values, PAILLIER_VALUES)
    return [
        *(OwnOperations(one, values, participants) for one in lattices),
        *(OwnOperations(one, slice_of_it, participants) for one in paillier),
    ]
