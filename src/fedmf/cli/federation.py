"""``fedmf federation``: what organisations agree on, and what each says of itself."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from fedmf.cli.console import commands, print_answer
from fedmf.cli.options import FileOrder, Holdout, Json, ServerFolder, SiloFolder
from fedmf.cli.reading_options import takes_reading
from fedmf.cli.settings_options import ChosenSettings, takes_settings
from fedmf.errors import DataError, RunDirectoryError, SettingsError
from fedmf.federation.silos import CoordinatorSettings, Federation, SiloSettings
from fedmf.federation.silos.federation import FEDERATION
from fedmf.federation.silos.own_settings import SILO
from fedmf.model import METHODS
from fedmf.ratings import Id, RatingScale, Reading, ids_from_texts


@takes_settings(
    without=("key_bits", "cohort", "silos", "learning_rate", "reg", "start"),
    protection="committee, rlwe or none.",
    committee="Members of the committee: silos 0, 1 and so on.",
    upload="full: all items. slices: a public slice of them in turn.",
    seed="Public seed of start and cohorts.",
)
def new(
    folder: ServerFolder,
    catalogue: Annotated[
        Path, typer.Option(metavar="FILE", help="Ids of all items, one on each line.")
    ],
    users: Annotated[
        list[int], typer.Option(help="Users of a silo; once for each, in order of numbers.")
    ],
    settings: ChosenSettings,
    scale: Annotated[
        str | None,
        typer.Option(
            metavar="LOW:HIGH", help="Lowest and highest rating.", show_default="none: say it"
        ),
    ] = None,
    key_check: Annotated[
        str | None,
        typer.Option(metavar="HEX", help="rlwe: what fedmf keys shared printed.", show_default=""),
    ] = None,
    wait: Annotated[float, typer.Option(help="Seconds for which the server waits.")] = 300.0,
    as_json: Json = False,
) -> None:
    """Write the federation file, which every silo gets: public facts, and no rating."""
    checked = settings.checked(silos=len(users))
    made = Federation.make(
        checked,
        _item_ids(catalogue),
        _scale(scale, checked.method),
        users,
        key_check=_key_check(key_check),
    )
    if (folder / FEDERATION).exists():
        raise RunDirectoryError(
            f"{folder / FEDERATION} is there already; take another folder, because silos know the "
            "one that was made"
        )
    folder.mkdir(parents=True, exist_ok=True)
    CoordinatorSettings(seconds=wait).write(folder)
    made.write(folder)
    print_answer(
        {"federation": str(folder / FEDERATION), "fingerprint": made.fingerprint},
        [
            f"federation file, for every silo: {folder / FEDERATION}",
            f"fingerprint, to compare by voice: {made.fingerprint}",
        ],
        as_json=as_json,
    )


@takes_reading()
def silo(
    folder: SiloFolder,
    reading: Reading,
    file: Annotated[
        Path, typer.Option("--federation", metavar="FILE", help="The federation file.")
    ],
    number: Annotated[int, typer.Option(help="The silo's number, from 0.", min=0)],
    ratings: Annotated[str, typer.Option(metavar="RATINGS", help="Its ratings, as for train.")],
    holdout: Holdout = 0.2,
    min_cohort: Annotated[
        int, typer.Option(help="The silo takes part only in rounds of at least this many.")
    ] = 3,
    file_order: FileOrder = False,
    as_json: Json = False,
) -> None:
    """Say what a silo owns and what it insists on; none of it ever leaves the silo."""
    read = Federation.from_bytes(_bytes(file), str(file))
    if (folder / SILO).exists():
        raise RunDirectoryError(f"{folder / SILO} is there already; edit it, or take a new folder")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    source = os.path.relpath(ratings, folder) if Path(ratings).exists() else ratings
    settings = SiloSettings(
        number, source, reading, holdout=holdout, min_cohort=min_cohort, file_order=file_order
    )
    read.write(folder)
    settings.write(folder)
    print_answer(
        {"silo": number, "folder": str(folder), "fingerprint": read.fingerprint},
        [
            f"silo {number}: {folder}",
            f"fingerprint of the federation, to compare by voice: {read.fingerprint}",
        ],
        as_json=as_json,
    )


federation = commands(
    "What organisations agree on before they train, and what each says of itself.", new, silo
)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(f"cannot read the federation file {path}: {error.strerror}") from None


def _item_ids(path: Path) -> list[Id]:
    """Read a catalogue."""
    try:
        lines = [
            one.strip() for one in path.read_text(encoding="utf-8-sig").splitlines() if one.strip()
        ]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read the catalogue {path}: {error}") from None
    return list(ids_from_texts(lines))


def _scale(text: str | None, method: str) -> RatingScale:
    if text is not None:
        return RatingScale.parsed(text)
    if METHODS[method].predicts_ratings:
        raise SettingsError("say the lowest and the highest rating, such as --scale 1:5")
    return RatingScale(0.0, 1.0)  # nobody rates


def _key_check(text: str | None) -> bytes | None:
    try:
        return None if text is None else bytes.fromhex(text)
    except ValueError:
        raise SettingsError(
            f"{text!r} is not a check value of a key; make the key with: fedmf keys shared FILE"
        ) from None
