"""What certified sets say of everybody's contributions, and so what a next upload means.

Participants, members and the server all count it from the same certificates, and nobody is taken at
its word. Whether somebody's ratings changed, and whether it leaves, only that participant can know.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fedmf.errors import ProtocolError
from fedmf.protocol.committee.upload import Kind

if TYPE_CHECKING:
    from fedmf.protocol.committee.certificate import SetEntry
    from fedmf.protocol.session import Session


@dataclass(frozen=True, slots=True)
class Base:
    """The last closed round whose set held a participant, in one part of the table."""

    round: int
    """Its number."""
    turn: int
    """How many closed rounds the part had travelled in by then."""
    is_learned: bool
    """Whether it came after the set-up."""


class Standings:
    """Keeps, by participant and part of the table, the last round that summed a contribution.

    Parameters
    ----------
    session
        The session, with a committee's terms.
    """

    def __init__(self, session: Session) -> None:
        assert session.committee is not None  # noqa: S101 - protection committee has them
        self._schedule, self._terms = session.schedule, session.committee
        everything = range(len(self._schedule.parts))
        self._at_setup = frozenset(
            self._schedule.setup.numbers if self._terms.setup_rounds else everything
        )
        self._turns = Counter[int]()
        self._bases: dict[int, dict[int, Base]] = {}
        self.closed_rounds = 0
        """Rounds that have closed; void ones do not count."""

    @property
    def _due(self) -> Sequence[int]:
        return self._schedule.load(self.closed_rounds + 1).numbers

    def note(self, round_number: int, uploads: Iterable[SetEntry]) -> None:
        """Note what a round has summed that closed."""
        travelled = self._due
        self.closed_rounds += 1
        is_learned = self.closed_rounds > self._terms.setup_rounds
        self._turns.update(travelled)
        for upload in uploads:
            held = self._bases.setdefault(upload.participant, {})
            for part in travelled:
                if upload.kind == Kind.LEAVE:
                    held.pop(part, None)
                else:
                    held[part] = Base(round_number, self._turns[part], is_learned)
            if not held:
                del self._bases[upload.participant]

    def is_in(self, participant: int) -> bool:
        """Return whether the table holds anything of a participant."""
        return participant in self._bases

    def bases(self, participant: int) -> tuple[int, ...]:
        """Return, for each part that travels next, the last round that held it; 0: none did."""
        held = self._held(participant)
        return tuple(held[part].round if part in held else 0 for part in self._due)

    def kind(self, participant: int) -> Kind:
        """Return what an upload of the next round means, if no rating changed.

        It joins where one of the parts that the set-up sums holds nothing of it; it is a first one
        where another part does, or holds only what the set-up summed. It has been away for long,
        and renews, where the base of a part is more of the part's turns old than an update's.
        """
        held, due = self._held(participant), self._due
        if any(part not in held for part in due if part in self._at_setup):
            return Kind.JOIN
        if any(part not in held or not held[part].is_learned for part in due):
            return Kind.FIRST
        if any(self._age(held[part], part) > self._terms.oldest_base for part in due):
            return Kind.RENEW
        return Kind.UPDATE

    def frozen(self) -> tuple[int, ...]:
        """Return whose contribution stays as it is until enough of them renew theirs together."""
        return tuple(one for one in sorted(self._bases) if self.kind(one) == Kind.RENEW)

    def check(self, participant: int, kind: Kind, bases: tuple[int, ...]) -> None:
        """Check what an upload of the next round says of itself.

        Raises
        ------
        ProtocolError
            It is of another kind, or names other bases, than the certified sets say.
        """
        due = self.kind(participant)
        if bases != self.bases(participant):
            raise ProtocolError("an upload with other bases than t members have certified")
        if kind == Kind.LEAVE:
            fits = any(bases)
        elif kind == Kind.RENEW:
            fits = due != Kind.JOIN
        else:
            fits = kind == due
        if not fits:
            raise ProtocolError(
                f"an upload of kind {kind.name.lower()}, where the sets that t members certified "
                f"make it one of kind {due.name.lower()}"
            )

    def _held(self, participant: int) -> Mapping[int, Base]:
        return self._bases.get(participant, {})

    def _age(self, base: Base, part: int) -> int:
        """Return a base's age in turns of its part: 1 where the last turn held it."""
        return self._turns[part] + 1 - base.turn
