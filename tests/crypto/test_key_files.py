from __future__ import annotations

import json
import os
import stat
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gmpy2 import mpz

from fedmf.crypto.paillier import PrivateKey
from fedmf.crypto.participants_key import (
    load_participants_key,
    participants_key_from_bytes,
    participants_key_to_bytes,
    save_participants_key,
)
from fedmf.errors import KeyMaterialError

posix_only = pytest.mark.skipif(os.name != "posix", reason="modes of files are a POSIX matter")


def load_private_key(path: Path | str) -> PrivateKey:
    key = load_participants_key(path)
    assert isinstance(key, PrivateKey)
    return key


@pytest.fixture
def path(tmp_path: Path, key: PrivateKey) -> Path:
    """A good key file."""
    path = tmp_path / "participants.key"
    save_participants_key(path, key)
    return path


def write(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    path.chmod(0o600)


def refusal(path: Path, key: PrivateKey) -> str:
    with pytest.raises(KeyMaterialError) as caught:
        load_private_key(path)
    message = str(caught.value)
    assert str(path) in message or "Paillier key" in message
    trace = "".join(traceback.format_exception(caught.value))
    chain: BaseException | None = caught.value
    while chain is not None:
        trace += repr(chain) + repr(vars(chain))
        chain = chain.__context__
    for number in (key.numbers.p, key.numbers.q, key.numbers.h):
        for digits in (str(number), number.digits(16)):
            for start in range(0, len(digits) - 20, 10):
                assert digits[start : start + 20] not in trace
    return message


def test_a_saved_key_comes_back(path: Path, key: PrivateKey) -> None:
    loaded = load_private_key(path)
    assert loaded.public == key.public
    assert loaded.numbers.h == key.numbers.h
    assert key.decrypt(loaded.encrypt(mpz(-77))) == -77


def test_the_file_is_the_documented_json(path: Path, key: PrivateKey) -> None:
    assert json.loads(path.read_text(encoding="utf-8")) == {
        "format": "fedmf private Paillier key",
        "version": 1,
        "p": f"{int(key.numbers.p):x}",
        "q": f"{int(key.numbers.q):x}",
        "h": f"{int(key.numbers.h):x}",
    }


def test_keys_cross_a_pipe_as_the_content_of_a_file(path: Path, key: PrivateKey) -> None:
    data = participants_key_to_bytes(key)
    assert data == path.read_bytes()
    loaded = participants_key_from_bytes(data)
    assert isinstance(loaded, PrivateKey)
    assert loaded.public == key.public


def test_malformed_bytes_are_refused_by_where_they_come_from() -> None:
    with pytest.raises(
        KeyMaterialError, match=r"^what was received is not a key file: it is not JSON"
    ):
        participants_key_from_bytes(b"")
    with pytest.raises(KeyMaterialError, match=r"^the pipe is not a key file: it is not JSON"):
        participants_key_from_bytes(b"", "the pipe")


def test_paths_may_be_strings(tmp_path: Path, key: PrivateKey) -> None:
    save_participants_key(str(tmp_path / "k"), key)
    assert load_private_key(str(tmp_path / "k")).public == key.public


@posix_only
def test_only_the_owner_can_read_a_new_file(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@posix_only
def test_nobody_else_can_read_the_file_while_it_is_written(
    tmp_path: Path, key: PrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[bool, int]] = []
    fsync = os.fsync

    def spy(descriptor: int) -> None:
        seen.extend(
            (one.name == "k", stat.S_IMODE(one.stat().st_mode)) for one in tmp_path.iterdir()
        )
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", spy)
    old_mask = os.umask(0)
    try:
        save_participants_key(tmp_path / "k", key)
    finally:
        os.umask(old_mask)
    # First the contents under a temporary name, then the folder with the final one.
    assert seen == [(False, 0o600), (True, 0o600)]


@pytest.mark.parametrize("step", ["fsync", "link"])
def test_a_crash_while_writing_leaves_nothing(
    step: str, tmp_path: Path, key: PrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(KeyMaterialError, match=r"cannot write the key file .*k: No space left"):
        save_participants_key(tmp_path / "k", key)
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_never_overwritten(path: Path, other_key: PrivateKey) -> None:
    before = path.read_bytes()
    with pytest.raises(KeyMaterialError, match="exists already, and a key file is never"):
        save_participants_key(path, other_key)
    assert path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_a_file_that_appears_while_writing_is_not_overwritten(
    tmp_path: Path, key: PrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "k"
    link = os.link

    def late(source: str, target: Path) -> None:
        path.write_text("somebody else's")
        link(source, target)

    monkeypatch.setattr(os, "link", late)
    with pytest.raises(KeyMaterialError, match="exists already"):
        save_participants_key(path, key)
    assert path.read_text() == "somebody else's"


def test_a_missing_folder_is_reported(tmp_path: Path, key: PrivateKey) -> None:
    with pytest.raises(KeyMaterialError, match=r"cannot write the key file .*: No such file"):
        save_participants_key(tmp_path / "missing" / "k", key)


@posix_only
def test_a_link_to_a_key_file_is_refused(path: Path, tmp_path: Path, key: PrivateKey) -> None:
    link = tmp_path / "link.key"
    link.symlink_to(path)
    assert "it is a link" in refusal(link, key)


@posix_only
def test_a_key_file_of_another_user_is_refused(
    path: Path, key: PrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = path.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    message = refusal(path, key)
    assert f"belongs to another user (number {owner})" in message
    assert "chown" in message


@posix_only
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610, 0o602])
def test_files_open_to_others_are_refused(mode: int, path: Path, key: PrivateKey) -> None:
    path.chmod(mode)
    message = refusal(path, key)
    assert f"may be used by others (mode {mode:03o})" in message
    assert "chmod 600" in message


@posix_only
def test_a_file_that_even_its_owner_cannot_write_is_fine(path: Path, key: PrivateKey) -> None:
    path.chmod(0o400)
    assert load_private_key(path).public == key.public


def test_missing_files_are_reported(tmp_path: Path, key: PrivateKey) -> None:
    assert "cannot read the key file" in refusal(tmp_path / "nothing", key)


Content = dict[str, Any]


def changed(**members: Any) -> Callable[[Content], Content]:
    return lambda content: content | members


def without(name: str) -> Callable[[Content], Content]:
    return lambda content: {key: value for key, value in content.items() if key != name}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (changed(format="a picture"), "its format is not 'fedmf private Paillier key'"),
        (without("format"), "its format is not"),
        (changed(version=2), "its version is not 1"),
        (changed(version="1"), "its version is not 1"),
        (without("version"), "its version is not 1"),
        (without("h"), "its members are not format, version, p, q and h"),
        (changed(n="ff"), "its members are not format, version, p, q and h"),
        (lambda content: content | {"p": content["p"] + "g"}, "zeros: p$"),
        (lambda content: content | {"p": "0" + content["p"]}, "zeros: p$"),
        (lambda content: content | {"q": content["q"].upper()}, "zeros: q$"),
        (lambda content: content | {"q": "0x" + content["q"]}, "zeros: q$"),
        (lambda content: content | {"h": "-" + content["h"]}, "zeros: h$"),
        (lambda content: content | {"h": content["h"] + "\n"}, "zeros: h$"),
        (lambda content: content | {"p": int(content["p"], 16), "h": ""}, "zeros: p, h$"),
        (lambda content: content | {"p": content["q"]}, "p and q are equal"),
        (lambda content: content | {"h": "1"}, "h is not between 1 and n"),
        (lambda content: content | {"p": content["p"][:-1]}, "bits"),
        (lambda content: [content], "it holds no JSON object"),
    ],
)
def test_malformed_files_are_refused_without_quoting_them(
    change: Callable[[Content], object], complaint: str, path: Path, key: PrivateKey
) -> None:
    content = change(json.loads(path.read_text(encoding="utf-8")))
    write(path, json.dumps(content).encode())
    with pytest.raises(KeyMaterialError, match=complaint):
        load_private_key(path)
    refusal(path, key)


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda data: data[: len(data) // 2], "it is not JSON text in UTF-8"),
        (lambda data: data.replace(b'"version"', b'"\xff"'), "it is not JSON text in UTF-8"),
        (lambda _: b"[" * 10_000, "it is not JSON text in UTF-8"),
        (lambda data: data.replace(b'"p"', b'"q"'), "one that names a member twice"),
        (lambda data: data + b" " * 16_384, "it is larger than 16,384 bytes"),
        (lambda _: b"", "it is not JSON text in UTF-8"),
        (lambda _: b"null", "it holds no JSON object"),
    ],
)
def test_damaged_files_are_refused_without_quoting_them(
    damage: Callable[[bytes], bytes], complaint: str, path: Path, key: PrivateKey
) -> None:
    write(path, damage(path.read_bytes()))
    assert complaint in refusal(path, key)
