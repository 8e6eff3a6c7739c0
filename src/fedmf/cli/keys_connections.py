"""``fedmf keys server`` and ``fedmf keys node``: who is at the two ends of a connection."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from fedmf.cli.console import ends_with_error_number, output, print_json
from fedmf.federation.flower.certificates import make_node_key, make_server_certificate

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@ends_with_error_number
def server(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The server's folder.")],
    host: Annotated[
        list[str], typer.Option(help="Name or address by which silos reach it; may be repeated.")
    ],
    as_json: Json = False,
) -> None:
    """Make a TLS certificate for a server, from an authority that signs nothing else."""
    files = make_server_certificate(folder, host)
    if as_json:
        print_json({"authority": str(files.authority), "certificate": str(files.certificate)})
        return
    output().print(escape(f"certificate for {', '.join(host)}: {files.certificate}"))
    output().print(escape(f"give every silo: {files.authority}"))


@ends_with_error_number
def node(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The silo's folder.")],
    as_json: Json = False,
) -> None:
    """Make the key by which a server knows a silo's connection."""
    files = make_node_key(folder)
    if as_json:
        print_json({"key": str(files.node_key), "public_key": str(files.node_public_key)})
        return
    output().print(escape(f"key, secret: {files.node_key}"))
    output().print(escape(f"send to whoever runs the server: {files.node_public_key}"))
