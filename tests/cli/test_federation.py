"""``fedmf federation`` and the keys of connections: files made, mistakes told in one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fedmf.crypto.derivation import MasterSecret
from fedmf.crypto.participants_key import load_participants_key
from fedmf.extras import how_to_install
from fedmf.federation import flower
from fedmf.federation.silos import Federation, SiloSettings
from tests.cli.command import run

NEW = ["federation", "new", "server", "--catalogue", "items.txt", "--protection", "rlwe"]
NEW += ["--scale", "1:5", "--key-check", "5e" * 16]
USERS = ["--users", "2", "--users", "3", "--users", "4"]


@pytest.fixture(autouse=True)
def _catalogue() -> None:
    Path("items.txt").write_text("10\n20\n30\n", encoding="utf-8")


def said(*arguments: str, status: int = 0) -> str:
    """Run a command that ends with a status; return what it said, on one line."""
    ran = run(*arguments)
    assert ran.status == status, ran.error
    return ran.text + ran.error


def test_a_federation_holds_what_the_options_say() -> None:
    told = run(*NEW, *USERS, "--scale", "1:5", "--rounds", "7", "--json").json
    made = Federation.read(Path("server"))
    assert told["fingerprint"] == made.fingerprint
    assert (made.item_ids, made.users, made.settings.rounds) == ((10, 20, 30), (2, 3, 4), 7)
    assert (made.scale.lowest, made.scale.highest) == (1.0, 5.0)


def test_ids_are_text_where_one_of_them_is_no_number() -> None:
    Path("items.txt").write_text("10\n b 7 \n\n", encoding="utf-8")
    said(*NEW, *USERS)
    assert Federation.read(Path("server")).item_ids == ("10", "b 7")


def test_what_was_made_is_not_replaced() -> None:
    said(*NEW, *USERS)
    before = Federation.read(Path("server")).fingerprint
    assert "is there already" in said(*NEW, *USERS, status=40)
    assert Federation.read(Path("server")).fingerprint == before


def test_a_silo_finds_its_ratings_from_its_own_folder() -> None:
    said(*NEW, *USERS)
    Path("ratings.csv").write_text("user,item,rating\n1,10,5\n", encoding="utf-8")
    silo = ["federation", "silo", "north", "--federation", "server/federation.json"]
    told = said(*silo, "--number", "1", "--ratings", "ratings.csv")
    assert Federation.read(Path("server")).fingerprint in told
    settings = SiloSettings.read(Path("north"))
    assert (settings.silo, settings.source, settings.min_cohort) == (1, "../ratings.csv", 3)
    again = said(*silo, "--number", "1", "--ratings", "ratings.csv", status=40)
    assert "is there already" in again


def test_a_silo_whose_federation_is_not_over_has_no_model() -> None:
    said(*NEW, *USERS)
    silo = ["federation", "silo", "north", "--federation", "server/federation.json"]
    said(*silo, "--number", "1", "--ratings", "movielens-small")
    assert "the federation is not over" in said("evaluate", "north", status=40)


def test_keys_of_connections_are_made_and_named() -> None:
    told = run("keys", "server", "server", "--host", "localhost", "--json").json
    assert Path(told["authority"]).read_text("ascii").startswith("-----BEGIN CERTIFICATE")
    told = run("keys", "node", "north", "--json").json
    assert Path(told["public_key"]).read_text("ascii").startswith("ecdsa-sha2-nistp384 ")
    assert "there already" in said("keys", "node", "north", status=30)


def test_the_shared_key_of_rlwe_comes_with_its_check_value() -> None:
    told = run("keys", "shared", "key.json", "--json").json
    assert Path("key.json").stat().st_mode & 0o777 == 0o600
    key = load_participants_key("key.json")
    assert isinstance(key, MasterSecret)
    assert told["key_check"] == key.check_value().hex()
    assert key.to_bytes().hex() not in json.dumps(told)
    said(*NEW[:-1], told["key_check"], *USERS)
    assert Federation.read(Path("server")).key_check == key.check_value()


@pytest.mark.parametrize("command", [("server", "server"), ("join", "north", "--server", "h:1")])
def test_without_flower_server_and_join_say_what_to_install(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flower, "find_spec", lambda _: None)
    assert how_to_install("flower") in said(*command, status=51)
