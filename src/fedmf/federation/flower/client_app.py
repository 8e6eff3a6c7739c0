"""For Flower's own SuperNode: hands messages to the process that serves the silo.

A SuperNode starts a process for each message, and a silo has to stay; so it is served by
``fedmf join SILO`` without a server, and this app finds it by the folder in the node configuration:
``--node-config 'folder="silo-0"'``.
"""

from __future__ import annotations

import functools
import sys
from pathlib import Path

from flwr.app import Context, Message
from flwr.clientapp import ClientApp

from fedmf.errors import SettingsError
from fedmf.federation.flower.events import Events
from fedmf.federation.flower.records import answer
from fedmf.federation.silos.resident import ask


def handle(message: Message, context: Context) -> Message:
    """Answer a message.

    Raises
    ------
    SettingsError
        The node configuration names no folder.
    """
    folder = context.node_config.get("folder")
    if not isinstance(folder, str):
        raise SettingsError(
            "the node configuration names no silo; start the SuperNode with "
            "--node-config 'folder=\"SILO\"'"
        )
    events = Events(None, _say)
    respond = functools.partial(ask, Path(folder))
    return Message(answer(message.content, respond, events), reply_to=message)


def _say(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")


app = ClientApp()
# Not as a decorator, which would be untyped where flwr is not installed.
app.query()(handle)
