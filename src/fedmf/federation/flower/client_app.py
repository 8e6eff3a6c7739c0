"""A silo's side of a message: the same for `fedmf join` and for Flower's own SuperNode.

Flower's SuperNode finds `app` through the app folder, and the silo's folder in its node
configuration: ``--node-config 'folder="silo-0"'``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

from flwr.app import Context, Message, RecordDict
from flwr.clientapp import ClientApp

from fedmf.errors import FedmfError, SettingsError, TransportError
from fedmf.federation.flower.events import Events
from fedmf.federation.flower.records import (
    VERSION,
    read_request,
    refusal_record,
    reply_record,
    same_release,
)
from fedmf.federation.silos import Silo


def answer(record: RecordDict, respond: Callable[[bytes], bytes], events: Events) -> RecordDict:
    """Return the answer to a request; a refusal carries the number of the error and no sentence.

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
                f"the server runs fedmf {version} and this silo {VERSION}; all have to run the same "
                "release"
            )
        reply = respond(request)
    except FedmfError as error:
        events.record("refused", f"error {error.number}: {error}", error=error.number)
        return refusal_record(error.number)
    events.record("answered", bytes_in=len(request), bytes_out=len(reply))
    return reply_record(reply)


@functools.cache
def _silo(folder: Path) -> Silo:
    return Silo.open(folder)


def _handle(message: Message, context: Context) -> Message:
    folder = context.node_config.get("folder")
    if not isinstance(folder, str):
        raise SettingsError(
            "the node configuration names no silo; start the SuperNode with "
            "--node-config 'folder=\"SILO\"'"
        )

    def respond(request: bytes) -> bytes:
        return _silo(Path(folder)).respond(request)

    # Its sentences go to standard output, where Flower's own go.
    events = Events(say=functools.partial(print, flush=True))  # noqa: T202
    return Message(answer(message.content, respond, events), reply_to=message)


app = ClientApp()
# Not as a decorator, which would be untyped where flwr is not installed.
app.query()(_handle)
