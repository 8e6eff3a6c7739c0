"""Certificates and keys of connections, without Flower."""

from __future__ import annotations

import shutil
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fedmf.errors import KeyMaterialError, SettingsError, TransportError
from fedmf.federation.flower.certificates import (
    admitted_silos,
    check_certificate,
    check_server,
    load_node_key,
    make_node_key,
    make_server_certificate,
    parse_address,
)
from fedmf.federation.flower.folders import ServerFolder, SiloFolder

PAGE_51 = Path(__file__).parents[3] / "docs" / "errors" / "51.md"


@contextmanager
def listening(files: ServerFolder, *, tls: bool = True) -> Iterator[int]:
    """Accept one connection, with a TLS handshake or with words of another kind."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.certificate_key)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            connection, _ = server.accept()
            with connection:
                if not tls:
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                    return
                try:
                    context.wrap_socket(connection, server_side=True).close()
                except (ssl.SSLError, ConnectionError):
                    return

        thread = threading.Thread(target=accept)
        thread.start()
        yield int(server.getsockname()[1])
        thread.join()


def test_a_server_is_known_by_each_of_its_names(tmp_path: Path) -> None:
    files = make_server_certificate(tmp_path, ["localhost", "127.0.0.1"])
    for host in ("localhost", "127.0.0.1"):
        with listening(files) as port:
            assert check_server(f"{host}:{port}", files.authority)


def test_another_name_is_not_the_server(tmp_path: Path) -> None:
    files = make_server_certificate(tmp_path, ["fed.example.org"])
    with listening(files) as port, pytest.raises(TransportError, match=r"mismatch.*localhost"):
        check_server(f"localhost:{port}", files.authority)


def test_another_authority_is_not_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    files = make_server_certificate(Path("server"), ["localhost"])
    other = make_server_certificate(Path("another"), ["localhost"])
    authority = SiloFolder(Path("silo-0")).authority
    authority.parent.mkdir(parents=True)
    shutil.copy(other.authority, authority)
    with listening(files) as port, pytest.raises(TransportError) as caught:
        check_server(f"localhost:{port}", authority)
    # The example of the page.
    shown = PAGE_51.read_text("utf-8").replace("9092", str(port))
    assert f"\nerror 51: {caught.value}\n" in shown


def test_a_silo_may_trust_the_old_and_the_new_authority(tmp_path: Path) -> None:
    old = make_server_certificate(tmp_path / "a", ["localhost"])
    new = make_server_certificate(tmp_path / "b", ["localhost"])
    both = tmp_path / "authority.pem"
    both.write_bytes(old.authority.read_bytes() + new.authority.read_bytes())
    for files in (old, new):
        with listening(files) as port:
            assert check_server(f"localhost:{port}", both)


def test_a_server_without_tls_is_told(tmp_path: Path) -> None:
    files = make_server_certificate(tmp_path, ["localhost"])
    with (
        listening(files, tls=False) as port,
        pytest.raises(TransportError, match="does not speak TLS"),
    ):
        check_server(f"localhost:{port}", files.authority)


def test_nobody_there_is_no_error_but_nobody(tmp_path: Path) -> None:
    files = make_server_certificate(tmp_path, ["localhost"])
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert not check_server(f"localhost:{port}", files.authority)


def test_a_missing_or_broken_authority_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"there is no .*the person who runs the server"):
        check_server("localhost:1", tmp_path / "authority.pem")
    (tmp_path / "authority.pem").write_text("no certificate")
    with pytest.raises(SettingsError, match="not a certificate"):
        check_server("localhost:1", tmp_path / "authority.pem")


@pytest.mark.parametrize("address", ["localhost", "localhost:", ":1", "a:b", "a:0", "a:65536"])
def test_addresses_that_are_none_are_refused(address: str) -> None:
    with pytest.raises(SettingsError, match="looks like"):
        parse_address(address)


def test_addresses_are_split_at_the_last_colon() -> None:
    assert parse_address("[::1]:9092") == ("::1", 9092)
    assert parse_address("fed.example.org:443") == ("fed.example.org", 443)


def test_secret_keys_are_for_their_owner_alone(tmp_path: Path) -> None:
    files = make_node_key(tmp_path)
    assert files.node_key.stat().st_mode & 0o777 == 0o600
    files.node_key.chmod(0o640)
    with pytest.raises(KeyMaterialError, match="chmod 600"):
        load_node_key(files.node_key)
    server = make_server_certificate(tmp_path, ["localhost"])
    assert server.certificate_key.stat().st_mode & 0o777 == 0o600
    server.certificate_key.chmod(0o604)
    with pytest.raises(KeyMaterialError, match="chmod 600"):
        check_certificate(server)


def test_a_key_is_not_overwritten(tmp_path: Path) -> None:
    before = make_node_key(tmp_path).node_key.read_bytes()
    with pytest.raises(KeyMaterialError, match="there already"):
        make_node_key(tmp_path)
    assert make_node_key(tmp_path / "another").node_key.read_bytes() != before


def test_a_missing_key_names_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(KeyMaterialError, match=f"fedmf keys node {tmp_path}$"):
        load_node_key(tmp_path / "flower" / "node-key.pem")


def test_a_missing_certificate_names_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no .*certificate.pem and no .*fedmf keys server"):
        check_certificate(ServerFolder(tmp_path))


def test_admitted_silos_are_numbered_by_their_files(tmp_path: Path) -> None:
    files = ServerFolder(tmp_path / "server")
    files.silos.mkdir(parents=True)
    for silo in (0, 10):
        own = make_node_key(tmp_path / str(silo))
        shutil.copy(own.node_public_key, files.silos / f"{silo}.pub")
        assert load_node_key(own.node_key).key_size == 384
    assert list(admitted_silos(files)) == [0, 10]


def test_everything_wrong_with_admitted_silos_is_told_at_once(tmp_path: Path) -> None:
    files = ServerFolder(tmp_path / "server")
    with pytest.raises(SettingsError, match="holds no key of a silo"):
        admitted_silos(files)
    files.silos.mkdir(parents=True)
    own = make_node_key(tmp_path / "silo")
    for name in ("0", "1", "01", "first"):
        shutil.copy(own.node_public_key, files.silos / f"{name}.pub")
    (files.silos / "2.pub").write_text("no key")
    with pytest.raises(SettingsError) as caught:
        admitted_silos(files)
    for part in ("silos 0 and 1 have the same key", "01.pub is not", "first.pub is not", "2.pub"):
        assert part in str(caught.value)
