"""Certificates and keys of connections: a server's TLS certificate, and a silo's node key.

They protect the way and say who is at its ends; what travels is protected by keys of its own. Here
they are made and read, and each side finds out whether the other is the one that it was told of.
"""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from fedmf.errors import KeyMaterialError, SettingsError, TransportError
from fedmf.federation.flower.folders import ServerFolder, SiloFolder
from fedmf.store.atomic import write_file

DAYS = 365
"""How long a certificate is valid."""
# What Flower knows for nodes, and every TLS library.
_CURVE = ec.SECP384R1()


def make_server_certificate(folder: Path, hosts: Sequence[str]) -> ServerFolder:
    """Make an authority that signs a single certificate, and forget its key.

    Replaces what was there: silos then need the new ``authority.pem``.

    Parameters
    ----------
    folder
        The server's folder.
    hosts
        Names and addresses by which silos reach the server.

    Raises
    ------
    SettingsError
        No host.
    """
    if not hosts:
        raise SettingsError("a certificate needs a name or an address at least: --host NAME")
    files = ServerFolder(folder)
    files.path.mkdir(parents=True, exist_ok=True)
    authority_key, key = (ec.generate_private_key(_CURVE) for _ in range(2))
    issuer = _name("fedmf authority")
    authority = _certificate(issuer, authority_key.public_key(), issuer, authority_key, None)
    certificate = _certificate(
        _name(hosts[0]), key.public_key(), issuer, authority_key, [_alternative(h) for h in hosts]
    )
    write_file(files.certificate_key, _private_pem(key), private=True)
    write_file(files.certificate, certificate.public_bytes(serialization.Encoding.PEM))
    write_file(files.authority, authority.public_bytes(serialization.Encoding.PEM))
    return files


def make_node_key(folder: Path) -> SiloFolder:
    """Make the key by which a silo's node is known to the server.

    Raises
    ------
    KeyMaterialError
        There is one already: the server knows the silo by it.
    """
    files = SiloFolder(folder)
    if files.node_key.exists():
        raise KeyMaterialError(
            f"{files.node_key} is there already; remove it first if the server shall learn another"
        )
    files.path.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(_CURVE)
    # The formats of OpenSSH, which Flower's own commands read.
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    write_file(files.node_key, private, private=True)
    write_file(files.node_public_key, public + b"\n")
    return files


def load_node_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Read a node's key.

    Raises
    ------
    KeyMaterialError
        It is missing, readable by others, or no such key.
    """
    try:
        if path.stat().st_mode & 0o077:
            raise KeyMaterialError(f"others may read {path}; run: chmod 600 {path}")
        key = serialization.load_ssh_private_key(path.read_bytes(), password=None)
    except FileNotFoundError:
        raise KeyMaterialError(
            f"there is no {path}; make one with: fedmf keys node {path.parent.parent}"
        ) from None
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyMaterialError(f"{path} is not a node's key") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise KeyMaterialError(f"{path} is not a node's key")
    return key


def load_node_public_key(path: Path) -> bytes:
    """Read a node's public key, in the form in which Flower reports it.

    Raises
    ------
    KeyMaterialError
        It is no such key.
    """
    try:
        key = serialization.load_ssh_public_key(path.read_bytes())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyMaterialError(f"{path} is not the public key of a node") from error
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise KeyMaterialError(f"{path} is not the public key of a node")
    return public_pem(key)


def public_pem(key: ec.EllipticCurvePublicKey) -> bytes:
    """Return a public key as PEM, SubjectPublicKeyInfo."""
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common[:64])])


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _certificate(
    subject: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    hosts: Sequence[x509.GeneralName] | None,
) -> x509.Certificate:
    """Sign a certificate: of an authority where there are no hosts, else of a server."""
    authority = hosts is None
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        # Clocks differ.
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=DAYS))
        .add_extension(x509.BasicConstraints(authority, 0 if authority else None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=not authority,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=authority,
                crl_sign=authority,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
    )
    if hosts is not None:
        builder = builder.add_extension(
            x509.SubjectAlternativeName(hosts), critical=False
        ).add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    return builder.sign(issuer_key, hashes.SHA384())


def admitted_silos(files: ServerFolder) -> dict[int, bytes]:
    """Return the public key of each admitted silo's node, by the number of the silo.

    Raises
    ------
    SettingsError
        A file is misnamed or no key, two are the same, or there is none; all of it in one message.
    """
    keys: dict[int, bytes] = {}
    problems = []
    for path in sorted(files.silos.glob("*.pub")):
        number = path.stem
        if not (number.isascii() and number.isdigit() and number == str(int(number))):
            problems.append(f"{path} is not named after the number of a silo, such as 0.pub")
            continue
        try:
            keys[int(number)] = load_node_public_key(path)
        except KeyMaterialError as error:
            problems.append(str(error))
    owners: dict[bytes, int] = {}
    for silo, key in sorted(keys.items()):
        if key in owners:
            problems.append(f"silos {owners[key]} and {silo} have the same key")
        owners.setdefault(key, silo)
    if not keys and not problems:
        problems.append(
            f"{files.silos} holds no key of a silo; copy the node.pub of each there, as 0.pub, "
            "1.pub and so on"
        )
    if problems:
        raise SettingsError("; ".join(problems))
    return keys


def check_certificate(files: ServerFolder) -> None:
    """Make sure that there is a certificate, and a key that nobody else may read.

    Raises
    ------
    SettingsError
        Something is missing; all of it in one message.
    KeyMaterialError
        Others may read the key.
    """
    missing = [
        str(path) for path in (files.certificate, files.certificate_key) if not path.is_file()
    ]
    if missing:
        raise SettingsError(
            f"there is no {' and no '.join(missing)}; make them with: "
            f"fedmf keys server {files.folder} --host NAME"
        )
    if files.certificate_key.stat().st_mode & 0o077:
        raise KeyMaterialError(
            f"others may read {files.certificate_key}; run: chmod 600 {files.certificate_key}"
        )


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
