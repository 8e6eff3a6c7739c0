"""What a session, and those who read its messages, have to know of a protection: its traits."""

from __future__ import annotations

from typing import ClassVar

from fedmf.errors import UnknownNameError


class Traits:
    """What distinguishes a protection, before anything is made for it."""

    name: ClassVar[str]
    """Its name in settings and sessions."""
    protects: ClassVar[bool] = True
    """Whether anything is hidden from the server."""
    nonce_bytes: ClassVar[int] = 0
    """Length of the nonce of every upload: 32 where each has a key or masks of its own."""
    names_rows: ClassVar[bool] = False
    """Whether uploads may name the rows that they change, visibly to the server (upload `part`)."""
    has_committee: ClassVar[bool] = False
    """Whether members open sums: the session has their terms, closings hold their proofs, a round
    of nobody is void, and everybody enrols under a charter."""
    has_key: ClassVar[bool] = True
    """Whether a key of the participants has to be kept."""
    has_key_check: ClassVar[bool] = False
    """Whether silos compare a check value of their key, which the session does not name."""
    settings: ClassVar[tuple[str, ...]] = ()
    """Settings of a training that no other protection reads."""
    proof_bytes: ClassVar[int] = 0
    """Bytes of a closing for every upload that it lists, beyond number and nonce."""
    part_bytes: ClassVar[int] = 0
    """Bytes of an upload for every part of the table that travels, beside its values."""

    def server_opens(self, opened_by: str | None) -> bool:
        """Return whether the server reads the table, and hands it out as it reads it.

        Parameters
        ----------
        opened_by
            Who opens a committee's sums; None without a committee.
        """
        del opened_by
        return False


PROTECTIONS: dict[str, Traits] = {}
"""The protections by name; `fedmf.protocol.registry` fills it."""


def traits_of(name: str) -> Traits:
    """Return the traits of the protection of this name; raise UnknownNameError if there is none."""
    if name not in PROTECTIONS:
        raise UnknownNameError.among("protection", name, PROTECTIONS)
    return PROTECTIONS[name]
