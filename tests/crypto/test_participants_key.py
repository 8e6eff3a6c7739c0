import json
import stat
import warnings
from pathlib import Path

import pytest

from fedmf.crypto.derivation import MasterSecret
from fedmf.crypto.paillier import PrivateKey
from fedmf.crypto.participants_key import (
    ParticipantsKey,
    load_participants_key,
    participants_key_from_bytes,
    participants_key_to_bytes,
    save_participants_key,
)
from fedmf.errors import KeyMaterialError

SECRET = MasterSecret(bytes(range(32)))


@pytest.fixture(params=["paillier", "master"])
def key(request: pytest.FixtureRequest, weak_key: PrivateKey) -> ParticipantsKey:
    return weak_key if request.param == "paillier" else SECRET


def test_keys_come_back_from_their_files(tmp_path: Path, key: ParticipantsKey) -> None:
    path = tmp_path / "key.json"
    save_participants_key(path, key)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    loaded = load_participants_key(path)
    assert type(loaded) is type(key)
    assert participants_key_to_bytes(loaded) == participants_key_to_bytes(key)
    with pytest.raises(KeyMaterialError, match="exists already"):
        save_participants_key(path, key)


def test_weak_keys_are_warned_about_once_and_not_again(weak_key: PrivateKey) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        participants_key_from_bytes(participants_key_to_bytes(weak_key))


def test_keys_that_others_may_read_are_refused(tmp_path: Path, key: ParticipantsKey) -> None:
    path = tmp_path / "key.json"
    save_participants_key(path, key)
    path.chmod(0o644)
    with pytest.raises(KeyMaterialError, match="may be used by others"):
        load_participants_key(path)


@pytest.mark.parametrize(
    "changed",
    [
        {"version": 2},
        {"secret": "00" * 31},
        {"secret": "zz" * 32},
        {"secret": 7},
        {"secret": None},
        {"more": 1},
    ],
)
def test_malformed_master_secrets_are_refused_without_showing_them(
    changed: dict[str, object],
) -> None:
    content = {**json.loads(participants_key_to_bytes(SECRET)), **changed}
    with pytest.raises(KeyMaterialError, match="is not a key file: its") as caught:
        participants_key_from_bytes(json.dumps(content).encode())
    assert "0001" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("data", [b"", b"[]", b'"fedmf master secret"', b"fedmf master secret{"])
def test_bytes_that_are_no_key_are_refused(data: bytes) -> None:
    with pytest.raises(KeyMaterialError):
        participants_key_from_bytes(data)
