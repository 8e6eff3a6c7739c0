"""``fedmf keys``: who takes part under a committee, from new keys to accepted enrolments."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fedmf.cli.console import commands, print_answer
from fedmf.cli.keys_rosters import adopt, roster, sign
from fedmf.cli.keys_show import as_list, show, text_of
from fedmf.cli.keys_silos import node, server, shared
from fedmf.cli.options import Json, Name, NewFolder, SealedFile
from fedmf.crypto.envelopes import DEFAULT_SUITE, ENVELOPE_SUITES
from fedmf.crypto.master_secret import MasterSecret
from fedmf.crypto.participants_key import load_participants_key
from fedmf.errors import KeyMaterialError
from fedmf.federation.enrolment_files import (
    CARD,
    KEYS,
    read_card,
    read_keys,
    read_register,
    read_sealed,
    read_session,
    write_enrolment,
    write_keys,
    write_register,
)
from fedmf.protocol.enrolment.directory import KeyDirectory
from fedmf.protocol.enrolment.enrolment import Enrolment
from fedmf.protocol.enrolment.personal_keys import PersonalKeys


def participant(
    name: Name,
    out: NewFolder,
    suite: Annotated[
        str, typer.Option(help=f"Envelope suite of the session: {', '.join(ENVELOPE_SUITES)}.")
    ] = DEFAULT_SUITE,
    as_json: Json = False,
) -> None:
    """Make a participant's keys, and the card to send to whoever convenes the federation."""
    _make_keys(PersonalKeys.fresh("participant", name, suite=suite), out, as_json=as_json)


def member(name: Name, out: NewFolder, as_json: Json = False) -> None:
    """Make the keys of a member of the committee, and the card to send to whoever convenes."""
    _make_keys(PersonalKeys.fresh("member", name), out, as_json=as_json)


def charter(
    session: Annotated[
        Path, typer.Option(metavar="FILE", help="The session: its bytes, or a run.json.")
    ],
    member: Annotated[
        list[Path], typer.Option(metavar="CARD", help="A member's card; in order of numbers.")
    ],
    participant: Annotated[
        list[Path], typer.Option(metavar="CARD", help="A participant's card; in order of numbers.")
    ],
    out: NewFolder,
    reader: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Reader secret to use.", show_default="a new one"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Convene a federation: write its charter, and the reader secret sealed for everybody.

    Whoever does this could read every opened sum. So it is a participant, and never whoever runs
    the server.
    """
    register = KeyDirectory.convene(
        read_session(session),
        [read_card(path) for path in member],
        [read_card(path) for path in participant],
        None if reader is None else _reader_secret(reader),
    )
    write_register(out, register)
    members = as_list(dict(enumerate(register.members)))
    participants = as_list(register.participants)
    room = register.charter.session.participants - len(participants)
    print_answer(
        {
            "register": str(out),
            "fingerprint": register.charter.fingerprint,
            "members": members,
            "participants": participants,
        },
        [
            f"register: {out}",
            f"fingerprint of the charter: {register.charter.fingerprint}",
            *(f"  member {text_of(one)}" for one in members),
            *(f"  participant {text_of(one)}" for one in participants),
            f"numbers left for newcomers: {room}",
            "next: send everybody a copy of the folder, and compare by voice the fingerprint of "
            "the\ncharter with everybody, and that of each card with its owner, before anybody "
            "accepts it",
        ],
        as_json=as_json,
    )


def accept(
    register: Annotated[
        Path, typer.Argument(metavar="REGISTER", help="The folder that whoever convenes sent.")
    ],
    key: Annotated[
        Path, typer.Option(metavar="FILE", help="Your keys.json, or the folder it lies in.")
    ],
    fingerprint: Annotated[
        str, typer.Option(help="The charter's, as you compared it with the others by voice.")
    ],
    out: NewFolder,
    sealed: SealedFile = None,
    as_json: Json = False,
) -> None:
    """Check a charter against your keys and the fingerprint that you compared, and pin it."""
    enrolment = Enrolment.accept(
        read_register(register),
        read_keys(key),
        fingerprint,
        None if sealed is None else read_sealed(sealed),
    )
    write_enrolment(out, enrolment)
    keys = enrolment.keys
    print_answer(
        {
            "enrolment": str(out),
            "role": keys.role,
            "number": enrolment.number,
            "name": keys.name,
            "fingerprint": enrolment.charter.fingerprint,
            "roster_version": len(enrolment.rosters) + 1,
        },
        [
            f"accepted: {keys.name} is {keys.role} {enrolment.number}",
            f"enrolment, secret: {out}",
        ],
        as_json=as_json,
    )


def _reader_secret(path: Path) -> MasterSecret:
    key = load_participants_key(path)
    if not isinstance(key, MasterSecret):
        raise KeyMaterialError(f"{path} holds a Paillier key, where a reader secret is due")
    return key


def _make_keys(personal: PersonalKeys, out: Path, *, as_json: bool) -> None:
    write_keys(out, personal)
    card = personal.card()
    print_answer(
        {
            "role": card.role,
            "name": card.name,
            "fingerprint": card.fingerprint,
            "keys": str(out / KEYS),
            "card": str(out / CARD),
        },
        [
            f"keys of {card.role} {card.name}, secret: {out / KEYS}",
            f"card, to send to whoever convenes: {out / CARD}",
            f"fingerprint of the card, to compare by voice: {card.fingerprint}",
        ],
        as_json=as_json,
    )


keys = commands(
    "Keys, charter and rosters of a federation with a committee.",
    *(participant, member, charter, accept, roster, sign, adopt, show, shared, server, node),
)
