"""The data sets that come with fedmf, and the proof that they are whole.

`movielens-small.zip` holds ratings.csv and movies.csv in the layout of MovieLens;
``scripts/build_bundled_ratings.py`` made it. LICENSE-MovieLens.txt holds the terms of its use.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from fedmf.errors import DataError

BUNDLED_SHA256: Mapping[str, str] = {
    "movielens-small": "7aceee923adea351455d2e4cb03df0ad08bf7dc0825b8a2d6526027b7626540d",
}
"""SHA-256 of the archive of each bundled data set."""

BUNDLED_NAMES = tuple(BUNDLED_SHA256)
"""The names `fedmf.ratings.load_ratings` knows without a file."""


def bundled_archive(name: str) -> Path:
    """Return the path of the zip archive of a bundled data set.

    Raises
    ------
    DataError
        If the file is not the one this version of fedmf came with.
    """
    path = Path(__file__).with_name(f"{name}.zip")
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != BUNDLED_SHA256[name]:
        raise DataError(f"the bundled data set {name!r} is missing or damaged; install fedmf again")
    return path
