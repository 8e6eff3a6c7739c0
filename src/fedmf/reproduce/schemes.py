"""What is measured: the paper's encryption at two key sizes, and what replaces it here."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

from fedmf.crypto.paillier import PrivateKey
from fedmf.crypto.paillier_numbers import WeakKeyWarning
from fedmf.crypto.participants_key import ParticipantsKey
from fedmf.federation import TrainingSettings
from fedmf.protocol import fresh_key

FACTORS, LEARNING_RATE, REG = 100, 1e-3, 1e-4


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

    @property
    def is_paillier(self) -> bool:
        """Whether it is the paper's: slow enough for slices, and with part uploads."""
        return self.protection == "paillier"

    @property
    def public_key(self) -> int | None:
        """Paillier's n, where there is one."""
        return int(self.key.public.n) if isinstance(self.key, PrivateKey) else None

    def settings(self, upload: str, rounds: int) -> TrainingSettings:
        """Return the authors' settings: d = 100, gamma = 1e-3, lambda = 1e-4, start 0.01."""
        return TrainingSettings(
            protection=self.protection,
            upload=upload,
            key_bits=self.key_bits,
            method="sgd",
            factors=FACTORS,
            rounds=rounds,
            learning_rate=LEARNING_RATE,
            reg=REG,
            start="constant",
            min_raters=1,
        )


def all_schemes() -> list[Scheme]:
    """Return the schemes with fresh keys, the paper's first."""
    with warnings.catch_warnings():
        # The paper's key size is weak, and the report says so.
        warnings.simplefilter("ignore", WeakKeyWarning)
        paillier = [
            Scheme(f"paillier {bits}", "paillier", fresh_key("paillier", bits), bits)
            for bits in (1024, 3072)
        ]
    return [*paillier, *(Scheme(name, name, fresh_key(name, 0)) for name in ("rlwe", "committee"))]
