import os
import shutil
import stat
from pathlib import Path

import pytest

from fedmf.errors import RunDirectoryError
from fedmf.store.snapshots import DIGESTS, Snapshots
from tests.store.disk import Disk, Kill


def keep(snapshots: Snapshots, content: bytes) -> None:
    with snapshots.next() as folder:
        (folder / "content").write_bytes(content)


def test_the_newest_snapshot_is_the_only_one(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path / "state")
    assert snapshots.newest() is None
    assert snapshots.glance("content") is None
    for content in (b"one", b"two"):
        keep(snapshots, content)
    newest = Snapshots(tmp_path / "state").newest()
    assert newest is not None
    assert (newest / "content").read_bytes() == b"two" == snapshots.glance("content")
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["snapshot-000000002"]
    for folder in (newest.parent, newest):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    snapshots.clear()
    assert snapshots.newest() is None
    assert not list((tmp_path / "state").iterdir())


@pytest.mark.parametrize("call", ["fsync", "rename", "rmtree"])
def test_a_kill_at_any_moment_leaves_one_whole_snapshot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    owner = {"fsync": os, "rename": Path, "rmtree": shutil}[call]
    real, kills = getattr(owner, call), 0
    for fatal in range(1, 20):
        snapshots = Snapshots(tmp_path / f"state-{fatal}")
        keep(snapshots, b"old")
        calls = 0

        def dying(*arguments: object, fatal: int = fatal, **options: object) -> object:
            nonlocal calls
            calls += 1
            if calls == fatal:
                raise Kill
            return real(*arguments, **options)

        with monkeypatch.context() as patched:
            patched.setattr(owner, call, dying)
            try:
                keep(snapshots, b"new")
            except Kill:
                kills += 1
        newest = Snapshots(tmp_path / f"state-{fatal}").newest()
        assert newest is not None
        assert (newest / "content").read_bytes() in (b"old", b"new")
        keep(snapshots, b"newer")
        assert snapshots.glance("content") == b"newer"
        assert len(list((tmp_path / f"state-{fatal}").glob("snapshot-*"))) == 1
    assert kills >= {"fsync": 4, "rename": 2, "rmtree": 1}[call]


@pytest.mark.parametrize("name", ["content", DIGESTS])
@pytest.mark.parametrize("damage", ["missing", "changed", "shortened", "emptied"])
def test_damage_is_named(tmp_path: Path, name: str, damage: str) -> None:
    snapshots = Snapshots(tmp_path)
    keep(snapshots, b"content")
    path = tmp_path / "snapshot-000000001" / name
    data = path.read_bytes()
    changed = {"changed": data[:5] + bytes([data[5] ^ 1]) + data[6:], "shortened": data[:-1]}
    path.unlink() if damage == "missing" else path.write_bytes(changed.get(damage, b""))
    with pytest.raises(
        RunDirectoryError, match=f"snapshot-000000001/{name} (is damaged|cannot be read)"
    ):
        snapshots.newest()


def test_a_full_disk_leaves_the_snapshot_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshots = Snapshots(tmp_path / "state")
    keep(snapshots, b"old")

    full = pytest.raises(RunDirectoryError, match="state cannot be written: No space left")
    with Disk(monkeypatch).full(), full:
        keep(snapshots, b"new")
    assert snapshots.glance("content") == b"old"
    assert len(list((tmp_path / "state").iterdir())) == 1


def test_what_another_version_left_is_refused(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path)
    keep(snapshots, b"content")
    path = tmp_path / "snapshot-000000001" / DIGESTS
    path.write_text(path.read_text().replace("snapshot 1", "snapshot 2"))
    with pytest.raises(RunDirectoryError, match="was written by another version of fedmf"):
        snapshots.newest()
    (tmp_path / "generation-1").mkdir()
    with pytest.raises(RunDirectoryError, match="generation-1 does not belong there, or comes"):
        snapshots.newest()


def test_a_file_that_is_gone_for_good_is_named(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path)
    keep(snapshots, b"content")
    with pytest.raises(RunDirectoryError, match="other is missing"):
        snapshots.glance("other")
