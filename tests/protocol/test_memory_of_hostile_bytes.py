"""Bytes from outside take little memory before anybody has compared anything.

What is read takes at most `TIMES` its bytes, and `CONSTANT` on top: a document may hold so many
values, and a federation so many users, whatever its bytes.
"""

from __future__ import annotations

import json
import struct
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import pytest

from fedmf.errors import FedmfError
from fedmf.federation.settings import TrainingSettings
from fedmf.federation.silos.federation import MOST_USERS, Federation
from fedmf.federation.silos.messages import Bundle
from fedmf.protocol import ClosingMessage, TableMessage, UploadMessage, json_documents
from fedmf.protocol.committee.exchange import (
    AnswerReply,
    AnswerRequest,
    CheckReply,
    CheckRequest,
    KeyReply,
    KeyRequest,
    PromiseReply,
    PromiseRequest,
    Refusal,
    ReviewReply,
    ReviewRequest,
    VoteReply,
    VoteRequest,
)
from fedmf.protocol.committee.opening import OpeningMessage
from fedmf.protocol.enrolment.charter import Charter
from fedmf.protocol.enrolment.public_keys import PublicKeyBundle
from fedmf.protocol.enrolment.reader_secret import SealedReader
from fedmf.protocol.enrolment.roster_chain import SignedRoster, roster_from_document
from fedmf.protocol.json_documents import MOST_VALUES, Format, canonical_json, format_of, parsed
from fedmf.protocol.messages import frame
from fedmf.protocol.session import Session
from fedmf.protocol.wire import u32
from fedmf.ratings import RatingScale
from tests.protocol.committee.fuzz_decoders import fuzz, targets
from tests.protocol.committee.world import World, make_session

TIMES, CONSTANT = 16, 2**28
FEW = 2**20
"""What anything takes that is refused at once, in bytes."""
MOST = 2**32 - 1


def taken(read: Callable[[bytes], object], data: bytes) -> int:
    """Return how many bytes of memory reading takes at its peak."""
    tracemalloc.start()
    try:
        with suppress(FedmfError, ValueError):
            read(data)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def session_json(protection: str = "none", **changes: object) -> bytes:
    values = {
        "groups": [["items", MOST, MOST, 24]],
        "learning_sha256": "00" * 32,
        "participants": MOST,
        "protection": protection,
        "public_key": None,
        "rounds": MOST - 1,
        "session_id": "00" * 16,
        "upload": "full",
    }
    return canonical_json(values | changes)


SLICES = {
    "count": 256,
    "groups": ["items"],
    "seed": 2**63 - 1,
    "setup_rounds": MOST,
    "whole_at_setup": [],
}
TERMS = {
    "corrupt": 0,
    "members": 10,
    "opened_by": "participants",
    "smallest_cohort": 3,
    "suite": "x25519",
    "threshold": 6,
}


@pytest.mark.parametrize(
    "data",
    [
        session_json(),
        session_json(upload="slices", slices=SLICES),
        session_json(upload="slices", slices=SLICES | {"count": 10**30}),
        session_json(groups=[["items", 10**30, 1, 24]]),
        session_json(participants=10**30, rounds=10**30),
        session_json("committee", committee=TERMS),
        session_json("committee", committee=TERMS | {"members": 10**9, "threshold": 10**9 - 1}),
        session_json("paillier", public_key="f" * 10**6),
        session_json(download={"bits": 4, "group": "items", "counts": "items", "prior": 1}),
    ],
    ids=range(9),
)
def test_sessions_take_what_their_bytes_take(data: bytes) -> None:
    """253 bytes of a session made 32 GiB of row numbers, before any fingerprint was compared."""
    assert taken(Session.from_bytes, data) < FEW + TIMES * len(data)
    text = {"format": Format.CHARTER, "session": data.decode(), "member_keys": ["00"] * 4}
    charter = canonical_json(text | {"participant_keys": [], "reader_key": ""})
    assert taken(Charter.from_bytes, charter) < FEW + TIMES * len(charter)


def test_a_session_that_is_never_cut_or_used_makes_no_rows() -> None:
    """The honest one is read, and only who uses it makes its rows."""
    data = session_json()
    session = Session.from_bytes(data)
    assert session.to_bytes() == data
    assert "schedule" not in vars(session)
    used = Session.from_bytes(session_json(groups=[["items", 2**20, 1, 24]]))
    assert taken(lambda _: used.schedule, b"") > 8 * 2**20


READERS: dict[Format, Callable[[bytes], object]] = {
    Format.SESSION: Session.from_bytes,
    Format.CHARTER: Charter.from_bytes,
    Format.BUNDLE: PublicKeyBundle.from_bytes,
    Format.FEDERATION: Federation.from_bytes,
    Format.SEALED: SealedReader.from_bytes,
}


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize(
    "small", ["[]", "{}", '{"":0}', "[0]", "300", "0.5", '"ab"', "[[[[]]]]"], ids=range(8)
)
def test_documents_of_many_small_values_take_no_more_than_is_said(kind: Format, small: str) -> None:
    """Two bytes of JSON are a list of 56."""
    head = f'{{"format":"{kind}","groups":['
    few, many = 2**14, 2 * MOST_VALUES
    for values, most in ((few, 16 * FEW), (many, FEW)):
        data = (head + ",".join([small] * values) + "]}").encode()
        assert taken(READERS[kind], data) < most + TIMES * len(data)
    with pytest.raises(ValueError, match="values or more"):
        parsed(data)
    assert format_of(b'{"format":"' + str(kind).encode() + b'"}') is kind


def test_as_many_values_as_are_allowed_take_no_more_than_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Measured with a 64th of the values, and of what they may take."""
    most = MOST_VALUES // 64
    monkeypatch.setattr(json_documents, "MOST_VALUES", most)
    for small, values in (('{"":0}', most // 2), ("300", most), ("[0]", most // 2)):
        data = ("[" + ",".join([small] * (values - 1)) + "]").encode()
        assert taken(parsed, data) < CONSTANT // 64 + TIMES * len(data)
        with pytest.raises(ValueError, match="values or more"):
            parsed(data[:-1] + b",0" * most + b"]")
    long = ("[" + ",".join([f'"{"ab" * 32}"'] * 2 * most) + "]").encode()
    assert len(parsed(long)) == 2 * most


def federation_json(users: list[int], **settings: object) -> bytes:
    honest = Federation.make(
        TrainingSettings(protection="none"), ["a", "b", "c"], RatingScale(1, 5), [3, 3, 3]
    )
    values = json.loads(honest.to_bytes())
    values["users"] = users
    values["settings"] |= settings
    return canonical_json(values)


@pytest.mark.parametrize(
    ("users", "settings"),
    [
        ([3, 3, 2**31 - 7], {}),
        ([3, 3, 10**30], {}),
        ([MOST_USERS, 1, 1], {}),
        ([MOST_USERS // 4] * 3, {}),
        ([3, 3, 3], {"factors": 10**9}),
        ([3, 3, 3], {"factors": 10**30}),
        ([3, 3, 3], {"rounds": 10**30}),
        ([3, 3, 3], {"silos": 10**30}),
        ([3, 3, 3], {"seed": 10**4000}),
        ([3, 3, 3], {"min_raters": 10**30}),
        ([3, 3, 3], {"committee": 10**30, "threshold": 10**30 - 1}),
        ([3, 3, 3], {"upload": "slices", "slices": 10**30}),
    ],
    ids=range(12),
)
def test_federations_take_no_more_than_is_said(
    users: list[int], settings: dict[str, object]
) -> None:
    data = federation_json(users, **settings)
    assert taken(Federation.from_bytes, data) < CONSTANT + TIMES * len(data)


def hostile_bodies() -> dict[str, bytes]:
    """Return bodies that say that more follows than does, and long lists of the shortest items."""
    ascending = struct.pack("<200000I", *range(200_000))
    return {
        "nothing": b"",
        "a count": u32(MOST),
        "counts": u32(MOST) * 50,
        "a long list": u32(200_000) + ascending,
        "a list that is longer": u32(MOST) + ascending,
        "numbers, and a long list": bytes(8) + u32(200_000) + ascending,
        "zeros": bytes(200_000),
        "ones": b"\1\0\0\0" * 50_000,
    }


@pytest.fixture(scope="module")
def world() -> World:
    """A session with room for as many participants as there can be, of which five are listed."""
    session = make_session(MOST, members=10, threshold=6)
    return World(session=session, listed=5)


@pytest.mark.parametrize("body", hostile_bodies())
def test_messages_take_no_more_than_is_said(world: World, body: str) -> None:
    content, session, charter = hostile_bodies()[body], world.session, world.charter
    readers: dict[int, Callable[[bytes], object]] = {
        one.KIND: partial(one.from_bytes, session=session)
        for one in (TableMessage, UploadMessage, ClosingMessage)
    }
    readers |= {
        one.KIND: partial(one.from_bytes, charter=charter)
        for one in (
            *(KeyRequest, KeyReply, ReviewRequest, ReviewReply, AnswerRequest, AnswerReply),
            *(VoteRequest, VoteReply, Refusal, OpeningMessage),
            *(PromiseRequest, PromiseReply, CheckRequest, CheckReply),
        )
    }
    for kind, read in readers.items():
        for number in (1, 2):
            data = frame(session, kind, number, content)
            assert taken(read, data) < FEW + TIMES * len(data)
    roster = partial(SignedRoster.from_bytes, charter=charter)
    assert taken(roster, content) < FEW + TIMES * len(content)
    written = {"charter": charter.digest.hex(), "format": Format.ROSTER, "signed": content.hex()}
    document = canonical_json(written)
    read_document = partial(roster_from_document, charter=charter)
    assert taken(read_document, document) < FEW + TIMES * len(document)
    assert taken(Bundle.from_bytes, content) < FEW + TIMES * len(content)


def test_damaged_bytes_of_every_kind_are_read_or_refused() -> None:
    """For longer by hand: `tests.protocol.committee.fuzz_decoders`."""
    counts = fuzz(1, each=60)
    assert sum(name.endswith("refused") for name in counts) >= 20
    assert counts.total() == 60 * len(targets())
