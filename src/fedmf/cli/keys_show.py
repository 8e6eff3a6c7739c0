"""``fedmf keys show``: what a file or folder of enrolment is, in plain words, without secrets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from fedmf.cli.console import print_answer
from fedmf.cli.options import Json
from fedmf.crypto.derivation import fingerprint
from fedmf.errors import MessageError
from fedmf.federation.enrolment_files import (
    CHARTER,
    ENROLMENT,
    KEYS,
    read_bundle,
    read_charter,
    read_directory,
    read_enrolment,
    read_keys,
    read_public,
    read_sealed,
)
from fedmf.protocol.enrolment.charter import Charter, Roster
from fedmf.protocol.enrolment.directory import KeyDirectory
from fedmf.protocol.enrolment.public_keys import PublicKeyBundle
from fedmf.protocol.enrolment.roster_chain import roster_from_document
from fedmf.protocol.json_documents import Format, format_of


def show(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A file or folder of fedmf keys.")],
    as_json: Json = False,
) -> None:
    """Say what a file or folder is, and print the fingerprints to compare; never a secret."""
    described = describe(path)
    what, *rest = described.items()
    lines = [f"  {line}" for name, value in rest for line in _lines(name, value)]
    print_answer(described, [f"{path} is {what[1]}", *lines], as_json=as_json)


def describe(path: Path) -> dict[str, Any]:
    """Return what a file or folder is, as JSON values.

    Raises
    ------
    MessageError
        It is nothing of the kind, or damaged.
    KeyMaterialError
        It is secret, and others may read it.
    """
    if path.is_dir():
        if (path / ENROLMENT).exists():
            return _enrolment(path)
        if (path / CHARTER).exists():
            return _directory(read_directory(path))
        if not (path / KEYS).exists():
            raise MessageError(f"{path} holds neither keys nor a key directory nor an enrolment")
        path = path / KEYS
    data = read_public(path, "anything")
    match format_of(data):
        case Format.BUNDLE:
            return {"is": "a public key bundle"} | _bundle(read_bundle(path))
        case Format.KEYS:
            # The bundle as a stranger would see it: made anew from the keys.
            return {"is": "a file of secret keys"} | _bundle(read_keys(path).bundle())
        case Format.CHARTER:
            return {"is": "a charter"} | _charter(read_charter(path.parent, path.name))
        case Format.ROSTER:
            charter = read_charter(path.parent)
            signed = roster_from_document(data, charter, str(path))
            return {
                "is": "a version of the roster",
                "charter_fingerprint": charter.fingerprint,
                **_roster(signed.roster, charter),
                "signed_by_members": [vote.member for vote in signed.signatures],
                "signatures_needed": charter.terms.threshold,
            }
        case Format.SEALED:
            sealed = read_sealed(path)
            return {
                "is": "a reader secret, sealed for one participant",
                "participant": sealed.participant,
                "roster_fingerprint": fingerprint(sealed.roster),
            }
        case Format.ENROLMENT:
            return _enrolment(path.parent)
        case _:
            raise MessageError(f"{path} is not a file of fedmf keys")


def as_list(bundles: Mapping[int, PublicKeyBundle]) -> list[dict[str, Any]]:
    """Return number, name and fingerprint of each bundle."""
    return [
        {"number": number, "name": bundle.name, "fingerprint": bundle.fingerprint}
        for number, bundle in sorted(bundles.items())
    ]


def text_of(bundle: Mapping[str, Any]) -> str:
    """Return one of `as_list` in words."""
    return f"{bundle['number']}: {bundle['name']}, bundle {bundle['fingerprint']}"


def _lines(name: str, value: Any) -> list[str]:
    words = name.replace("_", " ")
    if not isinstance(value, list):
        return [f"{words}: {value}"]
    if not value or not isinstance(value[0], dict):
        return [f"{words}: {', '.join(map(str, value)) or 'nobody'}"]
    who = words.removesuffix("s")
    return [f"{who} {text_of(one)}" for one in value]


def _bundle(bundle: PublicKeyBundle) -> dict[str, Any]:
    suite = {"suite": bundle.suite} if bundle.suite else {}
    return {"role": bundle.role, "name": bundle.name, "fingerprint": bundle.fingerprint, **suite}


def _charter(charter: Charter) -> dict[str, Any]:
    terms = charter.terms
    return {
        "fingerprint": charter.fingerprint,
        "session_id": charter.session.session_id.hex(),
        "members": terms.members,
        "members_who_have_to_answer": terms.threshold,
        "opened_by": terms.opened_by,
        "smallest_cohort": terms.smallest_cohort,
        "participants": sum(key is not None for key in charter.roster.keys),
        "room_for_participants": charter.session.participants,
    }


def _roster(roster: Roster, charter: Charter) -> dict[str, Any]:
    return {
        "version": roster.version,
        "fingerprint": fingerprint(charter.roster_digest(roster)),
        "participants": [n for n, key in enumerate(roster.keys) if key is not None],
    }


def _directory(directory: KeyDirectory) -> dict[str, Any]:
    current = {
        number: bundle
        for number, bundle in directory.participants.items()
        if directory.newest.keys[number] is not None
    }
    left = {n: bundle for n, bundle in directory.participants.items() if n not in current}
    proposal = {"proposal_fingerprint": directory.fingerprint} if directory.rosters else {}
    return {
        "is": "a key directory",
        **_charter(directory.charter),
        "members": as_list(dict(enumerate(directory.members))),
        "roster_version": directory.newest.version,
        "participants": as_list(current),
        "left": as_list(left),
        "signatures_missing": directory.signatures_missing,
        **proposal,
    }


def _enrolment(folder: Path) -> dict[str, Any]:
    enrolment = read_enrolment(folder)
    return {
        "is": "an enrolment, with its secret keys",
        "role": enrolment.keys.role,
        "number": enrolment.number,
        "name": enrolment.keys.name,
        "charter_fingerprint": enrolment.charter.fingerprint,
        "roster_version": len(enrolment.rosters) + 1,
        "bundle_fingerprint": enrolment.keys.bundle().fingerprint,
    }
