"""Which file of a folder or an archive holds the ratings, and which the titles of the items."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fedmf.errors import DataError, UnknownNameError
from fedmf.ratings.bundled import BUNDLED_NAMES, bundled_archive
from fedmf.ratings.problems import listed
from fedmf.ratings.scale import RatingScale
from fedmf.ratings.sources import (
    FileSet,
    Source,
    file_source,
    folder_files,
    is_zip,
    within_zip,
    zip_files,
)

HALF_STARS = RatingScale(0.5, 5.0)
WHOLE_STARS = RatingScale(1.0, 5.0)

TITLES = {
    "ratings.csv": ("movies.csv", "books.csv", "items.csv", "anime.csv"),
    "rating.csv": ("movie.csv", "anime.csv"),
    "ratings.dat": ("movies.dat",),
    "u.data": ("u.item",),
    "user_artists.dat": ("artists.dat",),
    "bx-book-ratings.csv": ("bx-books.csv", "bx_books.csv"),
}
"""Names under which ratings are published -> names of the files of titles that stand beside."""
ENDINGS = (
    *(".csv", ".tsv", ".txt", ".dat", ".data", ".inter", ".arff", ".json", ".jsonl", ".ndjson"),
    *(".parquet", ".pq", ".feather", ".arrow", ".edges", ".rating", ".ratings", ".base"),
)
"""Endings of files that may be ratings."""
COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".lz4", ".zip")


@dataclass(frozen=True, slots=True)
class DataSet:
    """A file of ratings, and what stands beside it."""

    name: str
    """What to call the ratings."""
    ratings: Source
    titles: Source | None
    usual_scale: RatingScale | None
    """The scale of the MovieLens data set that this seems to be."""


def located(source: str | Path) -> DataSet:
    """Return the file that a path or the name of a bundled data set stands for.

    The path of a file stands for that file and for no other one.

    Raises
    ------
    DataError
        If there is no such file, or a folder or archive holds several sets of ratings.
    UnknownNameError
        If `source` is neither a bundled data set nor looks like a path.
    """
    if isinstance(source, str) and source in BUNDLED_NAMES:
        return _chosen(source, zip_files(bundled_archive(source)))
    path = Path(source).expanduser()
    name = _bare(PurePosixPath(path.resolve().name))
    if path.is_dir():
        return _chosen(path.resolve().name, folder_files(path))
    if path.is_file() and is_zip(path):
        return _chosen(name, zip_files(path))
    if path.is_file():
        files = folder_files(path.parent)
        known = _plain(PurePosixPath(path.name)) in (*TITLES,) and path.suffix != ".csv"
        called = path.resolve().parent.name if known else name
        return _with_titles(called, path.name, file_source(path), files)
    inside = within_zip(path)
    if inside is not None:
        return DataSet(name, inside, None, None)
    if isinstance(source, Path) or path.suffix or len(path.parts) > 1:
        raise DataError(f"file not found: {source}; check the path and the spelling")
    raise UnknownNameError.among("data set", source, BUNDLED_NAMES)


def _chosen(name: str, files: FileSet) -> DataSet:
    """Return the only set of ratings among the files."""
    known = sorted(one for one in files.names if _is_known(PurePosixPath(one)))
    others = sorted(one for one in files.names if _may_be_ratings(PurePosixPath(one)))
    candidates = known or others
    if len(candidates) == 1:
        return _with_titles(name, candidates[0], files.source(candidates[0]), files)
    if not candidates:
        raise DataError(
            f"{files.label} holds no file that may be ratings (found: "
            f"{listed(sorted(files.names)) or 'nothing'}); give the path of the file itself"
        )
    example = f"{files.label}/{candidates[0]}"
    raise DataError(
        f"{files.label} holds more than one set of ratings: {listed(candidates)}; give the path of "
        f"the one that you mean, such as {example}"
    )


def _with_titles(name: str, ratings: str, source: Source, files: FileSet) -> DataSet:
    path = PurePosixPath(ratings)
    plain = _plain(path)
    beside = {
        _plain(PurePosixPath(one)): one
        for one in files.names
        if PurePosixPath(one).parent == path.parent
    }
    wanted: Iterable[str] = TITLES.get(plain, ())
    if plain.endswith(".inter"):
        wanted = (plain.removesuffix(".inter") + ".item",)
    found = next((beside[one] for one in wanted if one in beside), None)
    usual = None
    if (
        found is not None
        and plain in ("ratings.csv", "ratings.dat", "u.data")
        and "movie" in found + "movie" * (plain == "u.data")
    ):
        # 1m and 10m share the names of their tables, but only 1m tells about its users.
        usual = WHOLE_STARS if plain == "u.data" or "users.dat" in beside else HALF_STARS
    return DataSet(name, source, files.source(found) if found else None, usual)


def _plain(path: PurePosixPath) -> str:
    """Return the name of a file in lower case, without the ending of its compression."""
    name = path.name.lower()
    for ending in COMPRESSED:
        name = name.removesuffix(ending)
    return name


def _bare(path: PurePosixPath) -> str:
    """Return the name of a file without the endings of its format."""
    name = path.name
    for ending in (*COMPRESSED, *ENDINGS):
        if name.lower().endswith(ending) and len(name) > len(ending):
            name = name[: -len(ending)]
    return name


def _is_known(path: PurePosixPath) -> bool:
    plain = _plain(path)
    return plain in TITLES or plain.endswith(".inter")


def _may_be_ratings(path: PurePosixPath) -> bool:
    plain = PurePosixPath(_plain(path))
    about = ("readme", "license", "licence", "about")
    return plain.suffix in ENDINGS and not plain.name.startswith(about)
