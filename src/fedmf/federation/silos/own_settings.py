"""What a silo, or the coordinator, decides for itself: files in its folder that people may edit."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Self

from fedmf.errors import SettingsError
from fedmf.protocol.json_documents import Format, parsed
from fedmf.protocol.json_fields import JsonFields, as_object
from fedmf.ratings import AS_GUESSED, Reading
from fedmf.store.atomic import write_file

SILO, COORDINATOR = "silo.json", "coordinator.json"


class OwnSettings(JsonFields):
    """Settings in a file of their owner's folder, in any spelling; what is missing is a default."""

    __slots__ = ()

    FORMAT: ClassVar[Format]
    """What kind of settings they are."""
    FILE: ClassVar[str]
    """Name of the file."""

    def write(self, folder: Path) -> None:
        """Write the settings into their owner's folder."""
        values = {"format": str(self.FORMAT), **self.as_json()}
        text = json.dumps(values, ensure_ascii=False, indent=1) + "\n"
        write_file(folder / self.FILE, text.encode(), private=self.FORMAT is Format.SILO)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the settings of a folder.

        Raises
        ------
        SettingsError
            The file is missing, or says something that its owner does not decide.
        """
        path, kind = folder / cls.FILE, cls.FORMAT.kind
        try:
            values = parsed(path.read_bytes())
            if not isinstance(values, dict) or values.pop("format", None) != cls.FORMAT:
                raise ValueError(f"its format is not {str(cls.FORMAT)!r}")
            return cls.from_json(values)
        except OSError as error:
            raise SettingsError(f"cannot read {kind} from {path}: {error.strerror}") from None
        except (ValueError, RecursionError) as error:
            raise SettingsError(f"{path} does not hold {kind}: {error}") from None


@dataclass(frozen=True, slots=True)
class SiloSettings(OwnSettings):
    """A silo's own configuration, the file ``silo.json`` of its folder.

    Paths are relative to the folder. None of it ever leaves the silo.

    Raises
    ------
    SettingsError
        A smallest cohort or lot below 1.
    """

    FORMAT = Format.SILO
    FILE = SILO

    silo: int
    """The silo's number in the federation."""
    source: str
    """Its ratings: a path, or the name of a bundled data set; see `fedmf.load_ratings`."""
    reading: Annotated[Reading, as_object(Reading)] = AS_GUESSED
    """How to read them, under the names of the arguments of `fedmf.load_ratings`."""
    holdout: float = 0.2
    split: str = "random"
    seed: int = 0
    """What it holds back to measure with; see `fedmf.federation.DataChoice`."""
    file_order: bool = False
    """Its rows stand in the order in which the ratings were given; timestamps are not used."""
    min_cohort: int = 3
    """It takes part in no federation whose rounds may count with fewer silos."""
    user_lot: int = 8
    """Changes of its ratings travel once so many of its users have some; others wait at the silo.
    And of an item only if as many of these users as min-raters says have some."""
    key: str = "key.json"
    """Protections rlwe and paillier: the file of the key that the silos share."""
    participant: str = "participant"
    """Protection committee: the folder of the enrolment as a participant."""
    member: str = "member"
    """The folder of the enrolment as a member of the committee, if the silo is one."""

    def __post_init__(self) -> None:
        if min(self.min_cohort, self.user_lot) < 1 or self.silo < 0:
            raise SettingsError(
                "min_cohort and user_lot are at least 1, and silos are numbered from 0"
            )


@dataclass(frozen=True)
class CoordinatorSettings(OwnSettings):
    """What the coordinator decides, the file ``coordinator.json`` of its folder, if there is one.

    Raises
    ------
    SettingsError
        Not above zero.
    """

    FORMAT = Format.COORDINATOR
    FILE = COORDINATOR

    seconds: float = 300.0
    """How long an exchange waits for silos that are late."""
    patience: int = 3
    """How many times it asks before it gives up."""
    begin_with: int | None = None
    """Under a committee: this many silos have to be there in the first round; None: all that it
    asks. Members let first uploads pass only in lots, so that a silo that misses the first round
    waits for others; in a federation of fewer than 8 it comes alone, and its partners read its
    sum."""

    def __post_init__(self) -> None:
        if not self.seconds > 0 or self.patience < 1:
            raise SettingsError(
                "a coordinator waits for more than 0 seconds, and asks at least once"
            )

    @classmethod
    def read(cls, folder: Path) -> CoordinatorSettings:
        """Read the settings of a folder; the defaults where there is no file."""
        return super().read(folder) if (folder / cls.FILE).exists() else cls()
