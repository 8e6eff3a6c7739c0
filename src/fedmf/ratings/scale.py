"""The scale that people rate on."""

import math
from dataclasses import dataclass

from fedmf.errors import SettingsError


@dataclass(frozen=True, slots=True)
class RatingScale:
    """The lowest and the highest rating a person can give.

    Raises
    ------
    SettingsError
        If a limit is not finite, or `lowest` is above `highest`.
    """

    lowest: float
    highest: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.lowest) and math.isfinite(self.highest)):
            raise SettingsError(f"the rating scale {self} needs two finite numbers")
        if self.lowest > self.highest:
            raise SettingsError(f"the rating scale {self} is upside down; give the lowest first")

    def __str__(self) -> str:
        return f"{self.lowest:g} to {self.highest:g}"
