"""Tiny files: tables, and data sets in the layouts of MovieLens with all their oddities."""

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

RATINGS = [(1, 661, 3, 978302109), (1, 50, 5, 978300760), (2, 50, 4, 978299000)]
TITLES = {50: "Misérables, Les (1995)", 661: "James, the Peach (1996)", 999: "Nobody (2000)"}


def csv_layout() -> Mapping[str, bytes]:
    """Return latest, 20m and 25m: CSV with headers, quoted titles, UTF-8."""
    ratings = "userId,movieId,rating,timestamp\n"
    ratings += "".join(f"{u},{i},{r - 0.5},{t}\n" for u, i, r, t in RATINGS)
    movies = "movieId,title,genres\n"
    movies += "".join(f'{i},"{title}",Drama|War\n' for i, title in TITLES.items())
    return {"ratings.csv": ratings.encode(), "movies.csv": movies.encode(), "README.txt": b"?"}


def dat_layout(encoding: str) -> Mapping[str, bytes]:
    """Return 10m, and 1m but for the file about its users: two colons and no header."""
    ratings = "".join(f"{u}::{i}::{r}::{t}\n" for u, i, r, t in RATINGS)
    movies = "".join(f"{i}::{title}::Drama|War\n" for i, title in TITLES.items())
    return {"ratings.dat": ratings.encode(), "movies.dat": movies.encode(encoding)}


def layout_1m() -> Mapping[str, bytes]:
    """Return 1m: titles in Latin-1, and a file about the users."""
    return {**dat_layout("latin-1"), "users.dat": b"1::F::1::10::48067\n"}


def layout_100k() -> Mapping[str, bytes]:
    """Return 100k: tabs and bars, 24 columns about items, titles in Latin-1."""
    data = "".join(f"{u}\t{i}\t{r}\t{t}\n" for u, i, r, t in RATINGS)
    flags = "|".join("0" * 19)
    items = "".join(f"{i}|{title}|01-Jan-1995||link|{flags}\n" for i, title in TITLES.items())
    return {"u.data": data.encode(), "u.item": items.encode("latin-1"), "u.genre": b"Drama|0\n"}


LAYOUTS: Mapping[str, Callable[[], Mapping[str, bytes]]] = {
    "25m": csv_layout,
    "10m": lambda: dat_layout("utf-8"),
    "10m in Latin-1": lambda: dat_layout("latin-1"),
    "1m": layout_1m,
    "100k": layout_100k,
}


def write_file(folder: Path, data: str | bytes, name: str = "books.csv") -> Path:
    """Write a file, byte by byte as given."""
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def write_folder(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write the files into a new folder."""
    folder.mkdir(parents=True)
    for name, data in files.items():
        write_file(folder, data, name)
    return folder


def write_zip(path: Path, files: Mapping[str, bytes]) -> Path:
    """Write the files into a zip archive."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path
