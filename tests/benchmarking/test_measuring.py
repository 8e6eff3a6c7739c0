"""What is measured is real work: sums come out right, and figures belong to what they say."""

from collections.abc import Mapping
from importlib import import_module
from types import ModuleType

import numpy as np
import pytest

from fedmf.benchmarking.operations import (
    ADD,
    LIMIT,
    MEMBER,
    OPEN,
    PROTECT,
    Cost,
    Operations,
    measure,
)
from fedmf.benchmarking.own import own_operations
from fedmf.benchmarking.peers import peer_operations
from fedmf.benchmarking.scheme import Scheme, random_change
from fedmf.extras import how_to_install
from fedmf.protocol import PROTECTIONS


class Counted(Operations):
    """Takes one second more each time, and counts how often it was asked."""

    def __init__(self) -> None:
        super().__init__("counted", values=10)
        self.runs = 0

    def run(self) -> Mapping[str, Cost]:
        self.runs += 1
        return {PROTECT: Cost(self.runs, 40)}


def test_figures_are_medians_without_the_first_run() -> None:
    scheme = Counted()
    limit, row = measure([scheme], values=1000, repeats=3)
    assert scheme.runs == 4
    # Of 2, 3 and 4 seconds for 10 values.
    assert (row.scheme, row.operation, row.repeats) == ("counted", PROTECT, 3)
    assert row.ns_per_value == pytest.approx(0.3e9)
    assert row.bytes_per_value == 4
    assert (limit.scheme, limit.operation, limit.bytes_per_value) == (LIMIT, ADD, 4)
    assert limit.times_limit == 1
    assert row.times_limit > 1


@pytest.mark.parametrize("protection", PROTECTIONS)
def test_a_played_round_opens_to_the_sum_of_its_changes(protection: str) -> None:
    session = Scheme.fresh(protection, key_bits=2048).rehearsal(3, 4, openers=2)
    rng = np.random.default_rng(3)
    changes = {number: random_change(3, rng) for number in range(4)}
    played = session.play(changes, warm_up=True)
    expected = np.sum([change[0].values for change in changes.values()], axis=0)
    np.testing.assert_array_equal(session.table[0], expected)
    assert played.closing.included == (0, 1, 2, 3)
    steps = [*played.protecting, *played.receiving, played.hear_seconds, played.open_seconds]
    assert min([*steps, *played.members]) > 0 if protection != "none" else len(played.uploads) == 4
    assert len(played.members) == (4 if protection == "committee" else 0)
    assert (played.member_bytes > 0) == (protection == "committee")


def test_a_session_that_is_over_begins_anew() -> None:
    none = own_operations(100, 5)[0]
    for _ in range(15):
        assert set(none.run()) == {PROTECT, ADD, OPEN}


def test_every_protection_has_its_rows() -> None:
    costs = {scheme.name: scheme.run() for scheme in own_operations(200, 5)}
    assert set(costs) == {
        "none",
        "rlwe",
        "committee, blind",
        "committee, open",
        "paillier 2048",
        "paillier 3072",
    }
    for name, cost in costs.items():
        members = {MEMBER} if name.startswith("committee") else set()
        assert set(cost) == {PROTECT, ADD, OPEN} | members
    # Words of 24 bits in 4 bytes each, a whole block of 2,048 of them at the least.
    assert costs["committee, open"][PROTECT].size > 2048 * 4


def test_peers_that_are_missing_say_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(name: str) -> ModuleType:
        raise ImportError(f"no module named {name!r}")

    monkeypatch.setattr("fedmf.benchmarking.peers.import_module", nothing)
    schemes, missing = peer_operations(100)
    assert schemes == []
    assert [one.name for one in missing] == ["phe", "SEAL BFV", "TenSEAL CKKS"]
    assert all(one.reason.endswith(how_to_install("bench")) for one in missing)


@pytest.mark.parametrize("module", ["phe", "seal", "tenseal"])
def test_peers_that_are_there_are_measured(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip(module, reason=f"{module} belongs to the extra bench")

    def alone(name: str) -> ModuleType:
        if name != module:
            raise ImportError(name)
        return import_module(name)

    monkeypatch.setattr("fedmf.benchmarking.peers.import_module", alone)
    schemes, missing = peer_operations(4096)
    assert len(missing) == 2
    for scheme in schemes:
        costs = scheme.run()
        assert set(costs) == {PROTECT, ADD, OPEN}
        assert costs[PROTECT].size / scheme.values > 8
