"""``fedmf federation``: what organisations agree on, and what each says of itself."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from fedmf.cli.console import ends_with_error_number, output, print_json
from fedmf.errors import DataError, RunDirectoryError, SettingsError
from fedmf.federation import TrainingSettings
from fedmf.federation.settings import DEFAULT_ROUNDS_TEXT, DEFAULT_SLICES, default_rounds
from fedmf.federation.silos import CoordinatorSettings, Federation, SiloSettings
from fedmf.federation.silos.federation import FEDERATION
from fedmf.federation.silos.own_settings import SILO
from fedmf.ratings import Id, RatingScale

federation = typer.Typer(
    help="What organisations agree on before they train, and what each says of itself.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@federation.command()
@ends_with_error_number
def new(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The server's folder.")],
    catalogue: Annotated[
        Path, typer.Option(metavar="FILE", help="Ids of all items, one on each line.")
    ],
    users: Annotated[
        list[int], typer.Option(help="Users of a silo; once for each, in order of numbers.")
    ],
    scale: Annotated[
        str, typer.Option(metavar="LOW:HIGH", help="Lowest and highest rating.")
    ] = "0.5:5",
    protection: Annotated[str, typer.Option(help="committee, rlwe or none.")] = "committee",
    committee: Annotated[int, typer.Option(help="Members: silos 0, 1 and so on.")] = 4,
    threshold: Annotated[int, typer.Option(help="Members that have to answer.")] = 3,
    opened_by: Annotated[
        str, typer.Option("--open", help="participants or server open the sums.")
    ] = "participants",
    method: Annotated[str, typer.Option(help="bayes, implicit or sgd.")] = "bayes",
    factors: Annotated[int, typer.Option(help="Length of user and item vectors.")] = 32,
    rounds: Annotated[
        int | None, typer.Option(help="Number of rounds.", show_default=DEFAULT_ROUNDS_TEXT)
    ] = None,
    upload: Annotated[
        str, typer.Option(help="full: all items. slices: a public slice of them in turn.")
    ] = "full",
    slices: Annotated[
        int | None, typer.Option(help="Upload slices: how many.", show_default=str(DEFAULT_SLICES))
    ] = None,
    download_bits: Annotated[
        int | None,
        typer.Option(help="--open server: bits of a downloaded value.", show_default="exact"),
    ] = None,
    min_raters: Annotated[
        int, typer.Option(help="Rows of items with fewer raters stay out of the table.")
    ] = 3,
    key_check: Annotated[
        str | None,
        typer.Option(metavar="HEX", help="rlwe: what fedmf keys shared printed.", show_default=""),
    ] = None,
    seed: Annotated[int, typer.Option(help="Public seed of start and cohorts.")] = 0,
    wait: Annotated[float, typer.Option(help="Seconds for which the server waits.")] = 300.0,
    as_json: Json = False,
) -> None:
    """Write the federation file, which every silo gets: public facts, and no rating."""
    settings = TrainingSettings(
        protection=protection,
        committee=committee,
        threshold=threshold,
        opened_by=opened_by,
        method=method,
        factors=factors,
        rounds=rounds or default_rounds(upload, slices),
        upload=upload,
        slices=slices,
        download_bits=download_bits,
        min_raters=min_raters,
        seed=seed,
        silos=len(users),
    )
    made = Federation.make(
        settings, _item_ids(catalogue), _scale(scale), users, key_check=_key_check(key_check)
    )
    if (folder / FEDERATION).exists():
        raise RunDirectoryError(
            f"{folder / FEDERATION} is there already; take another folder, for silos know the one "
            "that was made"
        )
    folder.mkdir(parents=True, exist_ok=True)
    CoordinatorSettings(seconds=wait).write(folder)
    made.write(folder)
    if as_json:
        print_json({"federation": str(folder / FEDERATION), "fingerprint": made.fingerprint})
        return
    _say(f"federation file, for every silo: {folder / FEDERATION}")
    _say(f"fingerprint, to compare by voice: {made.fingerprint}")


@federation.command()
@ends_with_error_number
def silo(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The silo's folder.")],
    file: Annotated[
        Path, typer.Option("--federation", metavar="FILE", help="The federation file.")
    ],
    number: Annotated[int, typer.Option(help="The silo's number, from 0.", min=0)],
    ratings: Annotated[str, typer.Option(metavar="RATINGS", help="Its ratings, as for train.")],
    holdout: Annotated[float, typer.Option(help="Share of ratings kept back to measure.")] = 0.2,
    min_cohort: Annotated[
        int, typer.Option(help="It takes part in no rounds that count with fewer silos.")
    ] = 3,
    as_json: Json = False,
) -> None:
    """Say what a silo owns and what it insists on; none of it ever leaves the silo."""
    read = Federation.from_bytes(_bytes(file), str(file))
    if (folder / SILO).exists():
        raise RunDirectoryError(f"{folder / SILO} is there already; edit it, or take a new folder")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    source = os.path.relpath(ratings, folder) if Path(ratings).exists() else ratings
    settings = SiloSettings(number, source, holdout=holdout, min_cohort=min_cohort)
    read.write(folder)
    settings.write(folder)
    if as_json:
        print_json({"silo": number, "folder": str(folder), "fingerprint": read.fingerprint})
        return
    _say(f"silo {number}: {folder}")
    _say(f"fingerprint of the federation, to compare by voice: {read.fingerprint}")


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(f"cannot read the federation file {path}: {error.strerror}") from None


def _item_ids(path: Path) -> list[Id]:
    """Read a catalogue; ids are numbers where all of them are."""
    try:
        lines = [
            one.strip() for one in path.read_text(encoding="utf-8").splitlines() if one.strip()
        ]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read the catalogue {path}: {error}") from None
    if all(line.isascii() and line.isdigit() for line in lines):
        return [int(line) for line in lines]
    return list(lines)


def _scale(text: str) -> RatingScale:
    low, colon, high = text.partition(":")
    try:
        return RatingScale(float(low), float(high if colon else "nan"))
    except ValueError:
        raise SettingsError(f"{text!r} is no scale; it looks like 0.5:5") from None


def _key_check(text: str | None) -> bytes | None:
    try:
        return None if text is None else bytes.fromhex(text)
    except ValueError:
        raise SettingsError(
            f"{text!r} is no check value of a key; make the key with: fedmf keys shared FILE"
        ) from None


def _say(text: str) -> None:
    output().print(escape(text))
