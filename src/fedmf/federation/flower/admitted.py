"""The silos that a server admits: a file with the public key of each one's node."""

from __future__ import annotations

from fedmf.errors import KeyMaterialError, SettingsError
from fedmf.federation.flower.certificates import load_node_public_key
from fedmf.federation.flower.folders import ServerFolder


def check_server_folder(files: ServerFolder) -> dict[int, bytes]:
    """Return the public key of each admitted silo's node, by the number of the silo.

    Raises
    ------
    SettingsError
        Something is missing or misnamed; all of it in one message.
    """
    problems = [
        f"there is no {path}"
        for path in (files.certificate, files.certificate_key, files.authority)
        if not path.is_file()
    ]
    if problems:
        problems.append(f"make them with: fedmf keys server {files.folder} --host NAME")
    elif files.certificate_key.stat().st_mode & 0o077:
        problems.append(
            f"others may read {files.certificate_key}; run: chmod 600 {files.certificate_key}"
        )
    keys: dict[int, bytes] = {}
    for path in sorted(files.silos.glob("*.pub")):
        if not (path.stem.isascii() and path.stem.isdigit() and path.stem == str(int(path.stem))):
            problems.append(f"{path} is not named after the number of a silo, such as 0.pub")
            continue
        try:
            keys[int(path.stem)] = load_node_public_key(path)
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
