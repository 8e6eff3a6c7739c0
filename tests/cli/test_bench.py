"""``fedmf bench`` as a person meets it."""

from typing import Any

import pytest

from fedmf.extras import how_to_install
from tests.cli.command import run


@pytest.fixture(autouse=True)
def _without_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever are installed here: tests of them stand elsewhere."""

    def nothing(name: str) -> Any:
        raise ImportError(f"no module named {name!r}")

    monkeypatch.setattr("fedmf.benchmarking.peers.import_module", nothing)


def test_bench_json_keeps_its_contract() -> None:
    document = run(*("bench", "--quick", "--json", "--values", "1000", "--participants", "5")).json
    assert set(document) == {"rows", "missing", "machine", "participants", "quick"}
    for row in document["rows"]:
        assert set(row) >= {"scheme", "operation", "ns_per_value", "bytes_per_value"}
        assert row["ns_per_value"] > 0
    measured = {(row["scheme"], row["operation"]) for row in document["rows"]}
    assert measured >= {("numpy float32", "add"), ("committee, blind", "member")}
    for scheme in ("none", "rlwe", "committee, blind", "committee, open", "paillier 3072"):
        assert {(scheme, "protect"), (scheme, "add"), (scheme, "open")} <= measured
    limit = document["rows"][0]
    assert (limit["scheme"], limit["bytes_per_value"], limit["times_limit"]) == (
        "numpy float32",
        4,
        1,
    )
    assert {one["name"] for one in document["missing"]} >= {"SEAL BFV"}
    assert document["machine"]["cores"] >= 1


def test_bench_prints_a_table_and_what_is_missing() -> None:
    ran = run("bench", "--quick", "--values", "500", "--participants", "4")
    assert ran.status == 0
    for expected in (
        "committee, blind",
        "paillier 2048",
        "left out: SEAL BFV",
        how_to_install("bench"),
        "machine: ",
    ):
        assert expected in ran.text
