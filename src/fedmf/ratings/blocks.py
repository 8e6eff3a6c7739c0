"""What every reader hands over: blocks of cells by role, and where their rows stand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from fedmf.ratings.reading import Guess, Reading

if TYPE_CHECKING:
    import pyarrow as pa

    from fedmf.ratings.problems import Problems


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows of a source."""

    cells: Mapping[str, pa.Array]
    """Role -> cells, Arrow arrays of the same length and of any type."""
    rows: npt.NDArray[np.int64]
    """Where each stands in the source, counted from 0, int64, shape (n,)."""


@dataclass(frozen=True, slots=True)
class Unchecked:
    """A source as it is read: nothing of it is checked yet."""

    names: Mapping[str, str]
    """Role -> what its column is called."""
    blocks: Callable[[], Iterator[Block]]
    """Reads it, block after block."""
    problems: Problems
    """What was wrong so far; checking goes on with it, so that all ends up in one message."""
    reading: Reading
    guesses: tuple[Guess, ...]
    empty_is_unrated: bool = False
    """Whether an empty cell in the place of a rating is no mistake."""
    value_name: str = ""
    """The plain name of the ratings' column."""


def row_names(rows: Sequence[int]) -> list[str]:
    """Say where rows of a frame stand."""
    return [f"row {row} (the first is 0)" for row in rows]
