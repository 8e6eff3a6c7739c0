"""``fedmf keys server | node | shared``: keys of a federation of silos, beside the committee's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fedmf.cli.console import print_answer
from fedmf.cli.options import Json, ServerFolder, SiloFolder
from fedmf.crypto.derivation import MasterSecret
from fedmf.crypto.participants_key import save_participants_key
from fedmf.federation.flower.certificates import make_node_key, make_server_certificate


def server(
    folder: ServerFolder,
    host: Annotated[
        list[str], typer.Option(help="Name or address by which silos reach it; may be repeated.")
    ],
    as_json: Json = False,
) -> None:
    """Make a TLS certificate for a server, from an authority that signs nothing else."""
    files = make_server_certificate(folder, host)
    print_answer(
        {"authority": str(files.authority), "certificate": str(files.certificate)},
        [
            f"certificate for {', '.join(host)}: {files.certificate}",
            f"give every silo: {files.authority}",
        ],
        as_json=as_json,
    )


def node(folder: SiloFolder, as_json: Json = False) -> None:
    """Make the key by which a server knows a silo's connection."""
    files = make_node_key(folder)
    print_answer(
        {"key": str(files.node_key), "public_key": str(files.node_public_key)},
        [
            f"key, secret: {files.node_key}",
            f"send to the operator of the server: {files.node_public_key}",
        ],
        as_json=as_json,
    )


def shared(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="File to write the key to.")],
    as_json: Json = False,
) -> None:
    """Make the key that silos share under protection rlwe, and print its check value.

    A silo does this and gives the file to the other silos. The operator of the server gets only
    the check value.
    """
    key = MasterSecret.fresh()
    save_participants_key(path, key)
    check = key.check_value().hex()
    print_answer(
        {"key": str(path), "key_check": check},
        [
            f"key, secret, for every silo and not for the server: {path}",
            f"check value, public, for: fedmf federation new --key-check {check}",
        ],
        as_json=as_json,
    )
