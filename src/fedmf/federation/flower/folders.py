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
class ServerFolder:
    """The server's side.

    Parameters
    ----------
    folder
        The folder of the server.
    """

    folder: Path

    @property
    def path(self) -> Path:
        """The folder of the connection."""
        return self.folder / CONNECTION

    @property
    def authority(self) -> Path:
        """The certificate that silos trust."""
        return self.path / "authority.pem"

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

    @property
    def events(self) -> Path:
        """The log for machines."""
        return self.path / "events.jsonl"


@dataclass(frozen=True, slots=True)
class SiloFolder:
    """A silo's side.

    Parameters
    ----------
    folder
        The folder of the silo.
    """

    folder: Path

    @property
    def path(self) -> Path:
        """The folder of the connection."""
        return self.folder / CONNECTION

    @property
    def authority(self) -> Path:
        """The certificate by which the silo knows the server."""
        return self.path / "authority.pem"

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

    @property
    def events(self) -> Path:
        """The log for machines."""
        return self.path / "events.jsonl"
