"""Settings and keys that many tests share."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
from hypothesis import settings

from fedmf.crypto.paillier import PrivateKey
from fedmf.ratings import Ratings, load_ratings

# A deadline would be a timing assertion, and machines are noisy.
settings.register_profile("fedmf", deadline=None)
settings.load_profile("fedmf")

SHARED_DATA = Path(__file__).parents[1] / ".." / "shared" / "data"


@pytest.fixture(scope="session")
def weak_key() -> PrivateKey:
    """Return a 1024-bit key: small keys keep tests quick."""
    return _weak_key()


@pytest.fixture(scope="session")
def other_weak_key() -> PrivateKey:
    """Return another 1024-bit key."""
    return _weak_key()


@pytest.fixture(scope="session")
def ml_latest_small() -> Path:
    """Return the folder of MovieLens ml-latest-small, which lies beside the checkout."""
    return _shared("ml-latest-small")


@pytest.fixture(scope="session")
def latest_small(ml_latest_small: Path) -> Ratings:
    """Return the ratings of MovieLens ml-latest-small."""
    return load_ratings(ml_latest_small)


@pytest.fixture(scope="session")
def published() -> Path:
    """Return the file of the authors' published losses and times."""
    return _shared("fedmf-published.json")


def _weak_key() -> PrivateKey:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return PrivateKey.generate(1024, allow_weak=True)


def _shared(name: str) -> Path:
    path = SHARED_DATA / name
    if not path.exists():
        pytest.skip(f"{name} is not in the shared data folder beside the checkout")
    return path
