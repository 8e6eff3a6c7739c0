"""Where enrolment lies on disk: personal keys, the key directory, and what somebody accepted.

::

    KEYS       keys.json          secret keys, mode 0600
               card.json          the public key bundle, to send to the convener
    DIRECTORY  charter.json       all of it is public
               roster-N.json      version N of the roster, from 2 on
               cards/             member-N.json, participant-N.json
               sealed/            participant-N.json: the reader secret in an envelope
    ENROLMENT  enrolment.json     keys, reader secret and what is pinned, mode 0600
               charter.json, roster-N.json
               signed-N.json      a member's: which version N of the roster it signed
               member.log         a member's: all that it ever signed in rounds; and member.log.mark
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fedmf.crypto.key_file import read_key_file, write_key_file
from fedmf.errors import FedmfError, KeyMaterialError, MessageError, ProtocolError, SettingsError
from fedmf.protocol.enrolment.charter import Charter
from fedmf.protocol.enrolment.directory import KeyDirectory
from fedmf.protocol.enrolment.enrolment import Enrolment
from fedmf.protocol.enrolment.personal_keys import PersonalKeys
from fedmf.protocol.enrolment.public_keys import PublicKeyBundle
from fedmf.protocol.enrolment.reader_secret import SealedReader
from fedmf.protocol.enrolment.roster_chain import (
    SignedRoster,
    roster_from_document,
    roster_to_document,
)
from fedmf.protocol.json_documents import Format
from fedmf.protocol.session import Session
from fedmf.store.append_log import AppendLog
from fedmf.store.atomic import is_taken, new_folder, put_file, write_file

KEYS, BUNDLE, CHARTER, ENROLMENT = "keys.json", "card.json", "charter.json", "enrolment.json"
BUNDLES, SEALED, MEMBER_LOG = "cards", "sealed", "member.log"
MOST_BYTES = 2**28
"""No public file of enrolment is larger."""


def write_keys(folder: Path, keys: PersonalKeys) -> None:
    """Make a folder with somebody's new keys and public key bundle.

    Raises
    ------
    KeyMaterialError
        There is something of that name already.
    """
    with _new(folder, KeyMaterialError, private=True) as filling:
        write_key_file(filling / KEYS, keys.to_bytes())
        put_file(filling / BUNDLE, keys.bundle().to_bytes())


def read_keys(path: Path) -> PersonalKeys:
    """Read personal keys from their file, or from the folder that they lie in.

    Raises
    ------
    KeyMaterialError
        The file is missing, may be read by others, or holds no personal keys.
    """
    path = path / KEYS if path.is_dir() else path
    return PersonalKeys.from_bytes(read_key_file(path), str(path))


def read_bundle(path: Path) -> PublicKeyBundle:
    """Read a public key bundle from its file, or from the folder that it lies in.

    Raises
    ------
    MessageError
        The file is missing, or no bundle that its own key signed.
    KeyMaterialError
        A key in it is not valid.
    """
    path = path / BUNDLE if path.is_dir() else path
    return PublicKeyBundle.from_bytes(read_public(path, Format.BUNDLE.kind), str(path))


def write_directory(folder: Path, directory: KeyDirectory) -> None:
    """Make a folder with a key directory.

    Raises
    ------
    SettingsError
        There is something of that name already.
    """
    with _new(folder, SettingsError) as filling:
        put_file(filling / CHARTER, directory.charter.to_bytes())
        for signed in directory.rosters:
            write_roster(filling, signed, directory.charter)
        (filling / BUNDLES).mkdir()
        for number, bundle in enumerate(directory.members):
            put_file(filling / BUNDLES / f"member-{number}.json", bundle.to_bytes())
        for number, bundle in directory.participants.items():
            put_file(filling / BUNDLES / f"participant-{number}.json", bundle.to_bytes())
        (filling / SEALED).mkdir()
        for number, sealed in directory.sealed.items():
            put_file(filling / SEALED / f"participant-{number}.json", sealed.to_bytes())


def read_directory(folder: Path) -> KeyDirectory:
    """Read a key directory; what of the reader secrets is not there is left out.

    Raises
    ------
    MessageError, ProtocolError, KeyMaterialError
        Files are missing, or not those of one key directory.
    """
    charter = read_charter(folder)
    members = _numbered(folder / BUNDLES, "member")
    participants = _numbered(folder / BUNDLES, "participant")
    sealed = _numbered(folder / SEALED, "participant")
    if list(members) != list(range(len(charter.member_keys))):
        raise MessageError(f"{folder / BUNDLES} does not hold all members' public key bundles")
    bundles = {number: read_bundle(path) for number, path in participants.items()}
    try:
        return KeyDirectory(
            charter,
            tuple(read_bundle(path) for path in members.values()),
            bundles,
            read_rosters(folder, charter),
            {number: read_sealed(path) for number, path in sealed.items()},
        )
    except FedmfError as error:
        raise type(error)(f"{folder}: {error}") from error


def read_charter(folder: Path, name: str = CHARTER) -> Charter:
    """Read the charter in a folder; raise MessageError if there is none."""
    path = folder / name
    return Charter.from_bytes(read_public(path, Format.CHARTER.kind), str(path))


def read_rosters(folder: Path, charter: Charter) -> tuple[SignedRoster, ...]:
    """Read the versions of the roster after the charter's that lie in a folder."""
    rosters: list[SignedRoster] = []
    while (path := _roster(folder, len(rosters) + 2)).exists():
        rosters.append(
            roster_from_document(read_public(path, Format.ROSTER.kind), charter, str(path))
        )
    return tuple(rosters)


def write_roster(folder: Path, signed: SignedRoster, charter: Charter) -> None:
    """Write a version of the roster into a folder, over the one with fewer signatures."""
    write_file(_roster(folder, signed.roster.version), roster_to_document(signed, charter))


def read_session(path: Path) -> Session:
    """Read a session: its canonical bytes, or the ``run.json`` of a run directory.

    Raises
    ------
    MessageError
        The file is missing, or describes no session.
    """
    data = read_public(path, "a session")
    try:
        run = json.loads(data)
        inner = run.get("session") if isinstance(run, dict) else None
    except (ValueError, RecursionError):
        inner = None
    return Session.from_bytes(inner.encode() if isinstance(inner, str) else data.strip(), str(path))


def read_sealed(path: Path) -> SealedReader:
    """Read a sealed reader secret; raise MessageError if there is none."""
    return SealedReader.from_bytes(read_public(path, Format.SEALED.kind), str(path))


def write_enrolment(folder: Path, enrolment: Enrolment) -> None:
    """Make a folder with a new enrolment.

    Raises
    ------
    KeyMaterialError
        There is something of that name already.
    """
    with _new(folder, KeyMaterialError, private=True) as filling:
        put_file(filling / CHARTER, enrolment.charter.to_bytes())
        for signed in enrolment.rosters:
            write_roster(filling, signed, enrolment.charter)
        write_key_file(filling / ENROLMENT, enrolment.to_bytes())
        if enrolment.keys.role == "member":
            AppendLog.create(filling / MEMBER_LOG)


def renew_enrolment(folder: Path, enrolment: Enrolment) -> None:
    """Replace an enrolment by itself under a newer roster, in one step."""
    for signed in enrolment.rosters:
        write_roster(folder, signed, enrolment.charter)
    # Last: until it names them, the files before count for nothing.
    write_file(folder / ENROLMENT, enrolment.to_bytes(), private=True)


def read_enrolment(folder: Path) -> Enrolment:
    """Read an enrolment.

    Raises
    ------
    KeyMaterialError
        It is missing, may be read by others, or charter and rosters are not the pinned ones.
    MessageError
        Charter or rosters are damaged.
    """
    path = folder / ENROLMENT
    data = read_key_file(path)
    charter = read_charter(folder)
    return Enrolment.from_bytes(data, charter, read_rosters(folder, charter), str(path))


def keep_signed_version(folder: Path, directory: KeyDirectory) -> None:
    """Make durable, before a member's signature leaves, which version of the roster it signs.

    `folder` is the member's enrolment, and the last version of the directory is to be signed.

    With two rosters of one version, each signed, those who hand them out could show either one to
    anybody.

    Raises
    ------
    ProtocolError
        The member has signed another roster of this version.
    """
    version = directory.newest.version
    path = folder / f"signed-{version}.json"
    digest = directory.charter.roster_digest(directory.newest).hex().encode()
    if not path.exists():
        write_key_file(path, digest)
    if read_key_file(path) != digest:
        raise ProtocolError(
            f"this member has signed another version {version} of the roster, and a member signs "
            "one of each number; find out who proposed two"
        )


def read_public(path: Path, kind: str) -> bytes:
    """Return the bytes of a public document.

    Raises
    ------
    MessageError
        The file cannot be read.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise MessageError(f"cannot read {kind} from {path}: {error.strerror}") from None
    if len(data) > MOST_BYTES:
        raise MessageError(f"{path} is too large for {kind}")
    return data


def _roster(folder: Path, version: int) -> Path:
    return folder / f"roster-{version}.json"


def _numbered(folder: Path, kind: str) -> dict[int, Path]:
    """Return the files of one kind by their number, ascending."""
    found = {}
    for path in folder.glob(f"{kind}-*.json"):
        if match := re.fullmatch(rf"{kind}-(0|[1-9][0-9]{{0,9}})\.json", path.name):
            found[int(match[1])] = path
    return dict(sorted(found.items()))


@contextmanager
def _new(folder: Path, error: type[FedmfError], *, private: bool = False) -> Iterator[Path]:
    if is_taken(folder):
        raise error(
            f"{folder} exists already, and nothing in it is overwritten; name another folder"
        )
    with new_folder(folder, replace=False, private=private) as filling:
        yield filling
