"""Folders of keys and enrolments are their owner's alone, and a member's holds its log."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from fedmf.errors import RunDirectoryError
from fedmf.federation.enrolment_files import MEMBER_LOG, write_enrolment, write_keys
from fedmf.store.append_log import AppendLog
from tests.protocol.enrolment.people import People


@pytest.fixture
def _open_to_everybody() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("_open_to_everybody")
def test_folders_with_keys_are_their_owners_under_any_umask(tmp_path: Path) -> None:
    people = People()
    write_keys(tmp_path / "keys", people.participants[0])
    write_enrolment(tmp_path / "enrolment", people.enrolled(people.members[0], people.directory))
    for name in ("keys", "enrolment"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o700


def test_whoever_becomes_a_member_gets_an_empty_log_once(tmp_path: Path) -> None:
    people = People()
    for number, keys in enumerate((people.members[0], people.participants[0])):
        write_enrolment(tmp_path / str(number), people.enrolled(keys, people.directory))
    path = tmp_path / "0" / MEMBER_LOG
    assert list(AppendLog(path).records()) == []
    assert not (tmp_path / "1" / MEMBER_LOG).exists()
    path.unlink()
    with pytest.raises(RunDirectoryError, match="is missing: without it nobody knows"):
        AppendLog(path)
