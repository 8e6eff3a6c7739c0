"""The real MovieLens set beside the checkout, where there is one."""

from pathlib import Path

import pytest

from fedmf.ratings import Ratings, load_ratings

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def latest_small() -> Ratings:
    folder = REPOSITORY / ".." / "shared" / "data" / "ml-latest-small"
    if not folder.is_dir():
        pytest.skip("the real ml-latest-small is not beside the checkout")
    return load_ratings(folder)
