"""A silo: one participant with many users, and by default a member of the committee."""

from __future__ import annotations

from pathlib import Path


class Silo:
    """Answers the coordinator's messages, one in, one out; `open` makes it.

    One process keeps it open as long as the session lasts: a member of the committee holds the
    secret keys of the round under way in memory alone, so that a process that ends in between
    abstains from that round. A transport that starts a process for every message forwards to a
    resident one; see `fedmf.federation.silos.resident`.
    """

    @classmethod
    def open(cls, folder: Path) -> Silo:
        """Open a silo by its configuration, with the state that it had.

        Raises
        ------
        SettingsError, DataError, KeyMaterialError, RunDirectoryError
            What lies in the folder does not fit the federation, or another process serves it.
        """
        raise NotImplementedError

    def respond(self, request: bytes) -> bytes:
        """Return the reply to a message of the coordinator.

        What is wrong with the message, or with what it asks for, travels back as a reply that
        names it. Whatever the reply says is on disk before it is returned.

        Raises
        ------
        RunDirectoryError
            The state cannot be written: the silo has to be opened anew.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Let go of the folder."""
        raise NotImplementedError
