"""``fedmf reproduce`` as a person meets it."""

from pathlib import Path

import pytest

from fedmf.benchmarking.scheme import Scheme
from fedmf.crypto.paillier import PrivateKey
from fedmf.reproduce.experiment import Extent
from tests.cli.command import run


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch, weak_key: PrivateKey, tmp_path: Path) -> None:
    """A few users and items, one key, and no other ratings than the bundled ones."""
    extent = Extent(
        items=(6,),
        users=(),
        at_users=8,
        slice_items=3,
        trained=(("rlwe", "full"),),
        iterations=2,
        length=1.0,
    )
    schemes = [Scheme("paillier 1024", "paillier", weak_key, 1024), Scheme.fresh("rlwe")]
    monkeypatch.setattr("fedmf.cli.reproduce.QUICK", extent)
    monkeypatch.setattr("fedmf.reproduce.experiment.all_schemes", lambda: schemes)
    monkeypatch.setattr("fedmf.reproduce.setting.USUAL_PLACES", (tmp_path,))


def test_reproduce_json_keeps_its_contract() -> None:
    ran = run("reproduce", "--quick", "--json")
    document = ran.json
    assert set(document) >= {"targets", "settings", "measured", "left_out", "machine", "seconds"}
    # 40 items and 7 users: three figures for Paillier's two modes and for rlwe.
    assert len(document["targets"]) == 9
    keys = {"name", "published", "ours", "ratio", "verdict", "source", "extrapolated"}
    for target in document["targets"]:
        assert set(target) > keys
        assert target["ratio"] == pytest.approx(target["ours"] / target["published"])
        verdict = target["verdict"]
        assert verdict in ("reproduced", "not") or verdict.startswith("better by ")
        assert "authors' log" in target["source"]
        assert target["extrapolated"] is False
    slices = {(row["items"], row["scheme"]): row for row in document["measured"]}
    assert slices[6, "paillier 1024"]["extrapolated"] is True
    assert slices[6, "paillier 1024"]["measured_on"] == "3 of 6 items, 4 of 8 users"
    assert slices[6, "rlwe"]["extrapolated"] is False
    assert document["settings"]["quick"] is True
    assert document["settings"]["ratings"] == "movielens-small"
    assert document["settings"]["is_the_authors_data"] is False
    assert "this takes about" in ran.err
    assert "rlwe, full" in ran.err


def test_reproduce_prints_tables_and_what_was_left_out() -> None:
    ran = run("reproduce", "--quick")
    assert ran.status == 0
    for expected in (
        "Seconds per iteration in the setting of the loss curves",
        "published, part",
        "paillier 1024 part",
        "6 items, 8 users",
        "better by",
        "* measured on a slice and extrapolated linearly",
        "left out: published losses and RMSE",
        "machine: ",
    ):
        assert expected in ran.text
