"""Bytes of the protocol in Flower's records: a request to a silo, and how it is answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version

from flwr.app import Array, ArrayRecord, ConfigRecord, RecordDict

from fedmf.errors import FedmfError, MessageError, TransportError
from fedmf.federation.flower.events import Events

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


def described(error: Exception) -> str:
    """Return kind and text of an unexpected error, on one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def answer(record: RecordDict, respond: Callable[[bytes], bytes], events: Events) -> RecordDict:
    """Return the answer to a request; a refusal carries the number of the error and no sentence.

    Whatever goes wrong becomes a refusal: a silo stays there for the next request.

    Parameters
    ----------
    record
        The request.
    respond
        The silo's answer to the bytes of a request.
    events
        The silo's own log, which gets the sentence.
    """
    try:
        request, version = read_request(record)
        if not same_release(version, VERSION):
            raise TransportError(
                f"the server runs fedmf {version} and this silo {VERSION}; all have to run the "
                "same release"
            )
        reply = respond(request)
    except FedmfError as error:
        events.record("refused", f"error {error.number}: {error}", error=error.number)
        return refusal_record(error.number)
    except Exception as error:  # noqa: BLE001 - whatever the server sent, the silo goes on
        events.record(
            "refused",
            f"error {FedmfError.number}: a request met an unexpected {described(error)}; this is a "
            "defect of fedmf or of the server, and the silo goes on",
            error=FedmfError.number,
        )
        return refusal_record(FedmfError.number)
    events.record("answered", bytes_in=len(request), bytes_out=len(reply))
    return reply_record(reply)
