"""python-paillier in the authors' arrangement, on a slice: what their prototype costs here.

A 1024-bit key, and a ciphertext for each value. A user decrypts the whole table and encrypts the
moves of all items (full) or of the rated ones (part); the server subtracts every user's moves. The
learning between is left out. A few values are measured; the cost is the same for each.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from fedmf.benchmarking import Missing
from fedmf.benchmarking.scheme import seconds_of
from fedmf.extras import how_to_install
from fedmf.ratings import Ratings
from fedmf.reproduce.iteration import GIGABIT
from fedmf.reproduce.schemes import FACTORS

KEY_BITS, PRECISION = 1024, 1e-5
CIPHERTEXT_BYTES = 2 * KEY_BITS // 8
VALUES, REPEATS = 16, 3


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
    try:
        phe = import_module("phe")
    except ImportError as error:
        return Missing("phe", f"{error}; {how_to_install('bench')}")
    public, private = phe.generate_paillier_keypair(n_length=KEY_BITS)
    moves = np.random.default_rng(0).uniform(-1, 1, VALUES).tolist()
    runs = [_run(public, private, moves) for _ in range(REPEATS)]
    return AuthorsCosts(*(statistics.median(column) / VALUES for column in zip(*runs, strict=True)))


def _run(public: Any, private: Any, moves: list[float]) -> tuple[float, float, float]:
    made: list[Any] = []
    encrypt = seconds_of(
        lambda: made.extend(public.encrypt(value, precision=PRECISION) for value in moves)
    )
    left: list[Any] = []
    subtract = seconds_of(
        lambda: left.extend(one - other for one, other in zip(made, made[1:] + made, strict=False))
    )
    return encrypt, seconds_of(lambda: [private.decrypt(value) for value in left]), subtract
