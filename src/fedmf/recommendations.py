"""Recommendations for many users as one table, to be served from somewhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet

from fedmf.errors import SettingsError
from fedmf.model import FactorModel
from fedmf.ratings import Id
from fedmf.store.atomic import write_file

WRITERS: dict[str, Callable[[pa.Table, pa.BufferOutputStream], None]] = {
    ".csv": pyarrow.csv.write_csv,
    ".parquet": pyarrow.parquet.write_table,
    ".arrow": pyarrow.feather.write_feather,
}
"""Ending of a file -> what writes it."""


def recommendation_table(
    model: FactorModel, n: int = 10, users: Iterable[Id] | None = None
) -> pa.Table:
    """Return the n best items for each of many users.

    Returns
    -------
    pyarrow.Table
        A row a recommendation, user by user, best first: ``user``, ``rank`` from 1, ``item``,
        ``title``, ``score``, and ``low`` and ``high`` as `Recommendation` has them.

    Raises
    ------
    UnknownNameError
        The model does not hold one of the users.
    SettingsError
        n is below 1.
    """
    chosen: Sequence[Id] = model.user_ids
    if users is not None:
        chosen = [model.user_ids[model.user_code(one)] for one in users]
    found = [
        (user, rank, one)
        for user in chosen
        for rank, one in enumerate(model.recommend(user, n), start=1)
    ]
    return pa.table(
        {
            "user": _ids([user for user, _, _ in found]),
            "rank": pa.array([rank for _, rank, _ in found], pa.int32()),
            "item": _ids([one.item for _, _, one in found]),
            "title": pa.array([one.title for _, _, one in found], pa.string()),
            **{
                name: pa.array([getattr(one, name) for _, _, one in found], pa.float64())
                for name in ("score", "low", "high")
            },
        }
    )


def check_ending(file: Path) -> None:
    """Raise SettingsError if tables cannot be written to a file of this name."""
    if file.suffix.lower() not in WRITERS:
        raise SettingsError(f"{file} has to end in one of {', '.join(WRITERS)}")


def write_table(table: pa.Table, file: Path) -> None:
    """Write a table in the format that the file's ending names, whole or not at all.

    Raises
    ------
    SettingsError
        The ending names no format.
    """
    check_ending(file)
    stream = pa.BufferOutputStream()
    WRITERS[file.suffix.lower()](table, stream)
    write_file(file, stream.getvalue().to_pybytes())


def _ids(ids: Sequence[Id]) -> pa.Array:
    """Return ids as whole numbers where all of them are, and as text otherwise."""
    if all(isinstance(one, int) and -(2**63) <= one < 2**63 for one in ids):
        return pa.array(ids, pa.int64())
    return pa.array(list(map(str, ids)), pa.string())
