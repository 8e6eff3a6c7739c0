from dataclasses import replace
from typing import Any

import pytest

from fedmf.errors import MessageError, SettingsError
from fedmf.protocol import GroupShape, Session, TableShape
from tests.protocol.sessions import small_session


def test_canonical_bytes_come_back() -> None:
    for session in (small_session(), replace(small_session("part"), public_key=0xABC)):
        assert Session.from_bytes(session.to_bytes()) == session


@pytest.mark.parametrize(
    "changed",
    [
        {"session_id": b"x" * 16},
        {"protection": "paillier"},
        {"upload": "part"},
        {"participants": 4},
        {"rounds": 3},
        {"public_key": 7},
        {"learning_sha256": b"x" * 32},
    ],
)
def test_every_parameter_changes_the_digest(changed: dict[str, Any]) -> None:
    assert replace(small_session(), **changed).digest != small_session().digest


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"session_id": b"short"}, "16 bytes"),
        ({"upload": "some"}, "upload is one of"),
        ({"participants": 0}, "1 to 2.32 - 1 participants"),
        ({"rounds": 0}, "1 to 2.32 - 2 rounds"),
        ({"rounds": 2**32 - 1}, "1 to 2.32 - 2 rounds"),
        ({"shape": TableShape(())}, "at least one group"),
        ({"learning_sha256": b""}, "32 bytes"),
    ],
)
def test_impossible_parameters_are_refused(changed: dict[str, Any], complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        replace(small_session(), **changed)


def test_all_problems_are_named_at_once() -> None:
    with pytest.raises(SettingsError, match=r"participant.*round"):
        replace(small_session(), participants=0, rounds=0)


@pytest.mark.parametrize("group", [(0, 1, 8), (1, 0, 8), (1, 1, 1), (1, 1, 63), (2**32, 1, 8)])
def test_impossible_groups_are_refused(group: tuple[int, int, int]) -> None:
    with pytest.raises(SettingsError, match="items"):
        GroupShape("items", *group)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"participants":3', '"participants":3.0'),
        ('"participants":3', '"participants":true'),
        ('["items",4,3,20]', '["items",4,3.5,20]'),
        ('["items",4,3,20]', "[7,4,3,20]"),
        ('["items",4,3,20]', '["items",4,3]'),
        ('[["items",4,3,20]]', "[]"),
        ('"protection":"none"', '"protection":null'),
        ('"public_key":null', '"public_key":"-a"'),
        ('"public_key":null', '"public_key":10'),
    ],
)
def test_members_of_other_types_are_refused(old: str, new: str) -> None:
    text = small_session().to_bytes().decode()
    assert old in text
    with pytest.raises(MessageError, match="does not hold a session"):
        Session.from_bytes(text.replace(old, new).encode())
