"""Silos come to the table of the local engine, bit for bit, in spite of faults on the way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fedmf.crypto.paillier import PrivateKey
from fedmf.errors import ProtocolError
from fedmf.model import load_model
from tests.federation.silos.town import SILOS, Town


@pytest.mark.parametrize("opened_by", ["participants", "server"])
@pytest.mark.parametrize("method", ["bayes", "sgd"])
def test_a_committee_of_silos_comes_to_the_local_table(
    tmp_path: Path, opened_by: str, method: str
) -> None:
    town = Town(tmp_path, opened_by=opened_by, method=method)
    entries = town.run()
    assert town.tables() == {town.local_table()}
    assert [entry.included for entry in entries] == [(0, 1, 2, 3)] * 3


@pytest.mark.parametrize("protection", ["none", "rlwe", "paillier"])
def test_other_protections_come_to_the_local_table(
    tmp_path: Path, protection: str, weak_key: PrivateKey
) -> None:
    town = Town(
        tmp_path, protection=protection, paillier=weak_key if protection == "paillier" else None
    )
    town.run()
    assert town.tables() == {town.local_table()}


@pytest.mark.parametrize("protection", ["none", "rlwe", "committee"])
def test_silos_with_slices_come_to_the_local_table(tmp_path: Path, protection: str) -> None:
    town = Town(tmp_path, protection=protection, upload="slices", slices=2, rounds=3)

    def fate(exchange: int, silo: int) -> str:
        return "killed after" if (exchange, silo) == (2, 1) else "ok"

    town.run(fate)
    assert town.tables() == {town.local_table()}


def test_silos_say_that_a_table_has_not_moved(tmp_path: Path) -> None:
    town = Town(tmp_path, method="implicit", rounds=40, factors=1, users=12)
    with pytest.raises(ProtocolError, match="the training has converged"):
        town.run()
    assert len(town.tables()) == 1


def test_a_round_takes_five_exchanges_with_a_committee_and_one_without(tmp_path: Path) -> None:
    with_one = Town(tmp_path / "with", rounds=3)
    entries = with_one.run()
    # The first keys, and the last table, come on top.
    assert [entry.exchanges for entry in entries] == [6, 5, 5, 5]
    assert with_one.transport.exchanges == 22
    without = Town(tmp_path / "without", protection="rlwe", rounds=3)
    assert [entry.exchanges for entry in without.run()] == [1, 1, 1, 1]
    assert without.transport.exchanges == 5


def test_at_the_end_every_silo_has_the_same_items_and_its_own_users(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.run()
    models = [load_model(town.folder(silo) / "model") for silo in range(SILOS)]
    for model in models:
        assert (model.item_factors == models[0].item_factors).all()
        assert model.recommend(model.user_ids[0], 3)
    users = [user for model in models for user in model.user_ids]
    assert len(set(users)) == sum(town.federation.users)


def test_the_log_has_a_line_of_json_for_each_round(tmp_path: Path) -> None:
    town = Town(tmp_path)
    entries = town.run(lambda exchange, silo: "gone" if (exchange, silo) == (6, 3) else "ok")
    lines = (town.coordinator_folder / "rounds.jsonl").read_text().splitlines()
    second = json.loads(lines[1])
    assert [json.loads(line)["round"] for line in lines] == [1, 2, 3]
    assert second["included"] == [0, 1, 2]
    assert second["dropped"] == [3]
    assert second["errors"] == {"3": "no reply within 1 seconds"}
    assert second["bytes_sent"] == entries[1].bytes_sent > 0
    assert second["bytes_received"] > 0


def test_with_cohorts_silos_catch_up_when_their_turn_comes(tmp_path: Path) -> None:
    town = Town(tmp_path, protection="rlwe", cohort=3, rounds=3)
    town.run()
    assert town.tables() == {town.local_table()}


def test_what_is_private_stays_private_on_disk(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.run()
    folder = town.folder(0)
    assert folder.stat().st_mode & 0o077 == 0
    for path in [*(folder / "state").rglob("*"), folder / "member" / "member.log"]:
        assert path.stat().st_mode & 0o077 == 0 or path.name == "public-model.npz"


def test_nothing_that_a_silo_says_names_a_rating_or_a_user(tmp_path: Path) -> None:
    """Blind: what leaves a silo is what the protection makes, and signatures."""
    town = Town(tmp_path)
    town.run()
    model = load_model(town.folder(1) / "model")
    said = b"".join(
        path.read_bytes() for path in town.coordinator_folder.rglob("*") if path.is_file()
    )
    assert model.user_factors.tobytes() not in said
    assert model.item_factors.tobytes() not in said


@pytest.mark.parametrize("fewer", [1, 2])
def test_members_that_are_gone(tmp_path: Path, fewer: int) -> None:
    """Of four one may be missing; without two no round ends, and all goes on when they are back."""
    town = Town(tmp_path)
    gone = set(range(fewer))
    review = 2

    def fate(exchange: int, silo: int) -> str:
        return "gone" if exchange >= review and silo in gone else "ok"

    if fewer == 1:
        with pytest.raises(ProtocolError, match="1 silos have not written their models"):
            town.run(fate)
        town.run()
        assert town.tables() == {town.local_table({2: {0}, 3: {0}})}
        return
    with pytest.raises(ProtocolError, match=r"2 of the 3 members.*silo 0: no reply"):
        town.run(fate)
    town.run()
    assert town.tables() == {town.local_table()}
