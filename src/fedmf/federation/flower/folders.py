"""What connections need on disk, in a folder ``flower`` beside everything else.

::

    SERVER/flower/authority.pem         by which silos know the server; give it to them
    SERVER/flower/certificate.pem       the server's, or a chain of them
    SERVER/flower/certificate-key.pem   secret
    SERVER/flower/silos/N.pub           the public key of silo N's node, as the silo sent it
    SERVER/flower/events.jsonl          what happened, a line each
    SILO/flower/authority.pem           as the server gave it
    SILO/flower/node-key.pem            secret, in the format of OpenSSH
    SILO/flower/node.pub                to send to the server
    SILO/flower/node-id                 under which the server knew the silo last
    SILO/flower/events.jsonl            what happened, a line each
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

CONNECTION = "flower"


@dataclass(frozen=True, slots=True)
class ConnectionFolder:
    """What either side has."""

    folder: Path
    """The folder of the server, or of the silo."""

    @property
    def path(self) -> Path:
        """The folder of the connection."""
        return self.folder / CONNECTION

    @property
    def authority(self) -> Path:
        """The certificate by which silos know the server."""
        return self.path / "authority.pem"

    @property
    def events(self) -> Path:
        """The log for machines."""
        return self.path / "events.jsonl"


class ServerFolder(ConnectionFolder):
    """The server's side."""

    __slots__ = ()

    @property
    def certificate(self) -> Path:
        """The server's certificate."""
        return self.path / "certificate.pem"

    @property
    def certificate_key(self) -> Path:
        """Its secret key."""
        return self.path / "certificate-key.pem"

    @property
    def silos(self) -> Path:
        """The folder of the nodes' public keys."""
        return self.path / "silos"


class SiloFolder(ConnectionFolder):
    """A silo's side."""

    __slots__ = ()

    @property
    def node_key(self) -> Path:
        """The secret key of the silo's node."""
        return self.path / "node-key.pem"

    @property
    def node_public_key(self) -> Path:
        """Its public key."""
        return self.path / "node.pub"

    @property
    def node_id(self) -> Path:
        """The number that the server gave to the node when it last connected."""
        return self.path / "node-id"
