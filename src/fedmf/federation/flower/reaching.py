"""Whether a server can be reached, and is the one that the silo was told of."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

from fedmf.errors import SettingsError, TransportError

PATIENCE = 10.0
"""Seconds for a connection."""


def parse_address(server: str) -> tuple[str, int]:
    """Split ``host:port``.

    Raises
    ------
    SettingsError
        It is no such address.
    """
    host, colon, port = server.rpartition(":")
    if not (colon and host and port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise SettingsError(f"{server!r} is no address; it looks like fed.example.org:9092")
    return host.removeprefix("[").removesuffix("]"), int(port)


def check_server(server: str, authority: Path) -> bool:
    """Try a TLS handshake; return whether anybody answered.

    Parameters
    ----------
    server
        As host:port.
    authority
        The certificate by which the silo knows the server.

    Raises
    ------
    TransportError
        Somebody answered who is not the server, or the certificate cannot be used.
    SettingsError
        The address or the authority is malformed.
    """
    host, port = parse_address(server)
    try:
        context = ssl.create_default_context(cafile=authority)
    except FileNotFoundError:
        raise SettingsError(
            f"there is no {authority}; the person who runs the server has it, as authority.pem"
        ) from None
    except ssl.SSLError as error:
        raise SettingsError(f"{authority} is not a certificate in PEM") from error
    try:
        with (
            socket.create_connection((host, port), timeout=PATIENCE) as connection,
            context.wrap_socket(connection, server_hostname=host),
        ):
            return True
    except ssl.SSLCertVerificationError as error:
        raise TransportError(
            f"{server} is not the server that {authority} stands for: {error.verify_message}"
        ) from error
    except ssl.SSLError as error:
        raise TransportError(f"{server} does not speak TLS: {error.reason}") from error
    except socket.gaierror as error:
        raise TransportError(f"nobody knows the name {host!r}: {error.strerror}") from error
    except OSError:
        return False
