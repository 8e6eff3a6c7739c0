"""Columns as a source delivers them, before anybody has looked at their cells."""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from fedmf.ratings.problems import Problems


@dataclass(frozen=True, slots=True)
class UncheckedColumn:
    """One Arrow column of any type, and its name in the source."""

    name: str
    cells: pa.ChunkedArray


@dataclass(frozen=True, slots=True)
class UncheckedTable:
    """The columns of one source by their role, and the problems met while reading it.

    `problems` goes on gathering while the cells are checked, so that everything wrong with the
    source ends up in one message.
    """

    columns: Mapping[str, UncheckedColumn]
    problems: Problems
