"""A silo that stays: one process keeps it open, and others hand their messages over to it."""

from __future__ import annotations

from pathlib import Path

from fedmf.federation.silos.silo import Silo


def serve(silo: Silo, folder: Path) -> None:
    """Answer messages that come in through a socket in the silo's folder, until interrupted."""
    raise NotImplementedError


def ask(folder: Path, request: bytes) -> bytes:
    """Hand one message to the process that serves the silo in this folder; return its reply.

    Raises
    ------
    RunDirectoryError
        Nobody serves it.
    """
    raise NotImplementedError
