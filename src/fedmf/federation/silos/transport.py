"""The seam between coordinator and transport: one message to each silo, and one back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol


class SiloTransport(Protocol):
    """Carries messages between the coordinator and the silos.

    It may be slow, lose messages and replies, and deliver a message twice: silos answer a message
    that they have answered before in the same way, and the coordinator takes each reply once. It
    need not keep anything secret, but should: sizes and times show who takes part.
    """

    def exchange(
        self, requests: Mapping[int, bytes], *, seconds: float
    ) -> Iterator[tuple[int, bytes]]:
        """Carry one message to each of these silos; yield (silo, reply) as they come.

        A silo that is gone or late yields nothing, and nothing is raised for it.

        Parameters
        ----------
        requests
            The messages, by number of the silo.
        seconds
            How long to wait for replies at the most.
        """
        ...
