"""Silos that do not agree with the federation file: clear errors on both sides."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fedmf.crypto.derivation import MasterSecret
from fedmf.crypto.participants_key import save_participants_key
from fedmf.errors import (
    DataError,
    FedmfError,
    FixedPointRangeError,
    KeyMaterialError,
    MessageError,
    ProtocolError,
    SettingsError,
)
from fedmf.federation.silos import Federation, Silo, SiloSettings
from fedmf.federation.silos.messages import Bundle, Part, error_from_bytes
from tests.federation.silos.town import SCALE, SILOS, Town


def both_sides(town: Town, silo: int) -> tuple[FedmfError, str]:
    """Return what the silo says when it is opened, and what the coordinator hears of it."""
    with pytest.raises(FedmfError) as there:
        Silo.open(town.folder(silo))

    class Refusing:
        """A transport whose far end answers for the silo that could not be opened."""

        def exchange(self, requests: Any, *, seconds: float) -> Any:
            del seconds
            for number, request in requests.items():
                if number == silo:
                    yield number, Silo.refusal(request, there.value)
                else:
                    yield number, town.transport.silo(number).respond(request)

    town.transport.exchange = Refusing().exchange  # type: ignore[method-assign]
    with pytest.raises(ProtocolError) as here:
        town.run()
    return there.value, str(here.value)


def change_ratings(town: Town, silo: int, change: Callable[[list[str]], list[str]]) -> None:
    path = town.folder(silo) / "ratings.csv"
    path.write_text("\n".join(change(path.read_text().splitlines())) + "\n")


def test_ratings_that_do_not_fit_are_named_at_the_silo_alone(tmp_path: Path) -> None:
    """All that is wrong in one message there; others hear that something is, and no rating."""
    town = Town(tmp_path, protection="none")
    change_ratings(town, 2, lambda lines: [*lines, "98765,43210,9.5,1", "98765,43211,4.5,1"])
    there, here = both_sides(town, 2)
    assert isinstance(there, DataError)
    for what in ("5 users", "counts 4", "2 items", "43210", "1 ratings outside", "9.5"):
        assert what in str(there)
    assert "silo 2: something in its folder is not as it should be (error 10)" in here
    for private in ("43210", "98765", "9.5"):
        assert private not in here


def test_another_catalogue(tmp_path: Path) -> None:
    town = Town(tmp_path, protection="none")
    facts = town.federation
    other = Federation.make(town.settings, facts.item_ids[::-1], SCALE, facts.users)
    other.write(town.folder(1))
    with pytest.raises(ProtocolError, match="silo 1 has another federation file"):
        town.run()
    assert town.transport.silo(1).participant.standing.heard == 0


def test_members_that_do_not_agree_are_named_before_the_first_round(tmp_path: Path) -> None:
    town, other = Town(tmp_path / "town"), Town(tmp_path / "other")
    for silo in (1, 2):
        # All that belongs to another federation of the same kind.
        town.folder(silo).rename(tmp_path / f"away-{silo}")
        other.folder(silo).rename(town.folder(silo))
    with pytest.raises(ProtocolError, match=r"silo 1 has another .*silo 2 has another"):
        town.run()


def test_other_settings_or_another_version_of_the_method(tmp_path: Path) -> None:
    town = Town(tmp_path, protection="none")
    path = town.folder(0) / "federation.json"
    fields = json.loads(path.read_text())
    fields["settings"]["factors"] = 4
    path.write_bytes(
        json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    )
    there, here = both_sides(town, 0)
    assert isinstance(there, MessageError)
    assert "another version of fedmf" in str(there)
    assert "silo 0: " in here


def test_another_version_of_the_messages_is_named_on_both_sides(tmp_path: Path) -> None:
    town = Town(tmp_path, protection="none")

    def newer(message: bytes) -> bytes:
        return message[:4] + bytes([2]) + message[5:]

    reply = town.transport.silo(0).respond(newer(Bundle(bytes(32), 0, bytes(16), ()).to_bytes()))
    assert "version 2" in error_from_bytes(Bundle.from_bytes(reply).one(Part.ERROR) or b"")
    respond = town.transport.silo(0).respond

    class Newer:
        """A silo of the next version."""

        def respond(self, request: bytes) -> bytes:
            return newer(respond(request))

    town.transport._silos[0] = Newer()  # type: ignore[assignment]
    with pytest.raises(ProtocolError, match="silo 0: the other side speaks version 2"):
        town.run()


def test_a_silo_insists_on_a_smallest_cohort(tmp_path: Path) -> None:
    town = Town(tmp_path, protection="rlwe")
    settings = SiloSettings.read(town.folder(3))
    replace(settings, min_cohort=4).write(town.folder(3))
    there, here = both_sides(town, 3)
    assert isinstance(there, SettingsError)
    assert "at least 4 uploads in a round" in str(there)
    assert str(there) in here


def test_a_closing_with_fewer_uploads_than_agreed_is_refused(tmp_path: Path) -> None:
    """Without a committee the server decides when to close, and silos see whom it included."""
    town = Town(tmp_path, protection="rlwe")
    coordinators = Federation.make(
        town.settings,
        town.federation.item_ids,
        SCALE,
        town.federation.users,
        key_check=town.federation.key_check,
        smallest_cohort=2,
    )
    fields = {**json.loads(town.federation.to_bytes()), "smallest_cohort": 2}
    lax = Federation.from_bytes(
        json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    )
    assert lax.smallest_cohort == coordinators.smallest_cohort
    lax.write(town.coordinator_folder)
    silos = town.transport

    def forging(exchange: int, silo: int) -> str:
        return "gone" if exchange == 0 and silo >= 2 else "ok"

    carry = silos.exchange

    def readdressed(requests: Any, *, seconds: float) -> Any:
        """Address messages to the silos' own file, as a server that cheats would."""
        theirs = {
            silo: replace(Bundle.from_bytes(data), federation=town.federation.digest).to_bytes()
            for silo, data in requests.items()
        }
        yield from carry(theirs, seconds=seconds)

    silos.exchange = readdressed  # type: ignore[method-assign]
    with pytest.raises(ProtocolError, match="closed with 2 uploads; the federation file says"):
        town.run(forging)


def test_keys_that_are_missing_or_anothers(tmp_path: Path) -> None:
    town = Town(tmp_path / "town")
    own = town.folder(1)
    (own / "participant").rename(own / "away")
    with pytest.raises(KeyMaterialError, match="no enrolment at"):
        Silo.open(own)
    (town.folder(2) / "participant").rename(own / "participant")
    with pytest.raises(SettingsError, match="participant 2, and this is silo and participant 1"):
        Silo.open(own)
    (own / "participant").rename(town.folder(2) / "participant")
    (own / "away").rename(own / "participant")
    (own / "member").rename(own / "away")
    (town.folder(2) / "member").rename(own / "member")
    with pytest.raises(SettingsError, match=r"makes silo 1 member 1 .* keys of member 2"):
        Silo.open(own)
    other = Town(tmp_path / "other")
    other.federation.write(own)
    with pytest.raises(SettingsError, match="is of another session than the federation file"):
        Silo.open(own)


def test_another_shared_secret_is_found_out_when_the_silo_opens(tmp_path: Path) -> None:
    town = Town(tmp_path, protection="rlwe")
    path = town.folder(1) / "key.json"
    path.unlink()
    save_participants_key(path, MasterSecret.fresh())
    there, here = both_sides(town, 1)
    assert isinstance(there, KeyMaterialError)
    assert town.federation.key_check is not None
    assert f"that of the federation file is {town.federation.key_check.hex()}" in str(there)
    assert "silo 1: " in here


def test_a_check_value_is_for_rlwe_and_due_there(tmp_path: Path) -> None:
    lattice = Town(tmp_path / "rlwe", protection="rlwe").federation
    assert Federation.from_bytes(lattice.to_bytes()).key_check == lattice.key_check
    for wrong in (None, bytes(15)):
        with pytest.raises(SettingsError, match="needs the check value"):
            replace(lattice, key_check=wrong)
    with pytest.raises(SettingsError, match="only protection rlwe has a check value"):
        replace(Town(tmp_path / "none", protection="none").federation, key_check=bytes(16))


def test_the_whole_sentence_of_an_error_is_for_the_silos_own_log(tmp_path: Path) -> None:
    """Training that diverges names a value, which no other may see."""
    town = Town(tmp_path, protection="none", method="sgd", learning_rate=3.0, rounds=4)
    told: list[FedmfError] = []
    town.transport._silos[1] = Silo.open(town.folder(1), tell=told.append)
    with pytest.raises(ProtocolError, match="silo 1: its contribution is out of range") as here:
        town.run()
    assert {type(error) for error in told} == {FixedPointRangeError}
    whole = str(told[0])
    assert whole not in str(here.value)
    assert re.search(r"[0-9]", whole)


def test_after_an_unexpected_error_a_silo_takes_the_state_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = Town(tmp_path, protection="none")
    participant = town.transport.silo(1).participant
    real, defects = participant._upload, [TypeError("a defect")]

    def upload(data: bytes) -> bytes:
        made = real(data)
        if defects:
            raise defects.pop()
        return made

    monkeypatch.setattr(participant, "_upload", upload)
    with pytest.raises(TypeError, match="a defect"):
        town.run()
    town.run()
    assert town.tables() == {town.local_table()}


def test_messages_that_are_none_are_answered_with_an_error(tmp_path: Path) -> None:
    town = Town(tmp_path, protection="none")
    silo = town.transport.silo(0)
    digest = town.federation.digest

    def error(parts: list[tuple[str, bytes]], number: int = 0) -> str:
        reply = silo.respond(Bundle(digest, number, bytes(16), parts).to_bytes())
        return error_from_bytes(Bundle.from_bytes(reply).one(Part.ERROR) or b"")

    whole = Bundle(digest, 0, bytes(16), [(Part.UPLOAD, bytes(4))]).to_bytes()
    for cut in range(1, len(whole)):
        assert Bundle.from_bytes(silo.respond(whole[:cut])).one(Part.UPLOAD) is None
    assert "a message for silo 2 came to silo 0" in error([], number=2)
    assert "cannot be asked for 'vectors'" in error([("vectors", b"")])
    assert "no member of the committee" in error([(Part.MEMBER, b"")])
    assert "for round 1 is asked of silo 0, which has the table of round 0" in error(
        [(Part.UPLOAD, struct.pack("<I", 1))]
    )
    assert "training is not over" in error([(Part.FINISH, b"")])
    assert error([(Part.TABLE, b"nonsense")])
    assert error([(Part.CLOSING, b"nonsense")])


def test_a_rounds_end_without_its_table_is_not_acted_upon(tmp_path: Path) -> None:
    """The upload of the round after could otherwise leave before what it rests on is on disk."""
    town = Town(tmp_path, protection="none")
    with pytest.raises(ProtocolError):
        town.run(lambda exchange, silo: "gone" if exchange >= 1 and silo < 2 else "ok")
    asked = Bundle.from_bytes(town.transport.asked[1][0])
    closing, upload = asked.one(Part.CLOSING), asked.one(Part.UPLOAD)
    assert closing
    assert upload
    silo = town.transport.silo(0)
    before = silo.participant.standing
    parts = [(Part.CLOSING, closing), (Part.UPLOAD, upload)]
    reply = Bundle.from_bytes(silo.respond(replace(asked, parts=parts).to_bytes()))
    assert reply.one(Part.UPLOAD) is None
    assert silo.participant.standing == before
    assert Bundle.from_bytes(silo.respond(asked.to_bytes())).one(Part.UPLOAD)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"members": (0, 1, 2, 9)}, "members are silos"),
        ({"members": (0, 1)}, "2 silos as members where 4"),
        ({"item_ids": (1, 1)}, "each once"),
        ({"item_ids": (1, "a")}, "all numbers, or all text"),
        ({"users": (1, 2)}, "4 silos in the settings, 2 with users"),
        ({"smallest_cohort": 9}, "a smallest cohort of 9"),
        ({"measured": False}, "make another session"),
        ({"scale": type(SCALE)(0.0, 5.0)}, "make another session"),
    ],
    ids=str,
)
def test_facts_that_do_not_fit_each_other(
    tmp_path: Path, changed: dict[str, Any], says: str
) -> None:
    federation = Town(tmp_path).federation
    with pytest.raises(SettingsError, match=says):
        replace(federation, **changed)


def test_a_federation_file_has_one_spelling(tmp_path: Path) -> None:
    federation = Town(tmp_path).federation
    data = federation.to_bytes()
    assert Federation.from_bytes(data).digest == federation.digest
    with pytest.raises(MessageError, match="not in its canonical form"):
        Federation.from_bytes(json.dumps(json.loads(data)).encode())
    for damaged in (b"", b"[]", b"{}", data[:-1], data.replace(b"federation 1", b"federation 2")):
        with pytest.raises(MessageError, match="federation file"):
            Federation.from_bytes(damaged)
    assert len(federation.users) == SILOS
    with pytest.raises(SettingsError, match="smallest cohort is 3, not 2"):
        Federation.make(
            federation.settings, federation.item_ids, SCALE, federation.users, smallest_cohort=2
        )


def test_a_silos_settings_say_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot read a silo's settings"):
        SiloSettings.read(tmp_path)
    SiloSettings(0, "ratings.csv").write(tmp_path)
    assert SiloSettings.read(tmp_path) == SiloSettings(0, "ratings.csv")
    (tmp_path / "silo.json").write_text('{"format": "fedmf silo 1", "silo": 0, "sauce": "x"}')
    with pytest.raises(SettingsError, match="does not hold a silo's settings: 'sauce' is no field"):
        SiloSettings.read(tmp_path)
    with pytest.raises(SettingsError, match="min_cohort and user_lot are at least 1"):
        SiloSettings(0, "ratings.csv", min_cohort=0)
