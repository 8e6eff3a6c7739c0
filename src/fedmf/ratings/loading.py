"""`load_ratings` and `load_fold_in_ratings`: which reader is for which source."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fedmf.errors import DataError, UnknownNameError
from fedmf.ratings.archives import FileSet, file_bytes, folder_files, zip_files
from fedmf.ratings.bundled import BUNDLED_NAMES, bundled_archive
from fedmf.ratings.column_names import Wanted, wanted_columns
from fedmf.ratings.scale import RatingScale
from fedmf.ratings.table import Ratings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fedmf.ratings.identifiers import Id
    from fedmf.ratings.unchecked import UncheckedTable

# pyarrow takes a tenth of a second to import, so the modules that need it are imported when
# ratings are loaded and not when fedmf is.

TEXT_ENDINGS = (".csv", ".tsv")
FILE_ENDINGS = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".csv.zip", ".tsv.zip", ".parquet")
MOVIELENS_FILES = ("u.data", "ratings.dat")


def load_ratings(
    source: Any,
    *,
    user: str = "user",
    item: str = "item",
    rating: str = "rating",
    timestamp: str | None = "timestamp",
    scale: RatingScale | tuple[float, float] | None = None,
) -> Ratings:
    """Load ratings and check them.

    Parameters
    ----------
    source
        One of

        - the name of a bundled data set: ``"movielens-small"``;
        - the path of a MovieLens folder or of its zip archive (100k, 1m, 10m, 20m, 25m, latest);
        - the path of a table: ``.csv`` or ``.tsv``, as they are or with ``.gz`` or ``.zip`` at the
          end, or ``.parquet``;
        - a frame: pandas, polars, Arrow, or anything that offers ``__arrow_c_stream__``.
    user, item, rating, timestamp
        Names of the columns of a table or frame. Common names (``userId``, ``movie_id``, ``stars``)
        are found where the default ones are absent. The timestamp is optional; None ignores it.
    scale
        The lowest and highest possible rating. By default that of the MovieLens data set, or else
        the lowest and highest rating found, without outliers: 500 among 1 to 5 is left out, and a
        note names it.

    Returns
    -------
    Ratings
        The table; its `notes` say what was noticed, such as duplicates (the last one in time wins,
        or in file order without timestamps).

    Raises
    ------
    DataError
        If the file is missing or unreadable, or anything in it is wrong: all of it in one message.
    UnknownNameError
        If `source` is neither a bundled data set nor looks like a path.
    SettingsError
        If `scale` is upside down or not finite.
    """
    limits = _limits(scale)
    files = None
    if isinstance(source, str) and source in BUNDLED_NAMES:
        name, files = source, zip_files(bundled_archive(source))
    else:
        if isinstance(source, str | Path):
            source = _existing(source)
            files = _movielens_files(source)
        name = _name(source)
    if files is not None:
        from fedmf.ratings.movielens import load_movielens

        return load_movielens(name, files, limits)
    from fedmf.ratings.assembly import assembled

    table = _read_table(source, wanted_columns(user, item, rating, timestamp))
    return assembled(name, table, limits)


def load_fold_in_ratings(
    source: Any,
    *,
    item: str = "item",
    rating: str = "rating",
    scale: RatingScale | tuple[float, float] | None = None,
) -> list[tuple[Id, float]]:
    """Load the ratings of one new user, to fold that user into a trained model.

    Parameters
    ----------
    source
        The path of a table, or a frame, as for `load_ratings`. A user column is not needed; if
        there is one, it must name one user only.
    item, rating
        Names of the columns; common names are found where the default ones are absent.
    scale
        What the ratings must lie in; None does not check.

    Returns
    -------
    list of (item identifier, rating)
        In file order, each item once: the last rating of an item wins.

    Raises
    ------
    DataError
        If anything is wrong with the table, or it holds more than one user.
    """
    # In file order, no matter when the ratings were given.
    return load_one_user(source, item=item, rating=rating, scale=scale).in_file_order().in_turn()


def load_one_user(
    source: Any,
    *,
    item: str = "item",
    rating: str = "rating",
    scale: RatingScale | tuple[float, float] | None = None,
    values_needed: bool = True,
) -> Ratings:
    """Load what `load_fold_in_ratings` does, with timestamps if there are any.

    Without `values_needed` the rating column may be missing; each rating is 1 then.
    """
    from fedmf.ratings.assembly import assembled

    limits = _limits(scale)
    path_or_frame = _existing(source) if isinstance(source, str | Path) else source
    wanted = wanted_columns("user", item, rating, "timestamp")
    wanted["user"] = Wanted("user", required=False)
    wanted["rating"] = Wanted(rating, required=values_needed)
    table = _read_table(path_or_frame, wanted)
    # The model knows the scale; what does not fit it is not left out here, but refused there.
    anything = RatingScale(-sys.float_info.max, sys.float_info.max)
    ratings = assembled(_name(path_or_frame), table, limits or anything)
    if ratings.n_users > 1:
        raise DataError(
            f"{ratings.name!r} holds ratings of {ratings.n_users:,} users, but one user is folded "
            "in at a time; give the ratings of one"
        )
    return ratings


def _limits(scale: RatingScale | tuple[float, float] | None) -> RatingScale | None:
    return scale if scale is None or isinstance(scale, RatingScale) else RatingScale(*scale)


def _existing(source: str | Path) -> Path:
    path = Path(source).expanduser()
    if path.exists():
        return path
    if isinstance(source, Path) or path.suffix or len(path.parts) > 1:
        raise DataError(f"file not found: {source}; check the path and the spelling")
    raise UnknownNameError.among("data set", source, BUNDLED_NAMES)


def _name(source: Any) -> str:
    """Return what to call ratings: by their file or folder, without the endings of its format."""
    if not isinstance(source, Path):
        return "frame"
    name = source.resolve().name
    for ending in (".gz", ".zip", *TEXT_ENDINGS, ".parquet"):
        name = name.removesuffix(ending)
    return name


def _movielens_files(path: Path) -> FileSet | None:
    """Return the files of a MovieLens folder or archive, None if `path` is a single table."""
    from fedmf.ratings.movielens import find_layout

    if path.is_dir():
        return folder_files(path)
    if path.name in MOVIELENS_FILES:
        return folder_files(path.parent)
    if path.suffix.lower() == ".zip":
        files = zip_files(path)
        if find_layout(files) is not None or _only_table(files) is None:
            return files
    return None


def _only_table(files: FileSet) -> str | None:
    tables = [name for name in files.names if name.lower().endswith(TEXT_ENDINGS)]
    return tables[0] if len(tables) == 1 else None


def _read_table(source: Any, wanted: Mapping[str, Wanted]) -> UncheckedTable:
    """Read one table from a path or a frame."""
    from fedmf.ratings.delimited import DelimitedText, read_delimited
    from fedmf.ratings.frames import read_frame, read_parquet

    if not isinstance(source, Path):
        return read_frame(source, wanted)
    ending = "".join(source.suffixes[-2:]).lower()
    if ending.endswith(".parquet"):
        return read_parquet(source, wanted)
    if ending.endswith(".zip"):
        files = zip_files(source)
        table = _only_table(files)
        if table is None:
            raise DataError(f"{source} does not hold exactly one .csv or .tsv file; give that file")
        tab = "\t" if table.lower().endswith(".tsv") else None
        text = DelimitedText(f"{source}/{table}", lambda: files.read(table), tab)
        return read_delimited(text, wanted)
    if ending.removesuffix(".gz").endswith(TEXT_ENDINGS):
        tab = "\t" if ".tsv" in ending else None
        text = DelimitedText(str(source), lambda: file_bytes(source), tab)
        return read_delimited(text, wanted)
    raise DataError(
        f"{source}: files that end in {source.suffix or 'nothing'!r} are not known here; give one "
        f"of {', '.join(FILE_ENDINGS)}, or a MovieLens folder"
    )
