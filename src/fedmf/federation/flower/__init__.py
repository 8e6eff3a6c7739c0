"""Flower as the carrier between organisations: messages of the protocol, and nothing else.

This package alone touches flwr, an optional extra. What travels are the bytes of
`fedmf.federation.silos`; Flower routes them over TLS to nodes whose keys are registered, in chunks,
and keeps them while a node is away. Its apps, strategies and secure aggregation are not used, and
no code ever travels: silos run what they installed.
"""

from __future__ import annotations

import os
from importlib.util import find_spec

from fedmf.errors import TransportError
from fedmf.extras import how_to_install

# Read when flwr is imported, which every module below does: nothing is reported to anybody.
os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
os.environ.setdefault("FLWR_DISABLE_UPDATE_CHECK", "1")


def require_flower() -> None:
    """Make sure that the extra is installed.

    Raises
    ------
    TransportError
        flwr is missing.
    """
    if find_spec("flwr") is None:
        raise TransportError(f"federations across machines need Flower; {how_to_install('flower')}")
