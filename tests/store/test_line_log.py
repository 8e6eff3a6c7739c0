import os
from pathlib import Path

import pytest

from fedmf.errors import RunDirectoryError
from fedmf.store.line_log import LineLog


def test_what_is_behind_the_place_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = LineLog(path)
    nothing = log.append([])
    assert not path.exists()
    place = log.append(["one", "zwölf"])
    with path.open("a") as file:
        file.write("half a li")
    again = LineLog(path)
    assert again.read(place) == ["one", "zwölf"]
    again.cut(place)
    end = again.append(["three"])
    assert path.read_text(encoding="utf-8") == "one\nzwölf\nthree\n"
    assert LineLog(path).read(end)[2:] == ["three"]
    LineLog(path).cut(nothing)
    assert path.read_text() == ""


def test_without_a_place_all_is_of_no_account(tmp_path: Path) -> None:
    log = LineLog(tmp_path / "log")
    log.append(["one"])
    again = LineLog(tmp_path / "log")
    again.cut(None)
    assert again.append([])["bytes"] == 0
    assert (tmp_path / "log").read_bytes() == b""


def test_a_log_of_many_pieces_is_checked_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fedmf.store.line_log._PIECE", 7)
    lines = [str(k) for k in range(30)]
    log = LineLog(tmp_path / "log")
    log.append(lines[:20])
    place = log.append(lines[20:])
    assert LineLog(tmp_path / "log").read(place) == lines
    data = (tmp_path / "log").read_bytes()
    (tmp_path / "log").write_bytes(data[:-2] + b"8\n")
    with pytest.raises(RunDirectoryError, match="does not match its SHA-256"):
        LineLog(tmp_path / "log").read(place)


def test_a_damaged_log_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log"
    place = LineLog(path).append(["one", "two"])
    path.write_text("one\ntwi\n")
    with pytest.raises(RunDirectoryError, match="log is damaged: it does not match its SHA-256"):
        LineLog(path).cut(place)
    os.truncate(path, 5)
    with pytest.raises(RunDirectoryError, match="log is shorter than it was"):
        LineLog(path).cut(place)
    path.unlink()
    with pytest.raises(RunDirectoryError, match="log cannot be read"):
        LineLog(path).cut(place)


def test_a_log_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match="log cannot be written"):
        LineLog(tmp_path / "nowhere" / "log").append(["one"])
