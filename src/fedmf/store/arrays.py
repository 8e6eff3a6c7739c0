"""Named arrays in one file: numpy's .npz, never with pickle."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedmf.store.atomic import put_file


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]], *, private: bool) -> None:
    """Write arrays into a folder that `new_folder` is filling; a private file has mode 0600."""
    content = io.BytesIO()
    np.savez(content, **arrays)  # type: ignore[arg-type]
    put_file(path, content.getvalue(), private=private)


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read what `write_arrays` wrote.

    Raises
    ------
    ValueError
        The file is missing, damaged, or holds anything but plain arrays.
    """
    try:
        # Opened here, because numpy forgets to close what it cannot read.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except Exception as error:  # damaged archives make numpy and zlib raise almost anything
        raise ValueError(f"{path.name}: {error}") from error
