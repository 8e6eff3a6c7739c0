"""The app that Flower asks for: a project file without code, naming parts of this package."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from fedmf.store.atomic import write_file

APP_PROJECT = f"""\
[project]
name = "fedmf"
version = "{version("fedmf")}"
description = "Names parts of the installed package fedmf; there is no code here"
license = "Apache-2.0"
dependencies = []

[tool.flwr.app]
publisher = "fedmf"

[tool.flwr.app.components]
serverapp = "fedmf.federation.flower.server_app:app"
clientapp = "fedmf.federation.flower.client_app:app"

[tool.flwr.app.config]
folder = ""
"""


def write_app_folder(folder: Path) -> None:
    """Write the app for Flower's own commands, such as ``flwr run``."""
    folder.mkdir(parents=True, exist_ok=True)
    write_file(folder / "pyproject.toml", APP_PROJECT.encode())
