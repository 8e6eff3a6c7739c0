"""A protection that the product does not have, registered by a line: everything else follows."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from fedmf.errors import SettingsError
from fedmf.federation import TrainingSettings, make_plan, train_locally
from fedmf.protocol import (
    PROTECTIONS,
    Change,
    IntegerTable,
    ParticipantProtection,
    Protected,
    Protection,
    Rows,
    ServerProtection,
    Session,
    participant_protection,
)
from fedmf.protocol.committee.protection import CommitteeProtection
from fedmf.protocol.enrolment.charter import Charter
from fedmf.protocol.enrolment.keyring import HeldKeys
from fedmf.protocol.none import NoneParticipant, NoneServer
from fedmf.protocol.threat_model import KINDS, Threat
from fedmf.ratings import Ratings
from fedmf.report import write_report
from tests.cli.command import SMALL, run
from tests.contracts.engine_contract import split
from tests.contracts.protection_contract import ProtectionContract
from tests.contracts.sliced_contract import SlicedContract

__all__ = ["split"]


def flipped(payload: bytes) -> bytes:
    return bytes(byte ^ 0b01010101 for byte in payload)


class FlippedParticipant(NoneParticipant):
    def protect(
        self,
        change: Change,
        *,
        round_number: int,
        participant: int,
        leaving: bool = False,
        renewing: bool = False,
    ) -> Protected:
        plain = super().protect(
            change,
            round_number=round_number,
            participant=participant,
            leaving=leaving,
            renewing=renewing,
        )
        return Protected(flipped(plain.payload))

    def open(self, payload: bytes, rows: Rows | None = None) -> IntegerTable:
        return super().open(flipped(payload), rows)


class FlippedServer(NoneServer):
    def add(self, payload: bytes, rows: Rows | None, *, counted_round: int) -> None:
        super().add(flipped(payload), rows, counted_round=counted_round)

    def payload(self) -> bytes:
        return flipped(super().payload())

    def table_payload(self) -> bytes:
        return self.payload()

    def restore(self, payload: bytes) -> None:
        super().restore(flipped(payload))


class Flipped(Protection):
    """Every other bit is flipped: a constant that everybody knows, and so no protection."""

    name: ClassVar[str] = "flipped"
    names_rows: ClassVar[bool] = True
    has_key: ClassVar[bool] = False

    def participants_half(
        self, session: Session, keys: HeldKeys, start: IntegerTable
    ) -> ParticipantProtection:
        del keys, start
        return FlippedParticipant(session)

    def server_half(self, session: Session, charter: Charter | None) -> ServerProtection:
        del charter
        return FlippedServer(session)

    def threats(self, session: Session, key_bits: int, participants: int) -> tuple[Threat, ...]:
        del session, key_bits, participants
        return (Threat("whoever flips bits", "everything"),)


class Council(CommitteeProtection):
    """A committee by another name, which nothing but the registry has heard of."""

    name: ClassVar[str] = "council"


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    for protection in (Flipped(), Council()):
        monkeypatch.setitem(PROTECTIONS, protection.name, protection)


class TestFlipped(ProtectionContract):
    protection: ClassVar[str] = "flipped"

    def participant(
        self, session: Session, start: IntegerTable | None = None
    ) -> ParticipantProtection:
        return participant_protection(session, None, start)


class TestFlippedInSlices(SlicedContract):
    protection: ClassVar[str] = "flipped"

    def participant(self, session: Session, start: IntegerTable) -> ParticipantProtection:
        return participant_protection(session, None, start)


@pytest.mark.parametrize("protection", ["flipped", "council"])
@pytest.mark.parametrize("upload", ["full", "slices"])
def test_a_training_equals_the_unprotected_one_bit_for_bit(
    split: tuple[Ratings, Ratings], protection: str, upload: str
) -> None:
    settings = TrainingSettings(
        protection="none",
        upload=upload,
        factors=3,
        rounds=3,
        slices=2 if upload == "slices" else None,
    )
    digests = []
    for name in ("none", protection):
        plan, key = make_plan(replace(settings, protection=name), split[0], measured=True)
        digests.append(train_locally(plan, key, *split).table_sha256)
    assert digests[0] == digests[1]


def test_settings_go_by_what_the_protection_says() -> None:
    assert TrainingSettings(protection="flipped", upload="part").unread >= {"key_bits", "committee"}
    assert "threshold" not in TrainingSettings(protection="council").unread
    with pytest.raises(SettingsError, match="protection council never shows what was rated"):
        TrainingSettings(protection="council", upload="part")
    with pytest.raises(SettingsError, match="download_bits are for tables that are opened"):
        TrainingSettings(protection="flipped", download_bits=6)
    TrainingSettings(protection="council", opened_by="server", download_bits=6)


@pytest.mark.parametrize(
    ("protection", "threat"),
    [
        ("flipped", ("whoever flips bits", "everything")),
        ("council", ("the server, even if breaking the protocol", KINDS)),
    ],
)
def test_command_and_report_say_who_learns_what(
    tmp_path: Path, protection: str, threat: tuple[str, str]
) -> None:
    folder = tmp_path / "run"
    ran = run("train", *SMALL, "--protection", protection, "--out", str(folder))
    assert ran.status == 0, ran.err
    assert f" {threat[0]}: {threat[1]} " in " ".join(ran.out.split())
    assert "equals the unprotected run's bit for bit" in ran.out
    assert (folder / "key.json").exists() == (protection == "council")
    assert (folder / "charter.json").exists() == (protection == "council")
    page = re.sub("<[^<]*>", " ", write_report(folder).read_text())
    assert f"{threat[0]} {threat[1]} " in " ".join(page.split())
