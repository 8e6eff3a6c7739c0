"""The learning methods by name, and how settings become a configured method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fedmf.errors import SettingsError, UnknownNameError
from fedmf.model.method import Method
from fedmf.model.sgd import Sgd, default_learning_rate
from fedmf.ratings import RatingScale

METHODS = ("sgd",)


def configure_method(
    name: str,
    *,
    users: int,
    scale: RatingScale,
    learning_rate: float | None = None,
    **settings: Any,
) -> Method:
    """Return the named method for a federation of this size.

    Parameters
    ----------
    users
        All users of the federation.
    scale
        The public rating scale.
    learning_rate
        None: the method's own default for so many users and this scale.
    settings
        The other parameters of the method's class, such as `fedmf.model.sgd.Sgd`.

    Raises
    ------
    UnknownNameError
        There is no such method.
    """
    if name not in METHODS:
        raise UnknownNameError.among("method", name, METHODS)
    if learning_rate is None:
        learning_rate = default_learning_rate(users, scale)
    return Sgd(users=users, scale=scale, learning_rate=learning_rate, **settings)


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
