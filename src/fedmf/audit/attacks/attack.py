"""What all attacks on played runs have in common: `attempt` what was seen allows, then `judge`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from fedmf.audit.observables import Observables
    from fedmf.audit.row import Aim, Row
    from fedmf.audit.truth import Truth

Found = TypeVar("Found")


class Attack(ABC, Generic[Found]):
    """One way to learn something about participants.

    Anything else that an attack needs, such as what was seen of another session, it is made with.
    """

    aim: Aim

    @abstractmethod
    def attempt(self, seen: Observables, victims: Sequence[int]) -> Found:
        """Return what an adversary finds out.

        Parameters
        ----------
        seen
            What the adversary has in hand: nothing else may be used.
        victims
            Participants that do not work with it, and whose ratings it wants.
        """

    @abstractmethod
    def judge(self, seen: Observables, found: Found, truth: Truth, *, setting: str = "") -> Row:
        """Compare with the truth: name the sample and the chance level, and never say "secure".

        Parameters
        ----------
        setting
            The circumstances, for the row of results.
        """
