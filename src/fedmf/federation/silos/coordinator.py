"""The coordinator: runs the server of a federation of silos over any transport."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fedmf.federation.silos.transport import SiloTransport


class Coordinator:
    """Conducts the rounds; `open` makes it."""

    @classmethod
    def open(cls, folder: Path, transport: SiloTransport) -> Coordinator:
        """Open a coordinator's folder: fresh, or as its last checkpoint left it."""
        raise NotImplementedError

    def run(self, after_round: Callable[..., None] | None = None) -> None:
        """Run the rounds that are left; at the end every silo has the model.

        Parameters
        ----------
        after_round
            Called with the `RoundEntry` of each round (round, included, dropped, seconds, bytes)
            once it is safely kept.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Let go of the folder."""
        raise NotImplementedError
