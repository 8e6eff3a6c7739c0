"""For Flower's own SuperLink: conducts the federation in the folder that the run names.

``flwr run APP CONNECTION --run-config 'folder="server"'``, where APP is the app folder.
"""

from __future__ import annotations

import sys
from pathlib import Path

from flwr.app import Context
from flwr.serverapp import Grid, ServerApp

from fedmf.errors import SettingsError
from fedmf.federation.flower.certificates import admitted_silos
from fedmf.federation.flower.events import Events
from fedmf.federation.flower.folders import ServerFolder
from fedmf.federation.flower.transport import GridTransport
from fedmf.federation.silos import Coordinator


def conduct(grid: Grid, context: Context) -> None:
    """Run the rounds that are left.

    Raises
    ------
    SettingsError
        The run names no folder.
    """
    folder = context.run_config.get("folder")
    if not isinstance(folder, str) or not folder:
        raise SettingsError(
            "the run names no server's folder; start it with --run-config 'folder=\"SERVER\"'"
        )
    files = ServerFolder(Path(folder))
    events = Events(files.events, _say)
    transport = GridTransport(grid, admitted_silos(files), events)
    Coordinator.open(Path(folder), transport).run()


def _say(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")


app = ServerApp()
# Not as a decorator, which would be untyped where flwr is not installed.
app.main()(conduct)
