"""Every kind of file that people have is read in one call, with the right rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedmf.ratings import load_ratings
from tests.ratings.kinds_of_files import KINDS
from tests.ratings.small_files import write_file
from tests.ratings.small_tables import rows_of


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_read(kind: str, tmp_path: Path) -> None:
    file = KINDS[kind]()
    ratings = load_ratings(write_file(tmp_path, file.data, file.name), **file.said)
    assert rows_of(ratings) == list(file.rows)
    assert str(ratings.scale) == file.scale
    assert ratings.interactions == file.interactions
    assert (ratings.timestamps is not None) == file.times
    found = {guess.what: guess.found for guess in ratings.guesses}
    assert {what: found.get(what) for what in file.guesses} == file.guesses
    assert all(guess.found and guess.why for guess in ratings.guesses)
