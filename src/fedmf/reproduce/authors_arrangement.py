"""python-paillier in the authors' arrangement, on a slice: what their prototype costs here.

A 1024-bit key, and a ciphertext for each value. A user decrypts the whole table and encrypts the
moves of all items (full) or of the rated ones (part); the server subtracts every user's moves. The
learning between is left out. A few values are measured; the cost is the same for each.
"""

from __future__ import annotations

import operator
import statistics
from dataclasses import dataclass

import numpy as np

from fedmf.benchmarking.operations import ADD, OPEN, PROTECT
from fedmf.benchmarking.peers import Missing, PythonPaillier, peer
from fedmf.benchmarking.round_cost import GIGABIT
from fedmf.benchmarking.scheme import FACTORS
from fedmf.ratings import Ratings

KEY_BITS, REPEATS = 1024, 3
CIPHERTEXT_BYTES = 2 * KEY_BITS // 8


@dataclass(frozen=True, slots=True)
class AuthorsCosts:
    """Seconds of python-paillier for one value."""

    encrypt: float
    decrypt: float
    subtract: float
    """The three operations."""

    def iteration_seconds(self, ratings: Ratings, upload: str) -> float:
        """Return the slowest user, the server and the network for one iteration of a setting."""
        rated = np.bincount(ratings.users, minlength=ratings.n_users)
        all_items = np.full_like(rated, ratings.n_items)
        uploaded = rated if upload == "part" else all_items
        user = ratings.n_items * self.decrypt + int(uploaded.max()) * self.encrypt
        server = int(uploaded.sum()) * self.subtract
        carried = (ratings.n_items + float(uploaded.mean())) * CIPHERTEXT_BYTES
        return FACTORS * (user + server + carried * 8 / GIGABIT)


def authors_costs() -> AuthorsCosts | Missing:
    """Measure python-paillier, or say what is missing."""
    phe = peer("phe", "phe")
    if isinstance(phe, Missing):
        return phe
    # The authors' server subtracts moves.
    measured = PythonPaillier(phe, KEY_BITS, operator.sub)
    runs = [measured.run() for _ in range(REPEATS)]
    return AuthorsCosts(
        *(
            statistics.median(run[name].seconds for run in runs) / measured.values
            for name in (PROTECT, OPEN, ADD)
        )
    )
