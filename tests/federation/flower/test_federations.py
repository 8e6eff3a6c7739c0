"""Whole federations over a grid on paper, with the real coordinator and silos, and what goes wrong.

After each fault the table is that of the same history in the local engine, bit for bit.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("flwr", reason="Flower is an extra")

from flwr.app import RecordDict

from fedmf.cli.join import join
from fedmf.errors import FedmfError, ProtocolError, SettingsError
from fedmf.federation.flower import records, transport
from fedmf.federation.flower.events import Events
from fedmf.federation.flower.folders import SiloFolder
from fedmf.federation.flower.records import answer
from fedmf.federation.flower.transport import GridTransport
from fedmf.federation.silos import Coordinator, CoordinatorSettings, Federation, RoundEntry, Silo
from fedmf.federation.silos.silo_participant import SiloParticipant
from tests.federation.flower.paper_grid import PaperGrid, PaperNode
from tests.federation.silos.town import SCALE, SILOS, Town

ALL = range(SILOS)


class PaperTown:
    """A town whose messages pass through records, nodes and a grid, as over Flower.

    Parameters
    ----------
    path
        Where it lives.
    protection
        Its protection.
    """

    def __init__(self, path: Path, protection: str) -> None:
        self.town = Town(path, protection=protection)
        # Whoever is there answers at once.
        CoordinatorSettings(seconds=0.2, patience=2).write(self.town.coordinator_folder)
        self.said: dict[str, list[str]] = {who: [] for who in ("server", *map(str, ALL))}
        self.versions = dict.fromkeys(ALL, records.VERSION)
        self.entries: list[RoundEntry] = []

    def run(
        self,
        there: Iterable[int] = ALL,
        after_round: Callable[[list[PaperNode], RoundEntry], None] | None = None,
    ) -> None:
        """Start these silos and the server, and run the rounds that are left."""
        silos = {silo: Silo.open(self.town.folder(silo), tell=self._teller(silo)) for silo in there}
        nodes = [PaperNode(silo, b"%d" % silo, self._answering(silos[silo])) for silo in silos]
        events = Events(None, self.said["server"].append)
        keys = {silo: b"%d" % silo for silo in ALL}
        over = GridTransport(PaperGrid(nodes), keys, events, pause=0.001)
        coordinator = Coordinator.open(self.town.coordinator_folder, over)

        def keep(entry: RoundEntry) -> None:
            self.entries.append(entry)
            if after_round is not None:
                after_round(nodes, entry)

        try:
            coordinator.run(keep)
        finally:
            coordinator.close()
            for silo in silos.values():
                silo.close()

    def agrees(self) -> bool:
        """Whether all silos have the table to which the history of the run leads locally."""
        counted = [one for one in self.entries if not one.void]
        dropped = {
            number: set(ALL) - set(one.included)
            for number, one in enumerate(counted, start=1)
            if len(one.included) < SILOS
        }
        return self.town.tables() == {self.town.local_table(dropped)}

    def _teller(self, silo: int) -> Callable[[FedmfError], None]:
        return lambda error: self.said[str(silo)].append(str(error))

    def _answering(self, silo: Silo) -> Callable[[RecordDict], RecordDict]:
        number = silo._settings.silo
        events = Events(None, self.said[str(number)].append)

        def answered(record: RecordDict) -> RecordDict:
            with pytest.MonkeyPatch.context() as there:
                # The silo's half of the modules that both sides share in this process.
                there.setattr(records, "VERSION", self.versions[number])
                return answer(record, silo.respond, events)

        return answered


@pytest.fixture
def town(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[PaperTown]:
    monkeypatch.setattr(transport, "REFRESH", 0.001)
    made = PaperTown(tmp_path, getattr(request, "param", "committee"))
    yield made
    for silo in ALL:
        made.town.transport.kill(silo)


def other_parameters(federation: Federation) -> Federation:
    return Federation.make(
        replace(federation.settings, seed=8),
        federation.item_ids,
        SCALE,
        federation.users,
        key_check=federation.key_check,
    )


def test_a_federation_over_records_and_nodes_comes_to_the_local_table(town: PaperTown) -> None:
    town.run()
    assert [one.included for one in town.entries] == [tuple(ALL)] * 3
    assert town.agrees()


def test_with_fewer_members_than_the_threshold_the_server_ends_and_goes_on_later(
    town: PaperTown,
) -> None:
    def lose_two(nodes: list[PaperNode], entry: RoundEntry) -> None:
        if entry.round == 2:
            # Their processes are gone; the threshold is 3 of 4.
            del nodes[2:]

    with pytest.raises(ProtocolError, match=r"2 of the 3 members .*nothing is lost") as ended:
        town.run(after_round=lose_two)
    assert "silo 2: no reply within 0.2 seconds; silo 3: no reply" in str(ended.value)
    assert {"silo 2 has not answered in time", "silo 3 has not answered in time"} <= set(
        town.said["server"]
    )
    town.run()
    counted = [one for one in town.entries if not one.void]
    assert len(counted) == 3
    assert town.agrees()


def test_a_member_that_is_gone_is_done_without_and_comes_back(town: PaperTown) -> None:
    gone: list[PaperNode] = []

    def come_and_go(nodes: list[PaperNode], entry: RoundEntry) -> None:
        if entry.round == 1:
            gone.append(nodes.pop(3))
        elif entry.round == 2:
            nodes.append(gone.pop())

    town.run(after_round=come_and_go)
    included = [set(one.included) for one in town.entries if not one.void]
    assert {0, 1, 2} in included
    assert town.agrees()


def test_another_catalogue_is_told_on_both_sides(town: PaperTown) -> None:
    right = town.town.federation
    replace(right, item_ids=right.item_ids[::-1]).write(town.town.folder(1))
    with pytest.raises(ProtocolError, match=r"silo 1 has another federation file .*the catalogue"):
        town.run()
    assert any("the catalogue, the settings or the version" in one for one in town.said["1"])
    right.write(town.town.folder(1))
    town.run()
    assert town.agrees()


@pytest.mark.parametrize("town", ["rlwe"], indirect=True)
def test_other_parameters_are_told_on_both_sides(town: PaperTown) -> None:
    right = town.town.federation
    other_parameters(right).write(town.town.folder(1))
    with pytest.raises(ProtocolError, match=r"silo 1 has another federation file .*the settings"):
        town.run()
    assert any("the catalogue, the settings or the version" in one for one in town.said["1"])
    right.write(town.town.folder(1))
    town.run()
    assert town.agrees()


def test_under_a_committee_other_parameters_do_not_fit_the_charter(town: PaperTown) -> None:
    other_parameters(town.town.federation).write(town.town.folder(1))
    with pytest.raises(SettingsError, match="is of another session than the federation file"):
        town.run()
    assert not town.entries


def test_a_silo_of_another_release_is_told_on_both_sides_and_upgrades(town: PaperTown) -> None:
    town.versions[3] = "7.1.0"
    with pytest.raises(ProtocolError, match="round 1 has 3 uploads, and it takes 4"):
        town.run()
    server = f"silo 3 runs fedmf 7.1.0 and this server {records.VERSION}; all have to run the same"
    assert any(one.startswith(server) for one in town.said["server"])
    silo = f"error 51: the server runs fedmf {records.VERSION} and this silo 7.1.0"
    assert any(one.startswith(silo) for one in town.said["3"])
    town.versions[3] = records.VERSION
    town.run()
    assert town.agrees()


def test_an_unexpected_error_at_a_silo_is_one_line_and_the_silo_goes_on(
    town: PaperTown, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, defects = SiloParticipant._upload, [ValueError("first\nsecond")]

    def upload(self: SiloParticipant, data: bytes) -> bytes:
        if self._settings.silo == 2 and self.standing.heard == 1 and defects:
            raise defects.pop()
        return real(self, data)

    monkeypatch.setattr(SiloParticipant, "_upload", upload)
    town.run()
    assert not defects
    lines = [one for one in town.said["2"] if one.startswith("error 1: ")]
    assert len(lines) == 1
    assert "unexpected ValueError: first second" in lines[0]
    assert "silo 2 refused with error 1; its own log says why" in town.said["server"]
    assert town.agrees()


def test_what_a_silo_could_not_do_is_told_on_its_own_terminal_and_in_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Town(tmp_path, protection="none").folder(0)
    connection = SiloFolder(folder)
    connection.path.mkdir()

    def connect(folder: Path, server: str, respond: Callable[[bytes], bytes], _: Events) -> None:
        del folder, server
        respond(b"nonsense")

    monkeypatch.setattr("fedmf.federation.flower.join.join", connect)
    join(folder, "localhost:1")
    assert "error 32: not a message between a coordinator and a silo" in capsys.readouterr().err
    line = json.loads(connection.events.read_text("utf-8"))
    assert (line["event"], line["error"]) == ("trouble", 32)
