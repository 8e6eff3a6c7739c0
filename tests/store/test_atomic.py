import os
import shutil
import stat
from pathlib import Path

import pytest

from fedmf.store.arrays import read_arrays
from fedmf.store.atomic import new_folder, remove_folder, write_file


def test_files_replace_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content in (b"one", b"two"):
        write_file(path, content)
        assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("private", "mode"), [(True, 0o600), (False, 0o640)])
def test_private_files_are_for_their_owner_alone(tmp_path: Path, private: bool, mode: int) -> None:
    before = os.umask(0o027)
    try:
        write_file(tmp_path / "file", b"", private=private)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_file(path, b"old")

    def broken(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="Input/output"):
        write_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_folders_replace_what_was_there(tmp_path: Path) -> None:
    for content in ("one", "two"):
        with new_folder(tmp_path / "folder") as filling:
            (filling / "file").write_text(content)
    assert (tmp_path / "folder" / "file").read_text() == "two"
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_failed_folder_leaves_the_old_one(tmp_path: Path) -> None:
    with new_folder(tmp_path / "folder") as filling:
        (filling / "file").write_text("old")
    with pytest.raises(KeyboardInterrupt):
        stop_halfway(tmp_path / "folder")
    assert (tmp_path / "folder" / "file").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def stop_halfway(folder: Path) -> None:
    with new_folder(folder) as filling:
        (filling / "file").write_text("half")
        raise KeyboardInterrupt


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04", b"\x93NUMPY\x01\x00"])
def test_files_without_arrays_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "arrays.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"arrays\.npz"):
        read_arrays(tmp_path / "arrays.npz")


def test_a_folder_is_gone_at_once_whatever_happens_while_it_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "file").write_text("content")
    with monkeypatch.context() as patched:

        def killed(path: Path, **_: object) -> None:
            raise KeyboardInterrupt(path)

        patched.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            remove_folder(folder)
    assert not folder.exists()
    (hidden,) = tmp_path.iterdir()
    assert hidden.name.startswith(".folder.gone.")
    assert (hidden / "folder" / "file").read_text() == "content"


def test_removing_leaves_nothing_and_no_folder_is_no_mistake(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "file").write_text("content")
    remove_folder(folder)
    remove_folder(folder)
    assert not list(tmp_path.iterdir())
