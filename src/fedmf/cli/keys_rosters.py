"""``fedmf keys roster | sign | adopt``: who comes, who leaves, and a new reader secret."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fedmf.cli.console import print_answer, print_lines, progress
from fedmf.cli.keys_show import as_list
from fedmf.cli.options import DirectoryFolder, EnrolmentFolder, Json, SealedFile
from fedmf.errors import ProtocolError, SettingsError
from fedmf.federation.enrolment_files import (
    keep_signed_version,
    read_bundle,
    read_directory,
    read_enrolment,
    read_sealed,
    renew_enrolment,
    write_directory,
    write_roster,
)
from fedmf.protocol.enrolment.directory import KeyDirectory
from fedmf.protocol.enrolment.enrolment import check_fingerprint


def roster(
    directory: DirectoryFolder,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the new key directory.")],
    add: Annotated[
        list[Path] | None,
        typer.Option(metavar="BUNDLE", help="A newcomer's public key bundle."),
    ] = None,
    remove: Annotated[
        list[int] | None,
        typer.Option(metavar="NUMBER", help="The number of a participant who leaves."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Propose the next version of the roster, with a new reader secret sealed for everybody on it.

    With neither --add nor --remove, only the reader secret is renewed. The proposer could read
    every opened sum, so it has to be a participant, and never the operator of the server.
    """
    proposed = read_directory(directory).propose(
        [read_bundle(path) for path in add or []], remove or []
    )
    write_directory(out, proposed)
    print_answer(
        {"directory": str(out), **_proposal(proposed)},
        [
            *_lines(proposed),
            f"key directory with the proposal: {out}",
            f"next: {proposed.signatures_missing} members sign it, one after the other, after they "
            "compared its fingerprint with you by voice",
        ],
        as_json=as_json,
    )


def sign(
    directory: DirectoryFolder,
    enrolment: EnrolmentFolder,
    fingerprint: Annotated[
        str, typer.Option(help="The proposal's, compared by voice with the proposer.")
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Sign a proposed version of the roster, as a member of the committee.

    Before it signs, a member checks people, not files: that every newcomer is who the public key
    bundle says, and that the proposer is a participant.
    """
    if as_json and not yes:
        raise SettingsError("--json answers no questions: also give --yes, when you have checked")
    mine, proposed = read_enrolment(enrolment), read_directory(directory)
    signed = mine.signed(proposed)
    digest = proposed.charter.roster_digest(proposed.newest)
    check_fingerprint(fingerprint, digest, "proposed roster")
    if not yes:
        print_lines(progress(), _lines(proposed))
        _confirm("Did you check this with the people themselves, and not only by files?")
    keep_signed_version(enrolment, proposed)
    write_roster(directory, signed.rosters[-1], signed.charter)
    missing = signed.signatures_missing
    then = f"{missing} more to go" if missing else "enough members have signed it"
    print_answer(
        {"directory": str(directory), "member": mine.number, **_proposal(signed)},
        [f"signed by member {mine.number}; {then}"],
        as_json=as_json,
    )


def adopt(
    directory: DirectoryFolder,
    enrolment: EnrolmentFolder,
    sealed: SealedFile = None,
    as_json: Json = False,
) -> None:
    """Go by the newest version of the roster, when enough members have signed it."""
    renewed = read_enrolment(enrolment).adopt(
        read_directory(directory), None if sealed is None else read_sealed(sealed)
    )
    renew_enrolment(enrolment, renewed)
    version = len(renewed.rosters) + 1
    print_answer(
        {
            "enrolment": str(enrolment),
            "role": renewed.keys.role,
            "number": renewed.number,
            "roster_version": version,
        },
        [f"{renewed.keys.role} {renewed.number} goes by version {version} of the roster now"],
        as_json=as_json,
    )


def _confirm(question: str) -> None:
    try:
        confirmed = typer.confirm(question, err=True)
    except typer.Abort:
        # Nobody is there to answer.
        confirmed = False
    if not confirmed:
        raise ProtocolError("not confirmed, and so nothing was signed")


def _proposal(directory: KeyDirectory) -> dict[str, Any]:
    came, left = directory.changes()
    return {
        "version": directory.newest.version,
        "fingerprint": directory.fingerprint,
        "added": as_list({number: directory.participants[number] for number in came}),
        "removed": as_list({number: directory.participants[number] for number in left}),
        "signatures": len(directory.rosters[-1].signatures),
        "threshold": directory.charter.terms.threshold,
    }


def _lines(directory: KeyDirectory) -> list[str]:
    proposal = _proposal(directory)
    added, removed = proposal["added"], proposal["removed"]
    return [
        f"proposed: version {proposal['version']} of the roster",
        *(f"  leaves: {one['number']}, {one['name']}" for one in removed),
        *(f"  comes: {one['number']}, {one['name']}, bundle {one['fingerprint']}" for one in added),
        *([] if added or removed else ["  nobody comes or leaves"]),
        "  the reader secret is renewed",
        f"fingerprint of the proposal: {proposal['fingerprint']}",
    ]
