"""Words of a round on disk: found again after a kill, and gone when the round is over."""

from pathlib import Path

import pytest

from fedmf.store.spool import FileSpool

WORDS = {4: b"four", 0: b"", 2: bytes(range(256)) * 300}


def filled(path: Path | None) -> FileSpool:
    spool = FileSpool(path)
    for participant, words in WORDS.items():
        spool.keep(participant, words)
    return spool


def test_words_come_back_in_any_order(tmp_path: Path) -> None:
    for path in (None, tmp_path / "spool"):
        spool = filled(path)
        assert {one: spool.take(one) for one in sorted(WORDS)} == WORDS
        with pytest.raises(KeyError):
            spool.take(1)


def test_what_was_made_durable_is_there_for_the_next_process(tmp_path: Path) -> None:
    path = tmp_path / "spool"
    filled(path).sync()
    again = FileSpool(path)
    assert {one: again.take(one) for one in WORDS} == WORDS
    again.keep(7, b"more")
    assert again.take(7) == b"more"
    assert again.take(2) == WORDS[2]


def test_words_that_were_cut_short_are_none(tmp_path: Path) -> None:
    path = tmp_path / "spool"
    filled(path).sync()
    whole = path.read_bytes()
    for length in (0, 5, 16, len(whole) - 1):
        path.write_bytes(whole[:length])
        spool = FileSpool(path)
        with pytest.raises(KeyError):
            spool.take(2)
        spool.keep(2, WORDS[2])
        assert spool.take(2) == WORDS[2]


def test_nothing_is_left_when_the_round_is_over(tmp_path: Path) -> None:
    path = tmp_path / "spool"
    for spool in (filled(path), FileSpool(path), FileSpool(None)):
        spool.clear()
        assert not path.exists()
        with pytest.raises(KeyError):
            spool.take(4)
        spool.keep(4, b"new")
        assert spool.take(4) == b"new"
        spool.clear()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "spool").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        FileSpool(tmp_path / "spool").keep(0, b"words")
    assert not (tmp_path / "elsewhere").exists()
