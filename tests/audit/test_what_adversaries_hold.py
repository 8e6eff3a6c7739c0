"""An attack gets its adversary's observables; here is that they hold nobody else's secrets."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator, Mapping

import pytest

from fedmf.audit.attacks import (
    opened_sums,
    rated_items,
    ratings_from_tables,
    ratings_from_uploads,
    single_rater_rows,
)
from fedmf.audit.attacks.attack import Attack
from fedmf.audit.observables import Adversary, Observables
from fedmf.crypto.derivation import MasterSecret
from fedmf.crypto.secret_material import SecretMaterial
from fedmf.errors import SettingsError
from fedmf.protocol.enrolment.reader_secret import reader_envelope_key
from fedmf.ratings import OwnedRatings, Ratings
from tests.audit.runs_for_attacks import (
    FEWER_MEMBERS,
    NETWORK,
    PARTICIPANT,
    SERVER,
    T_MEMBERS,
    WITH_PARTICIPANT,
    run,
)

MEMBER = Adversary(members=(2,))


def reachable(value: object, seen: set[int] | None = None) -> Iterator[object]:
    """Yield everything that can be reached from a value by attributes, keys and elements."""
    seen = set() if seen is None else seen
    if id(value) in seen or isinstance(value, (str, bytes, int, float, type(None))):
        return
    seen.add(id(value))
    yield value
    inner: list[object] = []
    if dataclasses.is_dataclass(value):
        inner += [getattr(value, field.name) for field in dataclasses.fields(value)]
    if isinstance(value, Mapping):
        inner += [*value.keys(), *value.values()]
    elif isinstance(value, (tuple, list, set, frozenset)):
        inner += list(value)
    inner += list(getattr(value, "__dict__", {}).values())
    for one in inner:
        yield from reachable(one, seen)


def secrets_in(seen: Observables) -> list[object]:
    private = (SecretMaterial, OwnedRatings, Ratings)
    return [one for one in reachable(seen) if isinstance(one, private)]


@pytest.mark.parametrize("protection", ["none", "paillier", "rlwe", "committee"])
@pytest.mark.parametrize("adversary", [SERVER, NETWORK])
def test_server_and_network_hold_no_secret(protection: str, adversary: Adversary) -> None:
    seen = run(protection).observe(adversary)
    assert secrets_in(seen) == []
    assert seen.seeds == {}


def test_members_hold_seeds_and_no_key() -> None:
    seen = run("committee").observe(MEMBER)
    assert secrets_in(seen) == []
    assert seen.charter is not None
    held = set(seen.charter.terms.sharing.held_by(2))
    assert seen.seeds
    assert all(set(seeds) == held for seeds in seen.seeds.values())
    kinds = {(entry.kind, entry.receiver) for entry in seen.entries}
    assert kinds == {("request", "member 2"), ("reply", "server")}


def test_fewer_than_t_members_lack_a_seed_of_every_upload_and_t_lack_none() -> None:
    for adversary, complete in ((FEWER_MEMBERS, False), (T_MEMBERS, True)):
        seen = run("committee").observe(adversary)
        assert seen.charter is not None
        everything = set(range(len(seen.charter.terms.sharing.subsets)))
        assert all((set(seeds) == everything) is complete for seeds in seen.seeds.values())


@pytest.mark.parametrize("protection", ["paillier", "rlwe"])
def test_a_participant_holds_the_shared_key_and_its_own_ratings(protection: str) -> None:
    seen = run(protection).observe(PARTICIPANT)
    found = secrets_in(seen)
    assert seen.key in found
    assert [one for one in found if not isinstance(one, OwnedRatings)] == [seen.key]
    assert list(seen.ratings) == [0]
    senders = {entry.sender for entry in seen.entries if entry.kind == "upload"}
    assert senders == {"participant 0"}


def test_a_participant_of_a_committee_holds_the_reader_secret_and_not_all_keys() -> None:
    """A played federation derives every key from one secret, which nobody in it would hold."""
    played = run("committee")
    seen = played.observe(WITH_PARTICIPANT)
    assert isinstance(seen.key, MasterSecret)
    assert seen.key is not played._key
    assert seen.charter is not None
    expected = reader_envelope_key(seen.key, seen.charter.terms.suite).public
    assert seen.charter.roster.reader_key == expected


def test_attacks_take_observables_and_never_a_run() -> None:
    allowed = {
        "Observables",
        "Sequence[int]",
        "Mapping[int, Observables]",
        "Collection[int] | None",
    }
    modules = opened_sums, rated_items, ratings_from_tables, ratings_from_uploads, single_rater_rows
    found = []
    for module in modules:
        assert "PlayedRun" not in vars(module)
        for one in vars(module).values():
            if inspect.isclass(one) and issubclass(one, Attack) and not inspect.isabstract(one):
                found.append(one)
                for method in (one.attempt, one.__init__):
                    _, *taken = inspect.signature(method).parameters.values()
                    given = {parameter.annotation for parameter in taken} - {"int", "bool"}
                    assert given <= allowed or method is object.__init__
    assert len(found) == 7


def test_roles_that_do_not_exist_are_refused() -> None:
    with pytest.raises(SettingsError, match="roles that the session lacks"):
        run("rlwe").observe(Adversary(members=(0,)))
    with pytest.raises(SettingsError, match="roles that the session lacks"):
        run("rlwe").observe(Adversary(participants=(99,)))


def test_a_run_prints_and_pickles_no_key() -> None:
    assert repr(run("rlwe")) == "<PlayedRun (omitted)>"
    with pytest.raises(TypeError, match="never pickled"):
        run("rlwe").__reduce__()
