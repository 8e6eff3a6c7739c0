"""The transport over a grid on paper: who is asked, who is believed, what silence means."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fedmf.errors import DataError, FedmfError

pytest.importorskip("flwr", reason="Flower is an extra")

from flwr.app import ConfigRecord, RecordDict
from flwr.common.constant import ErrorCode
from flwr.supercore.inflatable.inflatable_object import get_all_nested_objects
from flwr.supercore.inflatable.inflatable_utils import inflate_object_from_contents

from fedmf.federation.flower import records, transport
from fedmf.federation.flower.events import Events
from fedmf.federation.flower.records import answer
from fedmf.federation.flower.transport import GridTransport
from tests.federation.flower.paper_grid import PaperGrid, PaperNode

KEYS = {silo: f"key of silo {silo}\n".encode() for silo in range(3)}


class Log:
    """Events, read back."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "events.jsonl"
        self.said: list[str] = []
        self.events = Events(self.path, self.said.append)

    def lines(self, event: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.path.read_text("utf-8").splitlines()]
        return [line for line in lines if line["event"] == event]


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path)


def respond_as(silo: int, request: bytes) -> bytes:
    return b"%d:%b" % (silo, request)


def node(silo: int, log: Log, respond: Callable[[bytes], bytes] | None = None) -> PaperNode:
    respond = respond or functools.partial(respond_as, silo)
    return PaperNode(100 + silo, KEYS[silo], lambda record: answer(record, respond, log.events))


def exchange(
    grid: PaperGrid, log: Log, requests: dict[int, bytes], seconds: float = 60.0
) -> dict[int, bytes]:
    over = GridTransport(grid, KEYS, log.events, pause=0.001)
    return dict(over.exchange(requests, seconds=seconds))


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "REFRESH", 0.001)


def test_each_silo_gets_its_own_request_and_its_answer_comes_back(log: Log) -> None:
    grid = PaperGrid([node(silo, log) for silo in (2, 0, 1)])
    assert exchange(grid, log, {0: b"a", 1: b"", 2: b"\0"}) == {0: b"0:a", 1: b"1:", 2: b"2:\0"}


def test_a_silo_is_known_by_its_key_and_strangers_get_nothing(log: Log) -> None:
    stranger = PaperNode(7, b"another key", lambda record: record)
    grid = PaperGrid([stranger, node(1, log)])
    assert exchange(grid, log, {0: b"a", 1: b"b"}, seconds=0.1) == {1: b"1:b"}
    assert {message.metadata.dst_node_id for message in grid.pushed} == {101}
    assert [line["silo"] for line in log.lines("silent")] == [0]


def test_only_silos_with_a_request_are_asked(log: Log) -> None:
    grid = PaperGrid([node(silo, log) for silo in range(3)])
    assert exchange(grid, log, {2: b"x"}) == {2: b"2:x"}
    assert len(grid.pushed) == 1


def test_a_silo_that_comes_late_is_asked_when_it_is_there(log: Log) -> None:
    grid = PaperGrid([])
    grid.looks = lambda number: grid.nodes.append(node(0, log)) if number == 3 else None
    assert exchange(grid, log, {0: b"a"}) == {0: b"0:a"}


def test_a_silo_that_never_comes_is_waited_for_no_longer_than_said(log: Log) -> None:
    assert exchange(PaperGrid([]), log, {0: b"a"}, seconds=0.05) == {}
    assert log.said == ["silo 0 has not answered in time"]


def test_a_silo_that_connected_anew_is_asked_again(log: Log) -> None:
    dead = PaperNode(100, KEYS[0], None)
    grid = PaperGrid([dead])

    def back(number: int) -> None:
        if number == 3:
            alive = node(0, log)
            alive.last_activated_at = "second"
            grid.nodes = [alive]

    grid.looks = back
    assert exchange(grid, log, {0: b"a"}) == {0: b"0:a"}
    assert len(grid.pushed) == 2


@pytest.mark.parametrize("code", [ErrorCode.NODE_UNAVAILABLE, ErrorCode.REPLY_MESSAGE_UNAVAILABLE])
def test_a_message_that_flower_lost_is_sent_again(log: Log, code: int) -> None:
    silent = PaperNode(100, KEYS[0], None)
    grid = PaperGrid([silent])

    def lost(number: int) -> None:
        if number == 2:
            grid.lose(code)
            silent.answer = node(0, log).answer

    grid.looks = lost
    assert exchange(grid, log, {0: b"a"}) == {0: b"0:a"}
    assert log.lines("lost")[0]["silo"] == 0


def test_an_app_that_failed_is_not_asked_again(log: Log) -> None:
    grid = PaperGrid([PaperNode(100, KEYS[0], None)])
    grid.looks = lambda number: (
        grid.lose(ErrorCode.CLIENT_APP_RAISED_EXCEPTION) if number == 1 else None
    )
    assert exchange(grid, log, {0: b"a"}) == {}
    assert len(grid.pushed) == 1


def test_messages_end_with_the_exchange(log: Log) -> None:
    grid = PaperGrid([node(0, log)])
    exchange(grid, log, {0: b"a"}, seconds=3.0)
    assert 0 < grid.pushed[0].metadata.ttl <= 3.0


def test_the_sentence_of_a_refusal_stays_with_the_silo(log: Log, tmp_path: Path) -> None:
    (tmp_path / "silo").mkdir()
    own = Log(tmp_path / "silo")

    def respond(request: bytes) -> bytes:
        raise DataError(f"user Ada rated 'Alien' {len(request)} times")

    grid = PaperGrid([node(0, own, respond)])
    assert exchange(grid, log, {0: b"abc"}) == {}
    assert own.said == ["error 10: user Ada rated 'Alien' 3 times"]
    assert log.said == ["silo 0 refused with error 10; its own log says why"]
    # Nor does it travel beside the number.
    reply = grid.nodes[0].answer
    assert reply is not None
    assert "Ada" not in str(reply(records.request_record(b"abc")))


def test_another_release_is_told_on_both_sides(
    log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "silo").mkdir()
    own = Log(tmp_path / "silo")
    real = records.request_record

    def foreign(body: bytes) -> RecordDict:
        record = real(body)
        record["fedmf"] = ConfigRecord({"version": "7.1.0", "error": 0})
        return record

    monkeypatch.setattr(transport, "request_record", foreign)
    monkeypatch.setattr(transport, "VERSION", "7.1.0")
    assert exchange(PaperGrid([node(0, own)]), log, {0: b"a"}) == {}
    assert "all have to run the same release" in own.said[0]
    assert own.said[0].startswith(
        f"error 51: the server runs fedmf 7.1.0 and this silo {records.VERSION}"
    )
    assert log.said[0].startswith(f"silo 0 runs fedmf {records.VERSION} and this server 7.1.0; ")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("0.1.0", "0.1.7", True), ("0.1.0", "0.2.0", False), ("1.0.0", "0.1.0", False)],
)
def test_releases_differ_by_their_first_two_numbers(one: str, other: str, same: bool) -> None:
    assert records.same_release(one, other) is same


@pytest.mark.parametrize(
    "record",
    [
        RecordDict(),
        RecordDict({"fedmf": ConfigRecord({"version": 1, "error": 0})}),
        RecordDict({"fedmf": ConfigRecord({"version": records.VERSION, "error": "no"})}),
        RecordDict({"fedmf": ConfigRecord({"version": records.VERSION, "error": 0})}),
    ],
    ids=["empty", "version", "error", "no body"],
)
def test_records_of_others_are_refused_and_told_of(log: Log, record: RecordDict) -> None:
    with pytest.raises(FedmfError):
        records.read_request(record)
    grid = PaperGrid([PaperNode(100, KEYS[0], lambda _: record), node(1, log)])
    assert exchange(grid, log, {0: b"a", 1: b"b"}) == {1: b"1:b"}
    assert log.lines("refused")[0]["silo"] == 0


@pytest.mark.parametrize("body", [b"", b"\0", bytes(range(256)) * 30_000], ids=len)
def test_bytes_survive_being_taken_apart_and_put_together(body: bytes) -> None:
    record = records.reply_record(body)
    parts = {key: part.deflate() for key, part in get_all_nested_objects(record).items()}
    # 7.7 MB are more than a piece of 5 MiB.
    assert max(map(len, parts.values())) < 5_300_000
    again = inflate_object_from_contents(record.object_id, parts)
    assert isinstance(again, RecordDict)
    assert records.read_reply(again).body == body
