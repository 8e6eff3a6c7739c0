"""The learning methods by name, and how settings become a configured method."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from typing import Any

from fedmf.errors import SettingsError, UnknownNameError
from fedmf.model.bayes import Bayes
from fedmf.model.gram import Gram
from fedmf.model.implicit import Implicit
from fedmf.model.method import Method
from fedmf.model.sgd import Sgd
from fedmf.ratings import RatingScale

METHODS: Mapping[str, type[Method]] = {
    "bayes": Bayes,
    "gram": Gram,
    "implicit": Implicit,
    "sgd": Sgd,
}
FACTS = ("users", "items", "rounds", "sweep", "scale", "factors", "seed")
"""Facts of a federation that a method may use; one that does not need a fact has no such field."""


def configure_method(
    name: str, *, users: int, items: int, scale: RatingScale, **settings: Any
) -> Method:
    """Return the named method for a federation of this size.

    Parameters
    ----------
    settings
        Other facts of the federation, and parameters of the method's class. None stands for the
        default, which may depend on the federation (`Method.defaults`).

    Raises
    ------
    UnknownNameError
        There is no such method.
    SettingsError
        The scale has a single value, which says nothing.
    """
    if name not in METHODS:
        raise UnknownNameError.among("method", name, METHODS)
    if METHODS[name].predicts_ratings and scale.lowest == scale.highest:
        raise SettingsError(
            f"all ratings are {scale.lowest:g}, and method {name} learns from their differences; "
            "use --method implicit, or say the --scale that they are on"
        )
    own = parameters_of(name)
    given = {"users": users, "items": items, "scale": scale, **settings}
    chosen = {
        key: value
        for key, value in given.items()
        if value is not None and (key in own or key not in FACTS)
    }
    return METHODS[name](**{**METHODS[name].defaults(users, items, scale), **chosen})


def parameters_of(name: str) -> frozenset[str]:
    """Return the names of all parameters that a method has."""
    return frozenset(signature(METHODS[name]).parameters)


def restore_method(settings: Mapping[str, Any]) -> Method:
    """Return the method whose `Method.settings` these are.

    Raises
    ------
    SettingsError
        They are not the settings of a method of this version.
    """
    try:
        return configure_method(**{**settings, "scale": RatingScale(**settings["scale"])})
    except (KeyError, TypeError) as error:
        raise SettingsError(
            f"these are not settings of a method that this version knows: {error}"
        ) from error
