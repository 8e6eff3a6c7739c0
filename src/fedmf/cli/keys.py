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
from fedmf.crypto.derivation import MasterSecret
from fedmf.crypto.envelopes import DEFAULT_SUITE, ENVELOPE_SUITES
from fedmf.crypto.participants_key import load_participants_key
from fedmf.errors import KeyMaterialError
from fedmf.federation.enrolment_files import (
    BUNDLE,
    KEYS,
    read_bundle,
    read_directory,
    read_keys,
    read_sealed,
    read_session,
    write_directory,
    write_enrolment,
    write_keys,
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
    """Make a participant's keys, and the public key bundle to send to the convener."""
    _make_keys(PersonalKeys.fresh("participant", name, suite=suite), out, as_json=as_json)


def member(name: Name, out: NewFolder, as_json: Json = False) -> None:
    """Make a committee member's keys, and the public key bundle to send to the convener."""
    _make_keys(PersonalKeys.fresh("member", name), out, as_json=as_json)


def charter(
    session: Annotated[
        Path, typer.Option(metavar="FILE", help="The session: its bytes, or a run.json.")
    ],
    member: Annotated[
        list[Path],
        typer.Option(metavar="BUNDLE", help="Members' public key bundles, in order."),
    ],
    participant: Annotated[
        list[Path],
        typer.Option(metavar="BUNDLE", help="Participants' public key bundles, in order."),
    ],
    out: NewFolder,
    reader: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Reader secret to use.", show_default="a new one"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Convene a federation: write its charter, and the reader secret sealed for everybody.

    The convener could read every opened sum, so it has to be a participant, and never the operator
    of the server.
    """
    directory = KeyDirectory.convene(
        read_session(session),
        [read_bundle(path) for path in member],
        [read_bundle(path) for path in participant],
        None if reader is None else _reader_secret(reader),
    )
    write_directory(out, directory)
    members = as_list(dict(enumerate(directory.members)))
    participants = as_list(directory.participants)
    room = directory.charter.session.participants - len(participants)
    print_answer(
        {
            "directory": str(out),
            "fingerprint": directory.charter.fingerprint,
            "members": members,
            "participants": participants,
        },
        [
            f"key directory: {out}",
            f"fingerprint of the charter: {directory.charter.fingerprint}",
            *(f"  member {text_of(one)}" for one in members),
            *(f"  participant {text_of(one)}" for one in participants),
            f"numbers left for newcomers: {room}",
            "next: send everybody a copy of the folder, and compare by voice the fingerprint of "
            "the charter with everybody, and that of each bundle with its owner, before anybody "
            "accepts it",
        ],
        as_json=as_json,
    )


def accept(
    directory: Annotated[
        Path, typer.Argument(metavar="DIRECTORY", help="The folder that the convener sent.")
    ],
    key: Annotated[
        Path, typer.Option(metavar="FILE", help="Your keys.json, or the folder it lies in.")
    ],
    fingerprint: Annotated[
        str, typer.Option(help="The charter's, compared by voice with the others.")
    ],
    out: NewFolder,
    sealed: SealedFile = None,
    as_json: Json = False,
) -> None:
    """Check a charter against your keys and the fingerprint that you compared, and pin it."""
    enrolment = Enrolment.accept(
        read_directory(directory),
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
    bundle = personal.bundle()
    print_answer(
        {
            "role": bundle.role,
            "name": bundle.name,
            "fingerprint": bundle.fingerprint,
            "keys": str(out / KEYS),
            "bundle": str(out / BUNDLE),
        },
        [
            f"keys of {bundle.role} {bundle.name}, secret: {out / KEYS}",
            f"public key bundle, to send to the convener: {out / BUNDLE}",
            f"fingerprint of the bundle, to compare by voice: {bundle.fingerprint}",
        ],
        as_json=as_json,
    )


keys = commands(
    "Keys, charter and rosters of a federation with a committee.",
    *(participant, member, charter, accept, roster, sign, adopt, show, shared, server, node),
)
