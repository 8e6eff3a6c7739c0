"""An option for each setting of a training, for every command that takes settings."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from copy import copy
from dataclasses import fields
from typing import Annotated, Any, get_type_hints

import typer

from fedmf.cli.options import RECENCY, options_for
from fedmf.federation import TrainingSettings
from fedmf.federation.settings import (
    DEFAULT_FACTORS_TEXT,
    DEFAULT_ROUNDS_TEXT,
    DEFAULT_SLICES,
)

DEFAULT_METHOD = "bayes"
DEFAULT_METHOD_TEXT = "bayes; implicit where data say only who met what"

# Types and defaults are those of the fields of TrainingSettings.
OPTIONS: Mapping[str, Any] = {
    "protection": typer.Option(help="committee, rlwe, paillier or none."),
    "opened_by": typer.Option("--open", help="committee: participants or server open the sums."),
    "committee": typer.Option(help="Members of the committee."),
    "threshold": typer.Option(help="Members that have to answer."),
    "upload": typer.Option(
        help="full: all items. slices: a public slice of them in turn. part: rated items only; "
        "shows which they are."
    ),
    "slices": typer.Option(help="Upload slices: how many.", show_default=str(DEFAULT_SLICES)),
    "download_bits": typer.Option(
        help="Bits of a value in opened tables (none; --open server): 4 to 12, 6 is enough.",
        show_default="exact",
    ),
    "key_bits": typer.Option(help="Paillier: 3072, 2048, or 1024 (weak; to reproduce the paper)."),
    "method": typer.Option(
        help="bayes: ratings. implicit: ranking. gram: ranking, in one round. sgd: the paper's.",
        show_default=DEFAULT_METHOD_TEXT,
    ),
    "factors": typer.Option(
        help="Length of user and item vectors.", show_default=DEFAULT_FACTORS_TEXT
    ),
    "rounds": typer.Option(help="Number of rounds.", show_default=DEFAULT_ROUNDS_TEXT),
    "gram_items": typer.Option(help="gram: how many of the most rated.", show_default="1000"),
    "cohort": typer.Option(help="Participants in each round.", show_default="all"),
    "silos": typer.Option(
        help="Divide the users among this many silos.", show_default="a user each"
    ),
    "seed": typer.Option(help="Public seed of start, cohorts and split."),
    "learning_rate": typer.Option(help="sgd: step size.", show_default="from users and scale"),
    "reg": typer.Option(
        help="sgd, implicit, gram: regularisation.",
        show_default="0.05; 7.5 / sqrt(users x items); 400",
    ),
    "start": typer.Option(help="sgd: random, or constant as the authors'.", show_default="random"),
    "recency": RECENCY,
    "min_raters": typer.Option(help="Rows of items with fewer raters stay out of the table."),
}


class ChosenSettings:
    """What a person chose of the settings of a training."""

    def __init__(self, chosen: Mapping[str, Any]) -> None:
        self._chosen = dict(chosen)

    def says(self, name: str) -> bool:
        """Whether somebody said what a setting is that depends on others or on the data."""
        return self._chosen[name] is not None

    def checked(self, **others: Any) -> TrainingSettings:
        """Return the settings, with others that the command knows.

        Raises
        ------
        UnknownNameError, SettingsError
            As `TrainingSettings`.
        """
        chosen = self._chosen | others
        if chosen.get("method") is None:
            chosen["method"] = DEFAULT_METHOD
        return TrainingSettings(**chosen)


def takes_settings(
    *, without: Collection[str] = (), **help_texts: str
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command an option for each setting, in place of its parameter ``settings``.

    Parameters
    ----------
    without
        Settings that the command leaves as they are.
    **help_texts
        Setting -> what its help says at this command.
    """
    options = [_parameter(name, help_texts.get(name)) for name in OPTIONS if name not in without]
    return options_for("settings", options, ChosenSettings)


def _parameter(name: str, help_text: str | None) -> inspect.Parameter:
    (field,) = (one for one in fields(TrainingSettings) if one.name == name)
    kind, default = get_type_hints(TrainingSettings)[name], field.default
    if name == "method":
        # Where nobody says it, it depends on the data.
        kind, default = str | None, None
    if default is None and kind is int:
        # Where nobody says how many, they depend on other settings.
        kind = int | None
    option = copy(OPTIONS[name])
    option.help = help_text or option.help
    return inspect.Parameter(
        name,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        default=default,
        annotation=Annotated[kind, option],
    )
