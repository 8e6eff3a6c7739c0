import hashlib
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedmf.errors import FedmfError, MessageError
from fedmf.protocol import ClosingMessage, Session, TableMessage, UploadMessage
from fedmf.protocol.messages import HEADER
from tests.protocol.sessions import small_session

SESSION = small_session("part")
ROWS = (np.array([0, 3]),)
UPLOAD = UploadMessage(1, 2, b"", ROWS, b"payload").to_bytes(SESSION)
TABLE = TableMessage(3, b"table").to_bytes(SESSION)
CLOSING = ClosingMessage(2, (0, 2)).to_bytes(SESSION)
READERS: dict[str, tuple[Any, bytes]] = {
    "table": (TableMessage, TABLE),
    "upload": (UploadMessage, UPLOAD),
    "closing": (ClosingMessage, CLOSING),
}


def sealed(frame: bytes) -> bytes:
    """Return a frame with the SHA-256 that belongs to it."""
    return frame + hashlib.sha256(frame).digest()


def framed(body: bytes, *, kind: int, session: Session = SESSION, round_number: int = 1) -> bytes:
    """Build a message field by field, as the reference page describes it."""
    header = b"FDMF" + bytes([1, kind]) + session.digest
    return sealed(header + struct.pack("<IQ", round_number, len(body)) + body)


def test_messages_come_back_as_they_were() -> None:
    upload = UploadMessage.from_bytes(UPLOAD, SESSION)
    assert (upload.round, upload.participant, upload.payload) == (1, 2, b"payload")
    assert upload.rows is not None
    np.testing.assert_array_equal(upload.rows[0], ROWS[0])
    assert TableMessage.from_bytes(TABLE, SESSION) == TableMessage(3, b"table")
    assert ClosingMessage.from_bytes(CLOSING, SESSION) == ClosingMessage(2, (0, 2))


def test_an_upload_of_all_rows_lists_none() -> None:
    session = small_session("full")
    upload = UploadMessage.from_bytes(
        UploadMessage(1, 2, b"", None, b"x").to_bytes(session), session
    )
    assert upload.rows is None


def test_bytes_are_as_the_reference_page_describes() -> None:
    body = struct.pack("<I", 2) + struct.pack("<III", 2, 0, 3) + b"payload"
    assert framed(body, kind=2) == UPLOAD
    assert framed(b"table", kind=1, round_number=3) == TABLE
    assert framed(struct.pack("<III", 2, 0, 2), kind=3, round_number=2) == CLOSING


@pytest.mark.parametrize("name", READERS)
def test_every_flipped_bit_is_found(name: str) -> None:
    reader, data = READERS[name]
    for position in range(len(data)):
        damaged = bytearray(data)
        damaged[position] ^= 1 << (position % 8)
        with pytest.raises(MessageError):
            reader.from_bytes(bytes(damaged), SESSION)


@pytest.mark.parametrize("name", READERS)
def test_cut_and_padded_messages_are_refused(name: str) -> None:
    reader, data = READERS[name]
    for wrong in [data[:k] for k in range(len(data))] + [data + b"\0", data + data]:
        with pytest.raises(MessageError):
            reader.from_bytes(wrong, SESSION)


@pytest.mark.parametrize("name", READERS)
def test_messages_of_another_session_are_refused(name: str) -> None:
    reader, data = READERS[name]
    for other in (
        small_session("part", session_id=b"1" * 16),
        small_session("part", participants=4),
        small_session("part", rounds=9),
        small_session("full"),
    ):
        with pytest.raises(MessageError, match="another session"):
            reader.from_bytes(data, other)


def test_messages_of_another_kind_are_refused() -> None:
    for reader, own in READERS.values():
        for _, data in READERS.values():
            if data is not own:
                with pytest.raises(MessageError, match="kind"):
                    reader.from_bytes(data, SESSION)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"", "too early"),
        (struct.pack("<I", 3), "participant 3 is unknown"),
        (struct.pack("<I", 0), "too early"),
        (struct.pack("<II", 0, 5), "at most 4"),
        (struct.pack("<III", 0, 2, 1), "too early"),
        (struct.pack("<IIII", 0, 2, 1, 1), "ascend"),
        (struct.pack("<IIII", 0, 2, 2, 1), "ascend"),
        (struct.pack("<III", 0, 1, 4), "row 4"),
    ],
)
def test_malformed_uploads_are_refused(body: bytes, complaint: str) -> None:
    with pytest.raises(MessageError, match=complaint):
        UploadMessage.from_bytes(framed(body, kind=2), SESSION)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (struct.pack("<I", 4), "at most 3"),
        (struct.pack("<II", 1, 3), "participant 3 is unknown"),
        (struct.pack("<III", 1, 0, 0), "too many"),
        (struct.pack("<III", 2, 1, 0), "ascend"),
    ],
)
def test_malformed_closings_are_refused(body: bytes, complaint: str) -> None:
    with pytest.raises(MessageError, match=complaint):
        ClosingMessage.from_bytes(framed(body, kind=3), SESSION)


@pytest.mark.parametrize("round_number", [0, 4])
def test_rounds_outside_the_session_are_refused(round_number: int) -> None:
    with pytest.raises(MessageError, match="round"):
        TableMessage.from_bytes(framed(b"", kind=1, round_number=round_number), SESSION)


@given(st.binary(max_size=300))
def test_random_bytes_are_refused(data: bytes) -> None:
    for reader, _ in READERS.values():
        with pytest.raises(MessageError):
            reader.from_bytes(data, SESSION)


@given(st.integers(1, 3), st.integers(0, 4), st.binary(max_size=200))
def test_random_bodies_are_read_or_refused(kind: int, round_number: int, body: bytes) -> None:
    data = framed(body, kind=kind, round_number=round_number)
    for reader, _ in READERS.values():
        try:
            message = reader.from_bytes(data, SESSION)
        except FedmfError:
            continue
        assert message.to_bytes(SESSION) == data


def test_payloads_do_not_print() -> None:
    assert "payload" not in repr(UploadMessage.from_bytes(UPLOAD, SESSION)).replace("payload=", "")
    assert "table" not in repr(TableMessage.from_bytes(TABLE, SESSION))


def test_header_has_the_documented_size() -> None:
    assert HEADER.size == 50
