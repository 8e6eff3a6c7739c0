"""A federation across machines: silos of many users each, and a coordinator that runs the server.

A *silo* is one participant of the session; it holds the ratings of many users, its own keys and its
own durable state, and by default it is also a member of the committee. The *coordinator* runs the
server, which adds what it cannot read. Both agree on a `Federation`: the public facts, made once,
without any rating. What carries their messages is not decided here; see `SiloTransport`.
"""

from fedmf.federation.silos.coordinator import Coordinator
from fedmf.federation.silos.federation import Federation
from fedmf.federation.silos.own_settings import CoordinatorSettings, SiloSettings
from fedmf.federation.silos.rounds_log import RoundEntry
from fedmf.federation.silos.silo import Silo
from fedmf.federation.silos.transport import SiloTransport

__all__ = [
    "Coordinator",
    "CoordinatorSettings",
    "Federation",
    "RoundEntry",
    "Silo",
    "SiloSettings",
    "SiloTransport",
]
