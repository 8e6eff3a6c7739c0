"""Bytes of the protocol in Flower's records, and the versions of those who wrote them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version

from flwr.app import Array, ArrayRecord, ConfigRecord, RecordDict

from fedmf.errors import MessageError

VERSION = version("fedmf")
_ABOUT, _BODY = "fedmf", "message"


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back from a silo."""

    body: bytes | None
    """The bytes that the silo answered; None where it refused."""
    error: int
    """The number of the error that it refused with, 0 for none. The sentence stays in the silo's
    own log: it may name ratings."""
    version: str
    """The version of fedmf at the silo."""


def request_record(body: bytes) -> RecordDict:
    """Return the record of a request; arrays, unlike other values, travel in chunks."""
    return _record(body)


def reply_record(body: bytes) -> RecordDict:
    """Return the record of an answer."""
    return _record(body)


def refusal_record(error: int) -> RecordDict:
    """Return the record of a silo that cannot answer."""
    return RecordDict({_ABOUT: ConfigRecord({"version": VERSION, "error": error})})


def read_request(record: RecordDict) -> tuple[bytes, str]:
    """Return the bytes of a request, and the version of fedmf that sent it.

    Raises
    ------
    MessageError
        The record is not one of fedmf's.
    """
    version, _ = _about(record)
    return _body(record), version


def read_reply(record: RecordDict) -> Reply:
    """Return what a silo answered.

    Raises
    ------
    MessageError
        The record is not one of fedmf's.
    """
    version, error = _about(record)
    return Reply(None if error else _body(record), error, version)


def same_release(one: str, other: str) -> bool:
    """Whether two versions of fedmf understand each other: the same major and minor number."""
    return one.split(".")[:2] == other.split(".")[:2]


def _record(body: bytes) -> RecordDict:
    # Every array has at least one chunk, so that an empty body needs a byte to hold on to.
    array = Array(dtype="uint8", shape=(len(body),), stype="raw", data=body + b"\0")
    about = ConfigRecord({"version": VERSION, "error": 0})
    return RecordDict({_ABOUT: about, _BODY: ArrayRecord({_BODY: array})})


def _about(record: RecordDict) -> tuple[str, int]:
    """Return version and error."""
    about = record.config_records.get(_ABOUT, ConfigRecord())
    version, error = about.get("version"), about.get("error")
    if not (isinstance(version, str) and isinstance(error, int)):
        raise MessageError("a message over Flower that is not one of fedmf's")
    return version, error


def _body(record: RecordDict) -> bytes:
    arrays = record.array_records.get(_BODY)
    if arrays is None or _BODY not in arrays:
        raise MessageError("a message over Flower without a body")
    data = arrays[_BODY].data
    return bytes(memoryview(data)[: len(data) - 1])
