"""Every error fedmf raises on purpose, and its number.

The number is the exit status of the command line; ``fedmf error NUMBER`` prints its page, which
lies under ``docs/errors``::

    FedmfError
    ├── DataError              10   ratings that cannot be used as they are
    ├── UnknownNameError       11   a data set, item, user or option nobody knows
    ├── SettingsError          12   settings that cannot work together
    ├── FixedPointRangeError   20   a value outside the declared fixed-point range
    ├── WordSizeError          21   no word size holds the sum of all contributions
    ├── KeyMaterialError       30   a key that is malformed, weak or readable by others
    ├── OpenError              31   a table that does not open under this key
    ├── MessageError           32   bytes that are not a valid message of this session
    ├── ProtocolError          33   a valid message at the wrong moment
    ├── RunDirectoryError      40   a run directory that is missing, taken or inconsistent
    ├── ModelFileError         41   model files that cannot be read
    ├── WorkerError            50   a worker process that died
    └── TransportError         51   a connection between organisations that cannot be made or kept

Messages never contain key material, and name ratings only to the participant who owns them.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar


class FedmfError(Exception):
    """Base of all errors raised on purpose; `number` is exit status and documentation page."""

    number: ClassVar[int] = 1


class DataError(FedmfError):
    """Ratings that cannot be used as they are; the message lists all problems found at once."""

    number = 10


class UnknownNameError(FedmfError):
    """A data set, item, user or option that nobody knows."""

    number = 11

    @classmethod
    def among(cls, what: str, name: object, known: Iterable[object]) -> UnknownNameError:
        """Build the error that names the nearest of the `known` names.

        Parameters
        ----------
        what
            The kind of thing in singular, such as ``"data set"``.
        name
            What was asked for.
        known
            All names that would have been accepted.
        """
        names = [str(one) for one in known]
        # Numbers have no spelling: 31 is nowhere near 32.
        spelled = not str(name).lstrip("-").isdigit()
        near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5) if spelled else []
        if near:
            hint = f"did you mean {near[0]!r}?"
        elif len(names) <= 12:
            hint = f"known: {', '.join(names)}"
        else:
            hint = f"{len(names):,} are known, {names[0]!r} and {names[1]!r} among them"
        return cls(f"unknown {what} {str(name)!r}; {hint}")


class SettingsError(FedmfError):
    """Settings that cannot work, each by itself or together."""

    number = 12


class FixedPointRangeError(FedmfError):
    """A value outside the range that the fixed-point table declares for it."""

    number = 20


class WordSizeError(FedmfError):
    """No word size holds the sum of all contributions."""

    number = 21


class KeyMaterialError(FedmfError):
    """A key that is malformed, too weak, or readable by others."""

    number = 30


class OpenError(FedmfError):
    """A protected table that does not open: wrong key, or damaged on the way."""

    number = 31


class MessageError(FedmfError):
    """Bytes that are not a valid message of this session."""

    number = 32


class ProtocolError(FedmfError):
    """A valid message, or a call, at the wrong moment."""

    number = 33


class RunDirectoryError(FedmfError):
    """A run directory that is missing, taken or inconsistent."""

    number = 40


class ModelFileError(FedmfError):
    """Model files that cannot be read."""

    number = 41


class WorkerError(FedmfError):
    """A worker process that died."""

    number = 50


class TransportError(FedmfError):
    """A connection between organisations that cannot be made or kept."""

    number = 51
