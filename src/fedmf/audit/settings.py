"""How large an audit is."""

from __future__ import annotations

from dataclasses import dataclass

from fedmf.errors import SettingsError
from fedmf.federation import TrainingSettings

LEAST_USERS = 12
"""Fewer participants make no cohorts to compare, and intervals as wide as the scale."""


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """How large the audit is.

    Raises
    ------
    SettingsError
        Values that cannot work; training settings check theirs.
    """

    factors: int = 8
    """Latent factors of the models."""
    seed: int = 0
    """Public seed of the runs."""
    key_bits: int = 2048
    """Size of the Paillier keys: the attacks do not depend on it, their duration does."""
    victims: int = 12
    """How many participants are attacked where one attack takes a second."""

    def __post_init__(self) -> None:
        if self.victims < 2:
            raise SettingsError(f"at least 2 victims make a sample, not {self.victims}")

    def training(self, protection: str, method: str, **changed: object) -> TrainingSettings:
        """Return the settings of a run of two rounds that learn."""
        chosen = {"rounds": 2, "min_raters": 1, "factors": self.factors, **changed}
        return TrainingSettings(
            protection=protection,
            method=method,
            seed=self.seed,
            key_bits=self.key_bits,
            **chosen,  # type: ignore[arg-type]
        )
