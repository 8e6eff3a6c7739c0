"""``fedmf keys shared``: the one key that all silos of a federation share under protection rlwe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from fedmf.cli.console import ends_with_error_number, output, print_json
from fedmf.crypto.master_secret import MasterSecret
from fedmf.crypto.participants_key import save_participants_key


@ends_with_error_number
def shared(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="File to write the key to.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Make the key that silos share under protection rlwe, and print its check value.

    A silo does this, and hands the file to the other silos; whoever runs the server gets the check
    value alone.
    """
    key = MasterSecret.fresh()
    save_participants_key(path, key)
    check = key.check_value().hex()
    if as_json:
        print_json({"key": str(path), "key_check": check})
        return
    output().print(escape(f"key, secret, for every silo and not for the server: {path}"))
    output().print(f"check value, public, for: fedmf federation new --key-check {check}")
