"""Where the program starts. Nothing of fedmf is loaded yet, which takes a while."""

from __future__ import annotations

from fedmf.interrupts import end_at_once


def main() -> None:
    """Run the command line."""
    end_at_once()
    from fedmf.cli.app import app

    app()
