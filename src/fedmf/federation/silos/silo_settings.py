"""What a silo decides for itself: its ratings, where its keys lie, and what it insists on."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from fedmf.errors import SettingsError
from fedmf.store.atomic import write_file

FORMAT = "fedmf silo 1"
SILO = "silo.json"


@dataclass(frozen=True, slots=True)
class SiloSettings:
    """A silo's own configuration, the file ``silo.json`` of its folder.

    Paths are relative to the folder. None of it ever leaves the silo.

    Raises
    ------
    SettingsError
        A smallest cohort below 1.
    """

    silo: int
    """The silo's number in the federation."""
    source: str
    """Its ratings: a path, or the name of a bundled data set; see `fedmf.load_ratings`."""
    holdout: float = 0.2
    split: str = "random"
    seed: int = 0
    """What it holds back to measure with; see `fedmf.federation.DataChoice`."""
    min_cohort: int = 3
    """It takes part in no federation whose rounds may count with fewer silos."""
    key: str = "key.json"
    """Protections rlwe and paillier: the file of the key that the silos share."""
    participant: str = "participant"
    """Protection committee: the folder of the enrolment as a participant."""
    member: str = "member"
    """The folder of the enrolment as a member of the committee, if the silo is one."""

    def __post_init__(self) -> None:
        if self.min_cohort < 1 or self.silo < 0:
            raise SettingsError("min_cohort is at least 1, and silos are numbered from 0")

    def write(self, folder: Path) -> None:
        """Write the configuration into the silo's folder."""
        text = json.dumps({"format": FORMAT, **asdict(self)}, ensure_ascii=False, indent=1) + "\n"
        write_file(folder / SILO, text.encode(), private=True)

    @classmethod
    def read(cls, folder: Path) -> SiloSettings:
        """Read the configuration of a silo's folder.

        Raises
        ------
        SettingsError
            It is missing, or says something that no silo decides.
        """
        path = folder / SILO
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
            if fields.pop("format") != FORMAT:
                raise ValueError(f"its format is not {FORMAT!r}")
            return cls(**fields)
        except OSError as error:
            raise SettingsError(f"cannot read a silo's settings {path}: {error.strerror}") from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise SettingsError(f"{path} holds no settings of a silo: {error}") from error
