"""A silo's side of a message: the same for `fedmf join` and for Flower's own SuperNode."""

from __future__ import annotations

from collections.abc import Callable

from flwr.app import RecordDict

from fedmf.errors import FedmfError, TransportError
from fedmf.federation.flower.events import Events
from fedmf.federation.flower.records import (
    VERSION,
    read_request,
    refusal_record,
    reply_record,
    same_release,
)


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
