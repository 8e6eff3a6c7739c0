"""The key that the participants of a session share, of whichever kind, as a value and as bytes."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

from fedmf.crypto.key_file import read_key_file, write_key_file
from fedmf.crypto.master_secret import MasterSecret
from fedmf.crypto.paillier import PrivateKey
from fedmf.crypto.paillier_key_format import private_key_from_bytes, private_key_to_bytes
from fedmf.crypto.paillier_numbers import WeakKeyWarning
from fedmf.errors import KeyMaterialError

ParticipantsKey = PrivateKey | MasterSecret

_MASTER_FORMAT, _MASTER_VERSION = "fedmf master secret", 1


def participants_key_to_bytes(key: ParticipantsKey) -> bytes:
    """Return the content of the key's file: JSON that names its kind."""
    if isinstance(key, PrivateKey):
        return private_key_to_bytes(key)
    content = {
        "format": _MASTER_FORMAT,
        "version": _MASTER_VERSION,
        "secret": key.to_bytes().hex(),
    }
    return (json.dumps(content, indent=2) + "\n").encode()


def participants_key_from_bytes(data: bytes, what: str = "what was received") -> ParticipantsKey:
    """Return the key that `participants_key_to_bytes` wrote.

    Weak keys are taken without a warning: whoever made one has been warned.

    Parameters
    ----------
    data
        Content of a key file.
    what
        Where the bytes come from, for the error message.

    Raises
    ------
    KeyMaterialError
        If the bytes are no key. No message contains any part of one.
    """
    if _MASTER_FORMAT.encode() in data:
        return _master_secret(data, what)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", WeakKeyWarning)
        return private_key_from_bytes(data, what=what, allow_weak=True)


def save_participants_key(path: Path | str, key: ParticipantsKey) -> None:
    """Write a new key file that only its owner can read; see `write_key_file`."""
    write_key_file(path, participants_key_to_bytes(key))


def load_participants_key(path: Path | str) -> ParticipantsKey:
    """Read a key file; see `read_key_file` and `participants_key_from_bytes`."""
    return participants_key_from_bytes(read_key_file(path), str(path))


def _master_secret(data: bytes, what: str) -> MasterSecret:
    try:
        content = json.loads(data)
        if set(content) == {"format", "version", "secret"} and content["version"] == 1:
            return MasterSecret(bytes.fromhex(content["secret"]))
    except (ValueError, TypeError, RecursionError, KeyMaterialError):
        # The exceptions of the decoders quote what they stumbled over, and that is the secret.
        pass
    raise KeyMaterialError(f"{what} is no file of a master secret of version {_MASTER_VERSION}")
