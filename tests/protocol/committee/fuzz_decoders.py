"""Damaged bytes for every decoder, by a seed; by hand for longer: see `main`.

python -m tests.protocol.committee.fuzz_decoders SECONDS SEED
"""

from __future__ import annotations

import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from fedmf.federation.settings import TrainingSettings
from fedmf.federation.silos.federation import Federation
from fedmf.federation.silos.messages import Bundle
from fedmf.protocol import ClosingMessage, TableMessage, UploadMessage
from fedmf.protocol.committee.opening import OpeningMessage
from fedmf.protocol.enrolment.roster_chain import roster_from_document, roster_to_document
from fedmf.protocol.messages import CommitteeMessage, SessionMessage, frame
from fedmf.ratings import RatingScale
from tests.protocol.committee.test_malformed_bytes import (
    DECODERS,
    MESSAGES,
    REFUSED,
    body_of,
    recorded,
    valid,
)

Decoder = Callable[[bytes], object]
NUMBERS = [0, 1, 2, 255, 2**16, 2**31 - 1, 2**31, 2**32 - 1]
TOKENS = [
    b"[",
    b"]",
    b"{",
    b"}",
    b",",
    b"0",
    b"-1",
    b"1e999",
    b"null",
    b'""',
    b"\\u0000",
    b"9" * 40,
]


@dataclass(frozen=True)
class Target:
    """A decoder, with valid bytes for it."""

    valid: bytes
    read: Decoder
    framed: int | None = None
    """Kind of the message whose body the bytes are; None where they are sent as they are."""

    def sent(self, data: bytes) -> bytes:
        """Return bytes as they arrive."""
        if self.framed is None:
            return data
        return frame(recorded().world.session, self.framed, 2, data)


def targets() -> dict[str, Target]:
    """Return all decoders by name."""
    world = recorded().world
    session, charter = world.session, world.charter
    found = {name: Target(valid(name), read) for name, read in DECODERS.items()}
    federation = Federation.make(
        TrainingSettings(protection="none"), ["a", "b", "c"], RatingScale(1, 5), [3, 3, 3]
    )
    found["federation"] = Target(federation.to_bytes(), Federation.from_bytes)
    found["roster document"] = Target(
        roster_to_document(recorded().roster, charter),
        partial(roster_from_document, charter=charter),
    )
    found["silo bundle"] = Target(bytes(16), Bundle.from_bytes)
    others: list[tuple[type[SessionMessage], bytes]] = [
        (TableMessage, recorded().table),
        (UploadMessage, recorded().upload),
        (ClosingMessage, recorded().closing),
    ]
    for one, whole in others:
        read = partial(one.from_bytes, session=session)
        found[one.__name__] = Target(body_of(whole), read, one.KIND)
    committees: list[type[CommitteeMessage]] = [*MESSAGES, OpeningMessage]
    for said in committees:
        found[said.__name__] = Target(
            body_of(recorded().said[said.KIND]),
            partial(said.from_bytes, charter=charter),
            said.KIND,
        )
    return found


def damaged(luck: random.Random, whole: bytes) -> bytes:
    """Return what may become of some bytes."""
    data = bytearray(whole)
    for _ in range(luck.randint(1, 4)):
        at = luck.randrange(len(data) + 1)
        how = luck.randrange(7)
        if how == 0 and at < len(data):
            data[at] ^= 1 << luck.randrange(8)
        elif how == 1:
            data[at : at + 4] = luck.choice(NUMBERS).to_bytes(4, "little")
        elif how == 2:
            del data[at : at + luck.choice([1, 4, 32, 1000])]
        elif how == 3:
            data[at:at] = luck.randbytes(luck.randint(1, 40))
        elif how == 4:
            data[at:at] = data[at : at + 64] * luck.choice([1, 1, 2, 100])
        elif how == 5:
            data[at : at + luck.choice([0, 1, 4])] = luck.choice(TOKENS)
        else:
            del data[at:]
    return bytes(data)


def fuzz(seed: int, *, seconds: float = 1e9, each: int = 2**62) -> Counter[str]:
    """Damage bytes until the time or the number for each decoder is over.

    Returns
    -------
    Counter
        How often each decoder read and refused. Any other error ends it.
    """
    luck = random.Random(seed)  # noqa: S311 - a seed that can be repeated is the point
    counts, until = Counter[str](), time.monotonic() + seconds
    of_all = targets()
    for _ in range(each):
        for name, one in of_all.items():
            data = one.sent(damaged(luck, one.valid))
            try:
                one.read(data)
                counts[f"{name}: read"] += 1
            except REFUSED:
                counts[f"{name}: refused"] += 1
            except BaseException:
                sys.stderr.write(f"{name} fails at {data.hex()}\n")
                raise
        if time.monotonic() > until:
            break
    return counts


def main() -> None:
    """Fuzz for so many seconds, from a seed, with 2 GiB of addresses; print what was counted."""
    seconds, seed = float(sys.argv[1]), int(sys.argv[2])
    targets()
    resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    counts = fuzz(seed, seconds=seconds)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    lines = [f"{count:9} {name}" for name, count in sorted(counts.items())]
    lines.append(f"{counts.total():9} in all; at most {before} MB before, {after} MB after")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
