"""A silo that is killed, late or asked twice comes to the same table as one that never was."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from fedmf.errors import ProtocolError, RunDirectoryError
from fedmf.federation import lots
from fedmf.federation.silos import CoordinatorSettings, Silo, SiloSettings
from fedmf.federation.silos.messages import Bundle, Part
from fedmf.protocol import ClosingMessage
from fedmf.protocol.committee.closing import ClosingProof
from tests.federation.silos.town import Town
from tests.store.disk import Disk

# Keys, then uploads, review, promises, answers and check twice, and once more uploads.
EXCHANGES = 12


@pytest.mark.parametrize("when", ["killed before", "killed after"])
@pytest.mark.parametrize("exchange", range(EXCHANGES))
def test_one_silo_killed_at_any_exchange(tmp_path: Path, exchange: int, when: str) -> None:
    """Its member abstains from a round, its participant goes on; all uploads are there."""
    town = Town(tmp_path)
    entries = town.run(lambda n, silo: when if (n, silo) == (exchange, 1) else "ok")
    assert town.tables() == {town.local_table()}
    assert [entry.included for entry in entries] == [(0, 1, 2, 3)] * 3


@pytest.mark.parametrize("protection", ["none", "rlwe"])
@pytest.mark.parametrize("when", ["killed before", "killed after"])
def test_all_silos_killed_at_every_exchange(tmp_path: Path, protection: str, when: str) -> None:
    """Without a committee nothing lives only in memory."""
    town = Town(tmp_path, protection=protection)
    town.run(lambda *_: when)
    assert town.tables() == {town.local_table()}


@pytest.mark.parametrize("protection", ["committee", "rlwe"])
def test_every_message_twice(tmp_path: Path, protection: str) -> None:
    town = Town(tmp_path, protection=protection)
    town.run(lambda *_: "twice")
    assert town.tables() == {town.local_table()}


@pytest.mark.parametrize("exchange", range(EXCHANGES))
def test_a_reply_that_is_lost(tmp_path: Path, exchange: int) -> None:
    """What a silo uploaded and nobody received does not count, and is not forgotten for good."""
    town = Town(tmp_path)
    entries = town.run(lambda n, silo: "lost" if (n, silo) == (exchange, 2) else "ok")
    dropped = {k + 1: set(entry.dropped) for k, entry in enumerate(entries)}
    assert town.tables() == {town.local_table(dropped)}
    # The first round waits for all silos, which answer as before.
    lost_in = {6: 2, 11: 3}.get(exchange)
    assert dropped == {k: ({2} if k == lost_in else set()) for k in (1, 2, 3)}


@pytest.mark.parametrize("protection", ["committee", "rlwe", "none"])
@pytest.mark.parametrize("method", ["bayes", "sgd"])
def test_a_silo_that_misses_two_rounds_catches_up_and_goes_on(
    tmp_path: Path, protection: str, method: str
) -> None:
    """Tables are read in the light of those before, so that it is handed all that it missed."""
    town = Town(tmp_path, protection=protection, rounds=4, method=method)
    first, per_round = (1, 5) if protection == "committee" else (0, 1)
    away = range(first + per_round, first + 3 * per_round)
    entries = town.run(lambda n, silo: "gone" if silo == 3 and n in away else "ok")
    dropped = {k + 1: set(entry.dropped) for k, entry in enumerate(entries)}
    assert dropped == {1: set(), 2: {3}, 3: {3}, 4: set(), 5: set()}
    assert town.tables() == {town.local_table(dropped)}


def test_a_committee_begins_with_all_silos_or_with_as_many_as_its_coordinator_says(
    tmp_path: Path,
) -> None:
    """A single first upload stands out, so that the first round waits for all."""
    town = Town(tmp_path)

    def away(exchange: int, silo: int) -> str:
        return "gone" if silo == 0 and exchange < 4 else "ok"

    with pytest.raises(ProtocolError, match=r"round 1 has 3 uploads, and it takes 4 \(silo 0: no"):
        town.run(away)
    CoordinatorSettings(seconds=1, begin_with=3).write(town.coordinator_folder)
    town.transport.exchanges = 0
    entries = town.run(away)
    # Of a few silos the late one comes in by itself.
    assert [entry.included for entry in entries] == [(1, 2, 3), (0, 1, 2, 3), (0, 1, 2, 3)]
    assert town.tables() == {town.local_table({1: {0}})}


def test_a_kill_at_any_write_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The silo that is opened again answers as if nothing had been written until then."""
    disk, deaths = Disk(monkeypatch), []
    town = Town(tmp_path, protection="rlwe", rounds=1)

    class Stubborn:
        """Delivers each message until its silo has lived to answer it, dying one write later."""

        def exchange(self, requests: Any, *, seconds: float) -> Any:
            del seconds
            for silo, request in requests.items():

                def answer(silo: int = silo, request: bytes = request) -> bytes:
                    return town.transport.silo(silo).respond(request)

                def died(silo: int = silo) -> None:
                    deaths.append(silo)
                    town.transport.kill(silo)

                yield silo, disk.outlive(answer, died) if silo == 1 else answer()

    town.transport.exchange = Stubborn().exchange  # type: ignore[method-assign]
    town.run()
    assert len(deaths) > 30
    assert town.tables() == {town.local_table()}


def test_an_upload_that_cannot_be_kept_does_not_leave(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = Town(tmp_path, protection="none")
    with pytest.raises(ProtocolError, match="1 silos have not written their models"):
        fresh.run(lambda n, silo: "gone" if silo == 0 else "ok")  # noqa: ARG005
    request = fresh.transport.asked[0][0]
    silo = fresh.transport.silo(0)

    with Disk(monkeypatch).full():
        for _ in range(2):
            with pytest.raises(RunDirectoryError, match="cannot be written: No space left"):
                silo.respond(request)
    reply = Bundle.from_bytes(silo.respond(request))
    fresh.transport.kill(0)
    again = Bundle.from_bytes(fresh.transport.silo(0).respond(request))
    assert reply.one(Part.UPLOAD) == again.one(Part.UPLOAD) is not None


def test_one_process_serves_a_silo(tmp_path: Path) -> None:
    town = Town(tmp_path, protection="none")
    town.transport.silo(0)
    with pytest.raises(RunDirectoryError, match="another process serves the silo"):
        Silo.open(town.folder(0))
    town.transport.kill(0)
    Silo.open(town.folder(0)).close()


def test_a_damaged_state_is_refused(tmp_path: Path) -> None:
    town = Town(tmp_path, protection="none")
    town.run()
    town.transport.kill(0)
    (found,) = (town.folder(0) / "state").glob("*/participants-0.npz")
    found.write_bytes(found.read_bytes()[:-100])
    with pytest.raises(RunDirectoryError, match="damaged"):
        Silo.open(town.folder(0))


def test_a_silo_that_waits_is_told_and_so_is_the_coordinator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Played as in a larger federation, in which a single silo is no lot."""
    monkeypatch.setattr(lots, "FEW_SILOS", 0)
    town = Town(tmp_path, rounds=2)
    CoordinatorSettings(seconds=1, begin_with=3).write(town.coordinator_folder)
    told: list[str] = []
    town.transport._silos[0] = Silo.open(town.folder(0), note=told.append)
    entries = town.run(lambda n, silo: "gone" if silo == 0 and n < 4 else "ok")
    assert [entry.included for entry in entries] == [(1, 2, 3)] * 3
    assert [entry.waiting for entry in entries] == [(), (0,), (0,)]
    assert told == [
        "nothing of it is in the table until a lot of its kind, 3 at least, comes in one round"
    ]


def with_another_file(town: Town, silo: int, lines: int | None = None) -> None:
    """Turn the ratings of a silo's file round, or those of its last lines."""
    path = town.folder(silo) / "ratings.csv"
    with path.open(newline="", encoding="utf-8") as file:
        heading, *rows = csv.reader(file)
    for row in rows[-(lines or len(rows)) :]:
        row[2] = str(5.5 - float(row[2]))
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([heading, *rows])
    SiloSettings(silo, "ratings.csv", user_lot=2).write(town.folder(silo))


def kinds_of(town: Town, silo: int) -> list[str]:
    """Return what a silo's uploads were, round by round."""
    closings = [
        ClosingMessage.from_bytes(data, town.federation.session)
        for data in town.transport.silo(silo).participant._held.closings
    ]
    proofs = [ClosingProof.of(closing, town.charter).sum for closing in closings]
    uploads = [one for proof in proofs if proof for one in proof.uploads]
    return [one.kind.name for one in uploads if one.participant == silo]


def test_a_silo_waits_with_what_too_few_of_its_users_changed(tmp_path: Path) -> None:
    """Partners would read from its change, which travels alone, what a single user rated."""
    town = Town(tmp_path, rounds=4)

    def fate(exchange: int, silo: int) -> str:
        if (exchange, silo) == (7, 1):
            town.transport.kill(1)
            with_another_file(town, 1, lines=3)
        return "ok"

    town.run(fate)
    assert kinds_of(town, 1) == ["JOIN", "FIRST", "UPDATE", "UPDATE", "UPDATE"]


@pytest.mark.parametrize("later", [0, 1, 2])
def test_a_silo_whose_ratings_file_has_changed_renews(tmp_path: Path, later: int) -> None:
    """It was killed meanwhile, and again at any exchange of the round in which it renews."""
    town = Town(tmp_path, rounds=4)

    def fate(exchange: int, silo: int) -> str:
        if (exchange, silo) == (7, 1):
            town.transport.kill(1)
            with_another_file(town, 1)
        return "killed before" if silo == 1 and exchange in (7, 7 + later) else "ok"

    town.run(fate)
    assert kinds_of(town, 1) == ["JOIN", "FIRST", "RENEW", "UPDATE", "UPDATE"]
    assert kinds_of(town, 0) == ["JOIN", "FIRST", "UPDATE", "UPDATE", "UPDATE"]


def test_a_silo_of_a_method_that_adds_up_moves_keeps_to_its_file(tmp_path: Path) -> None:
    town = Town(tmp_path, protection="none", method="sgd")
    town.run()
    town.transport.kill(1)
    with_another_file(town, 1)
    (town.folder(1) / "travelling.npz").unlink()
    with pytest.raises(RunDirectoryError, match="participant 1 are not those that"):
        Silo.open(town.folder(1))
