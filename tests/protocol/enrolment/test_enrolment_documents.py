"""Any bytes that arrive as a session or a document of enrolment are read, or refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedmf.errors import KeyMaterialError, MessageError
from fedmf.protocol import Session
from fedmf.protocol.enrolment.charter import Charter
from fedmf.protocol.enrolment.enrolment import Enrolment
from fedmf.protocol.enrolment.personal_keys import PersonalKeys
from fedmf.protocol.enrolment.public_keys import PublicKeyBundle
from fedmf.protocol.enrolment.reader_secret import SealedReader
from fedmf.protocol.enrolment.roster_chain import roster_from_document, roster_to_document
from fedmf.protocol.json_documents import format_of
from tests.protocol.enrolment.people import People

PEOPLE = People()
CHARTER = PEOPLE.directory.charter
RENEWED = PEOPLE.signed(PEOPLE.directory.propose([], []), 0, 1, 2)
ENROLMENT = PEOPLE.enrolled(PEOPLE.participants[1], RENEWED)
KEYS = PEOPLE.participants[1]

DOCUMENTS: dict[str, tuple[bytes, Callable[[bytes], bytes]]] = {
    "session": (PEOPLE.session.to_bytes(), lambda data: Session.from_bytes(data).to_bytes()),
    "bundle": (KEYS.bundle().to_bytes(), lambda data: PublicKeyBundle.from_bytes(data).to_bytes()),
    "member's bundle": (
        PEOPLE.members[0].bundle().to_bytes(),
        lambda data: PublicKeyBundle.from_bytes(data).to_bytes(),
    ),
    "keys": (KEYS.to_bytes(), lambda data: PersonalKeys.from_bytes(data).to_bytes()),
    "charter": (CHARTER.to_bytes(), lambda data: Charter.from_bytes(data).to_bytes()),
    "sealed": (
        PEOPLE.directory.sealed[1].to_bytes(),
        lambda data: SealedReader.from_bytes(data).to_bytes(),
    ),
    "roster": (
        roster_to_document(RENEWED.rosters[0], CHARTER),
        lambda data: roster_to_document(roster_from_document(data, CHARTER), CHARTER),
    ),
    "enrolment": (
        ENROLMENT.to_bytes(),
        lambda data: Enrolment.from_bytes(data, CHARTER, RENEWED.rosters).to_bytes(),
    ),
}
SECRETS = [
    secret.hex()
    for secret in (
        KEYS.signing_key.to_bytes(),
        KEYS.envelope_key.to_bytes() if KEYS.envelope_key else b"",
        ENROLMENT.reader.to_bytes() if ENROLMENT.reader else b"",
    )
]

each = pytest.mark.parametrize("kind", DOCUMENTS)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def read_or_refuse(kind: str, data: bytes) -> None:
    """Check that a document is read as exactly these bytes, or refused without a secret in it."""
    said = ""
    try:
        assert DOCUMENTS[kind][1](data) == data
    except (MessageError, KeyMaterialError) as refused:
        said = str(refused)
    assert not any(secret in said for secret in SECRETS)


@each
def test_every_document_comes_back_as_it_was(kind: str) -> None:
    data, again = DOCUMENTS[kind]
    assert again(data) == data


@each
def test_a_document_where_another_is_due_is_refused_by_its_name(kind: str) -> None:
    due = format_of(DOCUMENTS[kind][0])
    for data, _ in DOCUMENTS.values():
        found = format_of(data)
        said = "no document of fedmf" if found is None else found.kind
        # A session does not name its format.
        expected = "does not hold a session" if due is None else f"is {said}, where"
        if found is not due:
            with pytest.raises((MessageError, KeyMaterialError), match=expected):
                DOCUMENTS[kind][1](data)


@each
@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data + b"\n",
        lambda data: b" " + data,
        lambda data: data.replace(b":", b": ", 1),
        lambda data: json.dumps(dict(reversed(json.loads(data).items()))).encode(),
        lambda data: data.replace(b"{", b'{"format":"",', 1),
        lambda data: data[:-1] + b',"more":1}',
        lambda data: data[: len(data) // 2],
        lambda data: data.decode().encode("utf-16"),
        lambda data: b"[" * 1000 * len(data),
        lambda data: data[:0],
        lambda data: data[:1] + data[-1:],
        lambda data: b"null" + data[:0],
    ],
)
def test_other_spellings_of_a_document_are_refused(
    kind: str, spoil: Callable[[bytes], bytes]
) -> None:
    data, again = DOCUMENTS[kind]
    with pytest.raises((MessageError, KeyMaterialError)):
        again(spoil(data))


@each
@settings(max_examples=60, deadline=None)
@given(draw=st.data())
def test_a_document_with_another_value_is_read_exactly_or_refused(
    kind: str, draw: st.DataObject
) -> None:
    fields: dict[str, Any] = json.loads(DOCUMENTS[kind][0])
    name = draw.draw(st.sampled_from(sorted(fields)))
    old = fields[name]
    shorter = st.just(old[:-2]) if isinstance(old, str) else st.just(old)
    fields[name] = draw.draw(values | shorter)
    try:
        # Also with infinities, which have no canonical spelling.
        data = json.dumps(
            fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False
        ).encode()
    except UnicodeEncodeError:
        return
    read_or_refuse(kind, data)


@each
@settings(max_examples=60, deadline=None)
@given(draw=st.data())
def test_a_document_with_flipped_bytes_is_read_exactly_or_refused(
    kind: str, draw: st.DataObject
) -> None:
    data = bytearray(DOCUMENTS[kind][0])
    for place in draw.draw(st.lists(st.integers(0, len(data) - 1), min_size=1, max_size=3)):
        data[place] ^= draw.draw(st.integers(1, 255))
    read_or_refuse(kind, bytes(data))


@each
@settings(max_examples=40, deadline=None)
@given(data=st.binary(max_size=200))
def test_arbitrary_bytes_are_refused(kind: str, data: bytes) -> None:
    with pytest.raises((MessageError, KeyMaterialError)):
        DOCUMENTS[kind][1](data)
