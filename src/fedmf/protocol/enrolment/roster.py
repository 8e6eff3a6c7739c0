"""A roster: which participants there are, in one version of the list."""

from __future__ import annotations

from dataclasses import dataclass

from fedmf.crypto.signatures import PUBLIC_KEY_BYTES, check_public_signature_key
from fedmf.errors import KeyMaterialError, MessageError, ProtocolError, SettingsError
from fedmf.protocol.framing import BodyReader, sized, u32

MOST_READER_KEY_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Roster:
    """One version of the list of participants.

    Raises
    ------
    SettingsError
        A version below 1, or no reader key.
    KeyMaterialError
        A key that is not valid.
    """

    version: int
    """From 1; version 1 stands in the charter."""
    keys: tuple[bytes | None, ...]
    """The participants' public signature keys by their numbers; None for a number whose owner has
    left. Later versions append: a number never goes to anybody else, because what is known of a
    number, above all what it has contributed, belongs to its first owner."""
    reader_key: bytes
    """Public envelope key whose secret half the participants of this version share. It changes with
    every version, so that those who have left read nothing that comes after."""

    def __post_init__(self) -> None:
        if self.version < 1:
            raise SettingsError(f"roster versions count from 1, this is {self.version}")
        for key in self.keys:
            if key is not None:
                check_public_signature_key(key)
        if not 1 <= len(self.reader_key) <= MOST_READER_KEY_BYTES:
            raise SettingsError("a roster has a reader key")

    def key_of(self, participant: int) -> bytes:
        """Return a participant's public signature key.

        Raises
        ------
        ProtocolError
            The roster does not list the participant.
        """
        key = self.keys[participant] if participant < len(self.keys) else None
        if key is None:
            raise ProtocolError(
                f"participant {participant} is not in version {self.version} of the roster"
            )
        return key

    def to_bytes(self) -> bytes:
        """Return the roster as bytes."""
        keys = [b"\0" * PUBLIC_KEY_BYTES if key is None else key for key in self.keys]
        return b"".join([u32(self.version), sized(self.reader_key), u32(len(keys)), *keys])

    @classmethod
    def read(cls, reader: BodyReader, *, most_participants: int) -> Roster:
        """Read a roster out of a body; raise MessageError if there is none."""
        version = reader.number()
        reader_key = reader.sized(at_most=MOST_READER_KEY_BYTES)
        keys = [
            reader.take(PUBLIC_KEY_BYTES) for _ in range(reader.count(at_most=most_participants))
        ]
        try:
            return cls(version, tuple(key if any(key) else None for key in keys), reader_key)
        except (SettingsError, KeyMaterialError) as error:
            raise MessageError(str(error)) from error
