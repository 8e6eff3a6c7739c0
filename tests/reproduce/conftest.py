"""Schemes with small keys, and an evaluation that is over in seconds."""

from __future__ import annotations

import pytest

from fedmf.benchmarking.scheme import Scheme
from fedmf.crypto.paillier import PrivateKey
from fedmf.reproduce.experiment import Extent

TINY = Extent(
    items=(6,),
    users=(5,),
    at_users=8,
    at_items=7,
    slice_items=3,
    trained=(("rlwe", "full"),),
    iterations=2,
    length=1.0,
)


@pytest.fixture
def tiny() -> Extent:
    """Return an evaluation of a few users and items."""
    return TINY


@pytest.fixture(scope="session")
def schemes(weak_key: PrivateKey) -> list[Scheme]:
    """Return one scheme of each kind."""
    paper = Scheme("paillier 1024", "paillier", weak_key, 1024)
    return [paper, Scheme.fresh("rlwe"), Scheme.fresh("committee")]


@pytest.fixture
def without_phe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have python-paillier look as if it were not installed."""

    def nothing(name: str) -> object:
        raise ImportError(f"no module named {name!r}")

    monkeypatch.setattr("fedmf.benchmarking.peers.import_module", nothing)
