"""From empty folders over the command line to rounds with exactly these keys; and the how-to."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from fedmf.cli.app import app
from fedmf.errors import KeyMaterialError, MessageError, OpenError, ProtocolError
from fedmf.federation.enrolment_files import read_directory, read_enrolment
from fedmf.protocol import ClosingMessage, ParticipantRole
from fedmf.protocol.committee.closing import ClosingProof
from fedmf.protocol.committee.exchange import SHARE
from fedmf.protocol.committee.member import CommitteeMember
from fedmf.protocol.committee.member_log import ForgetfulLog
from fedmf.protocol.committee.participant import CommitteeParticipant
from fedmf.protocol.enrolment.enrolment import Enrolment
from fedmf.protocol.enrolment.reader_secret import reader_envelope_key
from tests.protocol.committee.world import (
    MemorySpool,
    World,
    make_session,
    random_changes,
    untouched,
)

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "enrol-participants-and-members.md"
PARTICIPANTS = ("north", "south", "east", "harbour")
NEWCOMERS = ("west", "centre", "coast")
MEMBERS = ("university", "ombudsman", "foundation", "auditor")


def keys(*arguments: str) -> Any:
    ran = CliRunner().invoke(app, ["keys", *arguments, "--json"])
    assert ran.exit_code == 0, ran.output
    return json.loads(ran.stdout)


def flags(option: str, names: Sequence[str]) -> list[str]:
    return [part for name in names for part in (option, f"{name}/card.json")]


def enrol(directory: str, names: Sequence[str], fingerprint: str) -> None:
    for name in names:
        keys(
            *("accept", directory, "--key", f"{name}/keys.json"),
            *("--fingerprint", fingerprint, "--out", f"{name}/enrolment"),
        )


class Enrolled(World):
    """A world whose roles are those of accepted enrolments."""

    def __init__(self, participants: Sequence[Enrolment], members: Sequence[Enrolment]) -> None:
        self.charter = members[0].charter
        self.session = self.charter.session
        self.start = self.session.shape.zeros()
        self.members = [
            CommitteeMember(
                one.charter, one.number, one.keys.signing_key, ForgetfulLog(), rosters=one.rosters
            )
            for one in members
        ]
        self.protections: dict[int, CommitteeParticipant] = {}
        self.roles: dict[int, ParticipantRole] = {}
        for enrolment in participants:
            self.join(enrolment)
        self.start_payload, self.spool = b"", MemorySpool()
        self.server = self.fresh_server()
        self.expected = [part.copy() for part in self.start]
        self.opening, self.changes = None, {}
        self.to_member = self.from_member = untouched

    def join(self, enrolment: Enrolment, closings: Sequence[ClosingMessage] = ()) -> None:
        """Let a participant in, who hears first how the rounds before it ended."""
        held = enrolment.held
        protection = CommitteeParticipant(
            self.charter, held.signing_keys, enrolment.reader, self.start, rosters=held.rosters
        )
        role = ParticipantRole(self.session, enrolment.number, protection)
        for closing in closings:
            role.receive_closing(closing)
        self.protections[enrolment.number] = protection
        self.roles[enrolment.number] = role


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_from_empty_folders_to_rounds_and_a_new_roster_that_shuts_out_who_left() -> None:
    rng = np.random.default_rng(5)
    Path("session.json").write_bytes(make_session(7).to_bytes())
    for name in (*PARTICIPANTS, *NEWCOMERS):
        keys("participant", "--name", name, "--out", name)
    for name in MEMBERS:
        keys("member", "--name", name, "--out", name)
    charter = keys(
        *("charter", "--session", "session.json", "--out", "directory"),
        *flags("--member", MEMBERS),
        *flags("--participant", PARTICIPANTS),
    )["fingerprint"]
    enrol("directory", (*PARTICIPANTS, *MEMBERS), charter)

    first = [read_enrolment(Path(name, "enrolment")) for name in PARTICIPANTS]
    world = Enrolled(first, [read_enrolment(Path(name, "enrolment")) for name in MEMBERS])
    first_closing = world.round(random_changes(rng, range(4)))
    assert first_closing.included == (0, 1, 2, 3)
    world.hand_out()
    world.check_tables()

    # South leaves, and three newcomers come: first uploads travel in batches of three.
    proposal = keys(
        *("roster", "directory", "--remove", "1", "--out", "directory-2"),
        *flags("--add", NEWCOMERS),
    )["fingerprint"]
    for name in MEMBERS[:3]:
        keys(
            *("sign", "directory-2", "--enrolment", f"{name}/enrolment"),
            *("--fingerprint", proposal, "--yes"),
        )
    staying = {0: "north", 2: "east", 3: "harbour"}
    for name in (*staying.values(), *MEMBERS):
        keys("adopt", "directory-2", "--enrolment", f"{name}/enrolment")
    enrol("directory-2", NEWCOMERS, charter)

    signed = read_directory(Path("directory-2")).rosters[0]
    south, south_role = world.protections.pop(1), world.roles.pop(1)
    world.committee.rosters.adopt(signed)
    for member in world.members:
        member.rosters.adopt(signed)
    for number, name in staying.items():
        world.protections[number].adopt(signed, read_enrolment(Path(name, "enrolment")).reader)

    # Whoever left neither hears nor opens what comes next.
    second_closing = world.round(random_changes(rng, staying))
    assert second_closing.included == (0, 2, 3)
    world.hand_out()
    world.check_tables()
    with pytest.raises(MessageError, match="no version 2"):
        south_role.receive_closing(second_closing)
    with pytest.raises(MessageError, match="the one after round 1 is due"):
        south.open(world.server.table_message().payload)
    with pytest.raises(KeyMaterialError, match="another reader key"):
        south.adopt(signed, first[1].reader)
    with pytest.raises(ProtocolError, match="not in version 2"):
        world.committee.rosters.newest.key_of(1)

    # Newcomers hear how the rounds before ended, get a copy, and take part.
    world.server.keep_copy(world.protections[0].copy())
    for name in NEWCOMERS:
        world.join(read_enrolment(Path(name, "enrolment")), [first_closing, second_closing])
    third_closing = world.round(random_changes(rng, world.protections))
    assert third_closing.included == (0, 2, 3, 4, 5, 6)
    world.hand_out()
    world.check_tables()

    # With all that the server has, each reader secret opens only the sums of its own version.
    readers = {1: first[1].reader, 2: read_enrolment(Path("north", "enrolment")).reader}
    for version, closing in ((1, first_closing), (2, second_closing), (2, third_closing)):
        proof = ClosingProof.of(closing, world.charter)
        statement = proof.certificate.outcome.statement(world.charter)
        for holder, reader in readers.items():
            assert reader is not None
            key = reader_envelope_key(reader, "x25519")
            assert proof.sum is not None
            for answer in proof.sum.answers:
                if holder == version:
                    assert key.open(answer.share, SHARE, *statement)
                else:
                    with pytest.raises(OpenError):
                        key.open(answer.share, SHARE, *statement)


def test_the_how_to_page_does_what_it_says() -> None:
    text = PAGE.read_text("utf-8")
    (session,) = re.findall(r"^```python\n(from pathlib.*?)^```", text, re.S | re.M)
    exec(compile(session, PAGE.name, "exec"), {})  # noqa: S102 - our own page
    joined = re.sub(r"\\\n +", " ", text)
    commands = re.findall(r"^    fedmf (keys .*)$", joined, re.M)
    assert len(commands) > 25
    heard: dict[str, str] = {}
    for command in commands:
        arguments = [heard.get(word, word) for word in shlex.split(command)]
        ran = CliRunner().invoke(app, arguments, input="y\n")
        assert ran.exit_code == 0, f"{command}: {ran.output}"
        match arguments[1]:
            case "charter":
                heard["$CHARTER"] = keys("show", "directory")["fingerprint"]
            case "roster":
                folder = arguments[arguments.index("--out") + 1]
                heard["$PROPOSAL"] = keys("show", folder)["proposal_fingerprint"]
    assert read_enrolment(Path("north/enrolment")).number == 0
    west = read_enrolment(Path("west/enrolment"))
    assert (west.number, len(west.rosters)) == (4, 1)
    assert read_directory(Path("directory-3")).signatures_missing == 3
