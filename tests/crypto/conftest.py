"""Keys that all tests share; weak ones, because strong ones take seconds to make."""

from __future__ import annotations

import pytest

from fedmf.crypto.paillier import PrivateKey
from fedmf.crypto.paillier_numbers import WeakKeyWarning


def _weak_key() -> PrivateKey:
    with pytest.warns(WeakKeyWarning):
        return PrivateKey.generate(1024, allow_weak=True)


@pytest.fixture(scope="session")
def two_keys() -> tuple[PrivateKey, PrivateKey]:
    """Two keys, the smaller modulus first: its ciphertexts are in range under both."""
    a, b = _weak_key(), _weak_key()
    return (a, b) if a.public.n < b.public.n else (b, a)


@pytest.fixture(scope="session")
def key(two_keys: tuple[PrivateKey, PrivateKey]) -> PrivateKey:
    return two_keys[0]


@pytest.fixture(scope="session")
def other_key(two_keys: tuple[PrivateKey, PrivateKey]) -> PrivateKey:
    return two_keys[1]
