"""What a table stands for, once a method has decoded it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

STATISTIC = "statistic_"


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class PublicModel:
    """What a table stands for; everybody who reads the tables of a training computes the same."""

    item_factors: NDArray[np.float64]
    """One vector an item, shape (items, k); the prediction for a user is its vector, of the same
    length, times ``item_factors[j]``."""
    statistics: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    """What else the method's steps need, by name."""

    def to_arrays(self) -> dict[str, NDArray[np.float64]]:
        """Return named arrays to write into a file; `from_arrays` reads them."""
        named = {f"{STATISTIC}{name}": array for name, array in self.statistics.items()}
        return {"factors": self.item_factors, **named}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.float64]]) -> PublicModel:
        """Return the model that `to_arrays` wrote; arrays with other names are not its own.

        Raises
        ------
        KeyError
            The item factors are missing.
        """
        return cls(
            arrays["factors"],
            {
                name.removeprefix(STATISTIC): array
                for name, array in arrays.items()
                if name.startswith(STATISTIC)
            },
        )
