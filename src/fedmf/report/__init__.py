"""Reports: a run directory as one HTML page for people. Reads run directories and nothing else."""

from __future__ import annotations

from pathlib import Path

from fedmf.errors import SettingsError
from fedmf.report.page import page
from fedmf.report.reading import Run, read_run
from fedmf.store.atomic import write_file

__all__ = ["Run", "page", "read_run", "write_report"]


def write_report(directory: Path, out: Path | None = None) -> Path:
    """Write the report on a run as one HTML file, whole or not at all.

    Parameters
    ----------
    directory
        A run directory, of a training that is over or not.
    out
        The file; None: ``report.html`` in the run directory. What was there is replaced.

    Raises
    ------
    RunDirectoryError
        It is no run directory, or a file in it is damaged.
    SettingsError
        The file cannot have this name.
    """
    run = read_run(directory)
    path = out or directory / "report.html"
    if path.is_dir():
        raise SettingsError(f"{path} is a folder: name a file, such as {path / 'report.html'}")
    if not path.parent.is_dir():
        raise SettingsError(f"there is no folder {path.parent}: make it, or name another file")
    # Names come from file systems, where not every byte is a character.
    write_file(path, page(run).encode("utf-8", errors="replace"))
    return path
