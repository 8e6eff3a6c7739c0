from pathlib import Path

import pytest

from fedmf.errors import RunDirectoryError
from fedmf.store.append_log import AppendLog


def test_a_log_gives_back_what_was_appended(tmp_path: Path) -> None:
    path = tmp_path / "members" / "member-0.log"
    log = AppendLog(path)
    for record in (b"one", b"", b"three" * 100):
        log.append(record)
    assert list(AppendLog(path).records()) == [b"one", b"", b"three" * 100]
    assert path.stat().st_mode & 0o077 == 0


def test_a_record_cut_short_was_never_acted_upon(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = AppendLog(path)
    log.append(b"whole")
    whole = path.stat().st_size
    log.append(b"cut short by the crash")
    for length in range(whole, path.stat().st_size):
        short = tmp_path / f"log-{length}"
        short.write_bytes(path.read_bytes()[:length])
        again = AppendLog(short)
        assert list(again.records()) == [b"whole"]
        again.append(b"next")
        assert list(AppendLog(short).records()) == [b"whole", b"next"]


def test_a_damaged_log_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = AppendLog(path)
    log.append(b"what the member did")
    log.append(b"and then")
    data = bytearray(path.read_bytes())
    data[15] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(RunDirectoryError, match="damaged"):
        AppendLog(path)
    with pytest.raises(RunDirectoryError, match="cannot be read"):
        AppendLog(path / "no folder")


def test_a_log_that_cannot_be_written_stops_the_member(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = AppendLog(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(RunDirectoryError, match="cannot be written"):
        log.append(b"anything")
    assert list(log.records()) == []
