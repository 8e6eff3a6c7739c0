"""``fedmf keys show``: what a file or folder of enrolment is, in plain words, without secrets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from fedmf.cli.console import print_answer
from fedmf.cli.options import Json
from fedmf.crypto.labels import fingerprint
from fedmf.errors import MessageError
from fedmf.federation.enrolment_files import (
    CHARTER,
    ENROLMENT,
    KEYS,
    read_card,
    read_charter,
    read_enrolment,
    read_keys,
    read_public,
    read_register,
    read_sealed,
)
from fedmf.protocol.enrolment.charter import Charter
from fedmf.protocol.enrolment.directory import KeyDirectory
from fedmf.protocol.enrolment.public_keys import PublicKeyBundle
from fedmf.protocol.enrolment.roster import Roster
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
            return _register(read_register(path))
        if not (path / KEYS).exists():
            raise MessageError(f"{path} holds no keys, no register and no enrolment")
        path = path / KEYS
    data = read_public(path, "anything")
    match format_of(data):
        case Format.CARD:
            return {"is": "a card"} | _card(read_card(path))
        case Format.KEYS:
            # The card as a stranger would see it: made anew from the keys.
            return {"is": "a file of secret keys"} | _card(read_keys(path).card())
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
            raise MessageError(f"{path} is no file of fedmf keys")


def as_list(cards: Mapping[int, PublicKeyBundle]) -> list[dict[str, Any]]:
    """Return number, name and fingerprint of each card."""
    return [
        {"number": number, "name": card.name, "fingerprint": card.fingerprint}
        for number, card in sorted(cards.items())
    ]


def text_of(card: Mapping[str, Any]) -> str:
    """Return one of `as_list` in words."""
    return f"{card['number']}: {card['name']}, card {card['fingerprint']}"


def _lines(name: str, value: Any) -> list[str]:
    words = name.replace("_", " ")
    if not isinstance(value, list):
        return [f"{words}: {value}"]
    if not value or not isinstance(value[0], dict):
        return [f"{words}: {', '.join(map(str, value)) or 'nobody'}"]
    who = words.removesuffix("s")
    return [f"{who} {text_of(one)}" for one in value]


def _card(card: PublicKeyBundle) -> dict[str, Any]:
    suite = {"suite": card.suite} if card.suite else {}
    return {"role": card.role, "name": card.name, "fingerprint": card.fingerprint, **suite}


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


def _register(register: KeyDirectory) -> dict[str, Any]:
    current = {
        number: card
        for number, card in register.participants.items()
        if register.newest.keys[number] is not None
    }
    left = {n: card for n, card in register.participants.items() if n not in current}
    proposal = {"proposal_fingerprint": register.fingerprint} if register.rosters else {}
    return {
        "is": "a register",
        **_charter(register.charter),
        "members": as_list(dict(enumerate(register.members))),
        "roster_version": register.newest.version,
        "participants": as_list(current),
        "left": as_list(left),
        "signatures_missing": register.signatures_missing,
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
        "card_fingerprint": enrolment.keys.card().fingerprint,
    }
