"""The bytes of files: plain, compressed, or inside a folder or an archive."""

import gzip
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fedmf.errors import DataError


@dataclass(frozen=True, slots=True)
class FileSet:
    """The files of a folder or an archive."""

    label: str
    """What to call it in messages."""
    names: frozenset[str]
    """Names of the files, relative to it and with forward slashes."""
    read: Callable[[str], bytes]
    """Returns the bytes of one of them."""


def file_bytes(path: Path) -> bytes:
    """Return what a file holds, unpacked if its name ends in ``.gz``.

    Raises
    ------
    DataError
        If the file cannot be read or is damaged.
    """
    with _reported(str(path)):
        data = path.read_bytes()
        return gzip.decompress(data) if path.suffix.lower() == ".gz" else data


def folder_files(path: Path) -> FileSet:
    """Return the files directly in a folder."""
    with _reported(str(path)):
        names = frozenset(one.name for one in path.iterdir() if one.is_file())
    return FileSet(str(path), names, lambda name: file_bytes(path / name))


def zip_files(path: Path) -> FileSet:
    """Return the files in a zip archive, from all of its folders.

    Raises
    ------
    DataError
        If this is not a zip archive.
    """

    def read(name: str) -> bytes:
        with _reported(f"{path}/{name}"), zipfile.ZipFile(path) as archive:
            return archive.read(name)

    with _reported(str(path)), zipfile.ZipFile(path) as archive:
        # macOS adds a shadow of every file in a folder of this name.
        names = frozenset(
            one.filename
            for one in archive.infolist()
            if not one.is_dir() and not one.filename.startswith("__MACOSX/")
        )
    return FileSet(str(path), names, read)


@contextmanager
def _reported(label: str) -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError):
        raise DataError(
            f"{label} is damaged, or not compressed as its name says; get or make it again"
        ) from None
    except (RuntimeError, NotImplementedError) as error:
        raise DataError(f"{label} cannot be unpacked ({error}); unpack it by hand first") from None
    except OSError as error:
        raise DataError(f"{label} cannot be read: {error.strerror or error}") from None
