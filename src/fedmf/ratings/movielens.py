"""The layouts in which GroupLens has published MovieLens, from 100K to 25M and latest."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath

from fedmf.errors import DataError
from fedmf.ratings.archives import FileSet
from fedmf.ratings.assembly import assembled
from fedmf.ratings.cells import checked_ids
from fedmf.ratings.column_names import Wanted, wanted_columns
from fedmf.ratings.delimited import DelimitedText, read_delimited
from fedmf.ratings.identifiers import Id
from fedmf.ratings.scale import RatingScale
from fedmf.ratings.table import Ratings

HALF_STARS = RatingScale(0.5, 5.0)
WHOLE_STARS = RatingScale(1.0, 5.0)

RATING_COLUMNS = ("user", "item", "rating", "timestamp")


@dataclass(frozen=True, slots=True)
class Layout:
    """Two files: the ratings, and the titles of the items."""

    ratings: str
    titles: str
    """Names of the files."""
    delimiters: tuple[str, str]
    """What separates fields: of the ratings, of the titles."""
    title_columns: tuple[str, ...] | None
    """Names of the columns of the titles; None where both files have headers."""


LAYOUTS = (
    # latest, latest-small, 20m, 25m, 32m
    Layout("ratings.csv", "movies.csv", (",", ","), None),
    # 1m, 10m
    Layout("ratings.dat", "movies.dat", ("::", "::"), ("item", "title", "genres")),
    # 100k; the columns after the title are dates, a link and one flag per genre
    Layout(
        "u.data", "u.item", ("\t", "|"), ("item", "title", *(f"other {k}" for k in range(3, 25)))
    ),
)


def find_layout(files: FileSet) -> tuple[Layout, PurePosixPath] | None:
    """Return the layout of the files and the folder they stand in, or None if it is another."""
    for layout in LAYOUTS:
        for name in sorted(files.names):
            folder = PurePosixPath(name).parent
            if name == str(folder / layout.ratings) and str(folder / layout.titles) in files.names:
                return layout, folder
    return None


def load_movielens(name: str, files: FileSet, scale: RatingScale | None = None) -> Ratings:
    """Load ratings and titles from a MovieLens folder or archive.

    Without a scale it takes that of the data set: 1 to 5 for 100k and 1m, otherwise 0.5 to 5.

    Raises
    ------
    DataError
        If the files are in no known layout, or something is wrong in one of them.
    """
    found = find_layout(files)
    if found is None:
        pairs = ", ".join(f"{layout.ratings} with {layout.titles}" for layout in LAYOUTS)
        raise DataError(
            f"{files.label} is in no MovieLens layout known here: it needs one of these pairs of "
            f"files: {pairs}; to load a single table, give the path of the file itself"
        )
    layout, folder = found
    if scale is None:
        scale = _scale(layout, folder, files)
    ratings = _text(files, folder / layout.ratings, layout, layout.delimiters[0], RATING_COLUMNS)
    titles = _text(
        files, folder / layout.titles, layout, layout.delimiters[1], layout.title_columns
    )
    table = read_delimited(ratings, wanted_columns("user", "item", "rating", "timestamp"))
    return assembled(name, table, scale, _titles(titles))


def _scale(layout: Layout, folder: PurePosixPath, files: FileSet) -> RatingScale:
    # 1m and 10m share the names of their tables, but only 1m tells about its users.
    is_1m = str(folder / "users.dat") in files.names
    return WHOLE_STARS if layout.ratings == "u.data" or is_1m else HALF_STARS


def _text(
    files: FileSet,
    path: PurePosixPath,
    layout: Layout,
    delimiter: str,
    names: tuple[str, ...] | None,
) -> DelimitedText:
    has_header = layout.title_columns is None
    return DelimitedText(
        label=f"{files.label}/{path}",
        read=partial(_utf8_bytes, files, str(path), delimiter),
        # pyarrow knows single characters only, and no MovieLens file contains a tab of its own.
        delimiter="\t" if delimiter == "::" else delimiter,
        quoted=has_header,
        names=None if has_header else names,
    )


def _utf8_bytes(files: FileSet, path: str, delimiter: str) -> bytes:
    """Return a file as UTF-8; 100k, 1m and some copies of 10m are Latin-1."""
    data = files.read(path)
    if delimiter == "::":
        data = data.replace(b"::", b"\t")
    try:
        data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1").encode()
    return data


def _titles(text: DelimitedText) -> Mapping[Id, str]:
    table = read_delimited(text, {"item": Wanted("item"), "title": Wanted("title")})
    table.problems.raise_if_any()
    codes, ids = checked_ids(table.columns["item"], table.problems, [])
    table.problems.raise_if_any()
    titles = table.columns["title"].cells.to_pylist()
    return {ids[code]: title for code, title in zip(codes, titles, strict=True) if title}
