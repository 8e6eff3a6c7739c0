"""The bytes of a source: a file, plain or compressed, alone or inside a folder or an archive."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO

from fedmf.errors import DataError


@dataclass(frozen=True, slots=True)
class Source:
    """One file of bytes, which can be opened again and again."""

    label: str
    """What to call it in messages."""
    path: PurePosixPath
    """Its name and endings; within an archive, its place there."""
    _open: Callable[[], IO[bytes]]

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """Open it for reading, uncompressed whatever its name says.

        Raises
        ------
        DataError
            If it cannot be read, or is damaged.
        """
        with reported(self.label), self._open() as raw, _uncompressed(raw) as plain:
            yield plain

    def beginning(self, size: int) -> bytes:
        """Return its first bytes."""
        with self.opened() as stream:
            return _filled(stream, size)


@dataclass(frozen=True, slots=True)
class FileSet:
    """The files of a folder or an archive."""

    label: str
    """What to call it in messages."""
    names: frozenset[str]
    """Names of the files, relative to it and with forward slashes."""
    source: Callable[[str], Source]
    """Returns one of them."""


def file_source(path: Path) -> Source:
    """Return a file; of a zip archive with a single file, that file."""
    if is_zip(path):
        files = zip_files(path)
        if len(files.names) == 1:
            return files.source(*files.names)
    return Source(str(path), PurePosixPath(path), lambda: path.open("rb"))


def folder_files(path: Path) -> FileSet:
    """Return the files directly in a folder."""
    with reported(str(path)):
        names = frozenset(
            one.name for one in path.iterdir() if one.is_file() and not one.name.startswith(".")
        )
    return FileSet(str(path), names, lambda name: file_source(path / name))


def zip_files(path: Path) -> FileSet:
    """Return the files in a zip archive, from all of its folders.

    Raises
    ------
    DataError
        If this is not a zip archive.
    """

    def source(name: str) -> Source:
        return Source(f"{path}/{name}", PurePosixPath(name), lambda: _member(path, name))

    with reported(str(path)), zipfile.ZipFile(path) as archive:
        # macOS adds a shadow of every file in a folder of this name.
        names = frozenset(
            one.filename
            for one in archive.infolist()
            if not one.is_dir() and not one.filename.startswith("__MACOSX/")
        )
    return FileSet(str(path), names, source)


def within_zip(path: Path) -> Source | None:
    """Return the file that a path such as ``ml.zip/ml/ratings.csv`` names, or None."""
    for archive in path.parents:
        if archive.is_file() and is_zip(archive):
            files, name = zip_files(archive), path.relative_to(archive).as_posix()
            return files.source(name) if name in files.names else None
    return None


def is_zip(path: Path) -> bool:
    """Whether a file is a zip archive, or claims to be one."""
    if not path.is_file():
        return False
    if path.suffix.lower() == ".zip":
        return True
    with reported(str(path)), path.open("rb") as stream:
        return stream.read(4) == b"PK\x03\x04"


def _member(path: Path, name: str) -> IO[bytes]:
    archive = zipfile.ZipFile(path)
    try:
        return archive.open(name)
    finally:
        archive.close()  # what is open in it keeps the file


@contextmanager
def _uncompressed(raw: IO[bytes]) -> Iterator[BinaryIO]:
    beginning = raw.read(6)
    raw.seek(0)
    stream: Any = raw
    for magic, unpack in _PACKED.items():
        if beginning.startswith(magic):
            with unpack(stream) as plain:
                yield plain
            return
    yield stream


def _zstandard(raw: BinaryIO) -> BinaryIO:
    import pyarrow as pa

    return pa.CompressedInputStream(raw, "zstd")  # type: ignore[no-any-return]


def _lz4(raw: BinaryIO) -> BinaryIO:
    import pyarrow as pa

    return pa.CompressedInputStream(raw, "lz4")  # type: ignore[no-any-return]


_PACKED: dict[bytes, Callable[[Any], Any]] = {
    b"\x1f\x8b": lambda raw: gzip.GzipFile(fileobj=raw),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
    b"\x28\xb5\x2f\xfd": _zstandard,
    b"\x04\x22\x4d\x18": _lz4,
}
"""How files begin -> what unpacks them."""


def _filled(stream: BinaryIO, size: int) -> bytes:
    """Read until there are so many bytes, or no more."""
    parts, missing = [], size
    while missing and (part := stream.read(missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


@contextmanager
def reported(label: str) -> Iterator[None]:
    """Turn what goes wrong while bytes are read into a DataError."""
    try:
        yield
    except (zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError):
        raise DataError(
            f"{label} is damaged, or not compressed as its name says; get or make it again"
        ) from None
    except (RuntimeError, NotImplementedError) as error:
        raise DataError(f"{label} cannot be unpacked ({error}); unpack it by hand first") from None
    except OSError as error:
        raise DataError(f"{label} cannot be read: {error.strerror or error}") from None
