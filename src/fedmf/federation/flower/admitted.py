"""The silos that a server admits: a file with the public key of each one's node."""

from __future__ import annotations

from fedmf.errors import KeyMaterialError, SettingsError
from fedmf.federation.flower.certificates import load_node_public_key
from fedmf.federation.flower.folders import ServerFolder


def admitted_silos(files: ServerFolder) -> dict[int, bytes]:
    """Return the public key of each admitted silo's node, by the number of the silo.

    Raises
    ------
    SettingsError
        A file is misnamed or no key, two are the same, or there is none; all of it in one message.
    """
    keys: dict[int, bytes] = {}
    problems = []
    for path in sorted(files.silos.glob("*.pub")):
        number = path.stem
        if not (number.isascii() and number.isdigit() and number == str(int(number))):
            problems.append(f"{path} is not named after the number of a silo, such as 0.pub")
            continue
        try:
            keys[int(number)] = load_node_public_key(path)
        except KeyMaterialError as error:
            problems.append(str(error))
    owners: dict[bytes, int] = {}
    for silo, key in sorted(keys.items()):
        if key in owners:
            problems.append(f"silos {owners[key]} and {silo} have the same key")
        owners.setdefault(key, silo)
    if not keys and not problems:
        problems.append(
            f"{files.silos} holds no key of a silo; copy the node.pub of each there, as 0.pub, "
            "1.pub and so on"
        )
    if problems:
        raise SettingsError("; ".join(problems))
    return keys


def check_certificate(files: ServerFolder) -> None:
    """Make sure that there is a certificate, and a key that nobody else may read.

    Raises
    ------
    SettingsError
        Something is missing; all of it in one message.
    KeyMaterialError
        Others may read the key.
    """
    missing = [
        str(path) for path in (files.certificate, files.certificate_key) if not path.is_file()
    ]
    if missing:
        raise SettingsError(
            f"there is no {' and no '.join(missing)}; make them with: "
            f"fedmf keys server {files.folder} --host NAME"
        )
    if files.certificate_key.stat().st_mode & 0o077:
        raise KeyMaterialError(
            f"others may read {files.certificate_key}; run: chmod 600 {files.certificate_key}"
        )
