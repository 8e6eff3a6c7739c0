"""A participant, one user or a silo of many: where the learning and the secrecy wing meet.

`Participant.take_part` is the walk of one rating, from the downloaded table to the upload.
"""

from __future__ import annotations

from dataclasses import dataclass

from fedmf.errors import FixedPointRangeError
from fedmf.federation.table_codec import TableCodec, difference
from fedmf.model import FloatArray, Method
from fedmf.protocol import (
    Change,
    ClosingMessage,
    ParticipantRole,
    Rows,
    TableMessage,
    UploadMessage,
)
from fedmf.ratings import OwnedRatings


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class ParticipantState:
    """What a participant keeps on its own disk between rounds. Private.

    Parameters
    ----------
    user_factors
        The user vectors as of the last round that included the participant, shape (users, d).
    contribution
        Its contribution as of that round, as integers; None before the first.
    """

    user_factors: FloatArray
    contribution: Change | None


class Participant:
    """Owns ratings and user vectors, and takes part in rounds.

    Parameters
    ----------
    role
        Speaks the protocol for this participant.
    method
        The learning method.
    codec
        Fixed point of the federation.
    ratings
        What the participant owns.
    state
        From a checkpoint; None at the start.
    """

    def __init__(
        self,
        role: ParticipantRole,
        method: Method,
        codec: TableCodec,
        ratings: OwnedRatings,
        state: ParticipantState | None = None,
    ) -> None:
        self._role = role
        self._method = method
        self._codec = codec
        self._ratings = ratings
        self.state = state or ParticipantState(method.start_user_factors(ratings.users), None)
        self._pending: ParticipantState | None = None

    def take_part(self, message: TableMessage) -> UploadMessage:
        """Return this round's upload; the participant itself changes only when it is included.

        Raises
        ------
        FixedPointRangeError
            The contribution is out of range, as with a learning rate that is too high. Nothing
            has been protected.
        ProtocolError, MessageError, OpenError
            The table is not the one that is due, or does not open.
        """
        opened = self._role.receive_table(message, self.rows_needed())
        item_factors = self._method.decode(self._codec.decode_table(opened))
        previous = self.state.contribution
        step = self._method.participant_step(
            item_factors,
            self._ratings,
            self.state.user_factors,
            None if previous is None else self._codec.decode_contribution(previous),
        )
        try:
            contribution = self._codec.encode_contribution(
                step.contribution, len(self._ratings.users)
            )
        except FixedPointRangeError as error:
            raise FixedPointRangeError(
                f"training diverges at participant {self._role.number}; lower the learning rate "
                f"({error})"
            ) from error
        upload = self._role.upload(difference(contribution, previous))
        self._pending = ParticipantState(step.user_factors, contribution)
        return upload

    def settle(self, message: ClosingMessage) -> bool:
        """Hear the closing of a round: keep what was included, forget what was not."""
        included = self._role.receive_closing(message)
        if included and self._pending is not None:
            self.state = self._pending
        self._pending = None
        return included

    def rows_needed(self) -> Rows:
        """Return the rows that this participant has to open for its step."""
        needed = self._method.rows_needed(self._ratings)
        return [needed[group.name] for group in self._codec.shape.groups]
