"""Participants' private states, and the public model, as files of a checkpoint: plain arrays.

States are private, mode 0600; nothing is pickled.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedmf.errors import RunDirectoryError
from fedmf.federation.participant import ParticipantState
from fedmf.federation.table_reader import Reading
from fedmf.model import RATERS, PublicModel
from fedmf.protocol import Change, RowChange, TableShape
from fedmf.store.arrays import read_arrays, write_arrays
from fedmf.store.faults import reading

STATES, PENDING = "participants", "pending"
PUBLIC_MODEL = "public-model.npz"


def write_public_model(folder: Path, reading: Reading) -> None:
    """Write what a table said into a folder: the public model, and the raters."""
    raters = {} if reading.raters is None else {RATERS: reading.raters}
    write_arrays(folder / PUBLIC_MODEL, {**reading.model.to_arrays(), **raters}, private=False)


def read_public_model(folder: Path) -> Reading:
    """Read what `write_public_model` wrote.

    Raises
    ------
    RunDirectoryError
        The file is damaged or missing.
    """
    path = folder / PUBLIC_MODEL
    with reading(path):
        arrays = read_arrays(path)
        return Reading(PublicModel.from_arrays(arrays), arrays.get(RATERS))


def write_states(path: Path, states: Mapping[int, ParticipantState], shape: TableShape) -> None:
    """Write the states of some participants into one file."""
    numbers = list(states)
    arrays = {
        "numbers": np.array(numbers, dtype=np.int64),
        "users": np.array([len(states[n].user_factors) for n in numbers], dtype=np.int64),
        "user_factors": np.concatenate([states[n].user_factors for n in numbers]),
        "made_from": np.array(
            [[list(digest) for digest in states[n].made_from] for n in numbers], dtype=np.uint8
        ),
        "contributed": np.array([states[n].contribution is not None for n in numbers]),
    }
    contributions = [c for n in numbers if (c := states[n].contribution) is not None]
    for k, group in enumerate(shape.groups):
        arrays[f"{group.name}_counts"] = np.array([len(c[k].rows) for c in contributions], np.int64)
        arrays[f"{group.name}_rows"] = np.concatenate(
            [np.zeros(0, np.int64), *(c[k].rows for c in contributions)]
        )
        arrays[f"{group.name}_values"] = np.concatenate(
            [np.zeros((0, group.columns), np.int64), *(c[k].values for c in contributions)]
        )
    write_arrays(path, arrays, private=True)


def read_states(
    folder: Path, shape: TableShape, wanted: Collection[int]
) -> dict[int, ParticipantState]:
    """Read the states of the wanted participants from all files of a folder.

    Raises
    ------
    RunDirectoryError
        A file is damaged, or a participant is missing.
    """
    states = _all_states(folder, STATES, shape)
    missing = sorted(set(wanted) - states.keys())
    if missing:
        raise RunDirectoryError(f"{folder} lacks the states of {len(missing)} participants")
    return {number: states[number] for number in wanted}


def read_pending(
    folder: Path, shape: TableShape, wanted: Collection[int]
) -> dict[int, ParticipantState]:
    """Read what those of the wanted participants that uploaded something await.

    Raises
    ------
    RunDirectoryError
        A file is damaged.
    """
    states = _all_states(folder, PENDING, shape)
    return {number: states[number] for number in wanted if number in states}


def _all_states(folder: Path, kind: str, shape: TableShape) -> dict[int, ParticipantState]:
    states: dict[int, ParticipantState] = {}
    for path in sorted(folder.glob(f"{kind}-*.npz")):
        with reading(path):
            states.update(_states(read_arrays(path), shape))
    return states


def _states(arrays: Mapping[str, NDArray[Any]], shape: TableShape) -> dict[int, ParticipantState]:
    factors = np.split(arrays["user_factors"], np.cumsum(arrays["users"])[:-1])
    groups = [
        [
            RowChange(rows, values)
            for rows, values in zip(
                np.split(arrays[f"{group.name}_rows"], np.cumsum(arrays[f"{group.name}_counts"])),
                np.split(arrays[f"{group.name}_values"], np.cumsum(arrays[f"{group.name}_counts"])),
                strict=True,
            )
        ]
        for group in shape.groups
    ]
    contributions: Iterator[Change] = iter(zip(*groups, strict=True))
    return {
        int(number): ParticipantState(
            vectors,
            next(contributions) if contributed else None,
            tuple(digest.tobytes() for digest in made_from),
        )
        for number, vectors, contributed, made_from in zip(
            arrays["numbers"], factors, arrays["contributed"], arrays["made_from"], strict=True
        )
    }
