"""Settings and keys that many tests share."""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from fedmf.crypto.paillier import PrivateKey
from fedmf.ratings import Ratings, load_ratings

# As in worker processes, which read it too. Threads on a busy machine wait for each other in loops.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
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


@pytest.fixture
def interrupts_of_a_terminal() -> Iterator[None]:
    """Have Ctrl-C raise KeyboardInterrupt: jobs in the background are born ignoring it."""
    if "coverage" in sys.modules and sys.modules["coverage"].Coverage.current() is not None:
        pytest.skip("an interrupt inside coverage leaves its lock held; make test runs it without")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


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
