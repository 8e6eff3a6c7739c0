"""One round of the paper's size with every role's real work: 610 participants, 100 factors.

Every participant protects a change, the server receives every upload, every member of the committee
reviews and answers, and participants open the sum; the changes alone are made up. Times are
processor seconds of one process.

Paillier and python-paillier (phe) in the authors' arrangement, a 1024-bit key and a ciphertext for
each value, are measured on a slice. From there their figures grow linearly with values and with
participants, as their work does; such rows are marked with a star::

    python benchmarks/round.py
    python benchmarks/round.py --items 40 --participants 100 --json
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from fedmf.benchmarking import (
    ADD,
    LIMIT,
    OPEN,
    PROTECT,
    FloatAdd,
    figure,
    peer_schemes,
    played_session,
    random_change,
    this_machine,
)
from fedmf.federation.local.played_round import PlayedRound
from fedmf.protocol.committee_terms import LEAST_COHORT

FACTORS = 100
ITEMS = (40, 160, 640, 2560)
DIFFERENT_CHANGES = 8
SLICE_ITEMS = 40
OPENERS = 7
"""How many participants open the table, so that there is a median."""
AUTHORS = "phe 1024"
PLAYED = ("committee", "rlwe", "none")


@dataclass(frozen=True)
class Measured:
    """A round."""

    scheme: str
    items: int
    participants: int
    """What was measured."""
    extrapolated: bool
    """Whether from a slice."""
    protect_ns: float
    open_ns: float
    add_ns: float
    """Nanoseconds per value: a participant's upload, its opening of the table, and the server's
    receiving of an upload."""
    limit_ns: float
    """The same of numpy's addition of float32 tables of this size."""
    participant_seconds: float
    """The median participant: protect, open, and its checks of the round."""
    server_seconds: float
    """The server for the whole round."""
    member_seconds: float
    member_us: float
    """A member of the committee for the whole round, and in microseconds for each participant."""
    upload_bytes: float
    download_bytes: float
    """Of a participant."""
    all_seconds: float
    """Everybody together."""


def play(scheme: str, items: int, participants: int, logs: Path | None = None) -> Measured:
    """Play a round, after one that builds what lasts for a session."""
    session = played_session(
        scheme, rows=items, participants=participants, openers=OPENERS, logs=logs
    )
    rng = np.random.default_rng(0)
    made = [random_change(items, rng) for _ in range(DIFFERENT_CHANGES)]
    changes = {number: made[number % DIFFERENT_CHANGES] for number in range(participants)}
    session.play({number: changes[number] for number in range(LEAST_COHORT)})
    return measured(scheme, items, participants, session.play(changes))


def measured(
    scheme: str, items: int, participants: int, played: PlayedRound, times: float = 1.0
) -> Measured:
    """Return the figures of a round, or of one that is so many times as large."""
    values = items * FACTORS
    uploads = len(played.protect)
    slice_values = values / times
    checks = played.begin + played.hear
    protect = statistics.median(played.protect) * times
    receive = statistics.median(played.receive) * times
    opening = played.open * times
    own = checks + protect + opening
    server = sum(played.receive) * times * participants / uploads + played.serving * times
    everybody = sum(played.protect) * times * participants / uploads
    everybody += participants * (checks + opening) + server + sum(played.members)
    member = max(played.members, default=0.0)
    return Measured(
        scheme=scheme,
        items=items,
        participants=participants,
        extrapolated=times != 1 or uploads != participants,
        protect_ns=statistics.median(played.protect) / slice_values * 1e9,
        open_ns=(played.hear + played.open) / slice_values * 1e9,
        add_ns=receive / values * 1e9,
        limit_ns=limit(values),
        participant_seconds=own,
        server_seconds=server,
        member_seconds=member,
        member_us=member / uploads * 1e6,
        upload_bytes=statistics.median(played.upload_bytes) * times,
        download_bytes=(played.opening_bytes + played.closing_bytes + played.table_bytes) * times,
        all_seconds=everybody,
    )


def limit(values: int) -> float:
    """Return nanoseconds per value of numpy's addition, in the same minute."""
    adding = FloatAdd(values)
    return statistics.median(adding.run()[ADD].seconds for _ in range(25)) / values * 1e9


def paillier(key_bits: int, items: int, participants: int) -> Measured:
    """Play a round of a few participants on a slice of the table."""
    session = played_session(
        "paillier",
        rows=SLICE_ITEMS,
        participants=participants,
        uploads=LEAST_COHORT,
        key_bits=key_bits,
    )
    change = random_change(SLICE_ITEMS, np.random.default_rng(0))
    changes = dict.fromkeys(range(LEAST_COHORT), change)
    played = session.play(changes, warm_up=True)
    name = f"paillier {key_bits}"
    return measured(name, items, participants, played, times=items / SLICE_ITEMS)


def authors(items: int, participants: int) -> Iterator[Measured]:
    """Measure python-paillier on a few values, if it is installed."""
    values = items * FACTORS
    for scheme in peer_schemes(values)[0]:
        if scheme.name != AUTHORS:
            continue
        runs = [scheme.run() for _ in range(3)]
        each = {
            name: statistics.median(run[name].seconds for run in runs) / scheme.values
            for name in (PROTECT, ADD, OPEN)
        }
        size = runs[0][PROTECT].size / scheme.values * values
        own = (each[PROTECT] + each[OPEN]) * values
        server = each[ADD] * values * participants
        yield Measured(
            scheme=AUTHORS,
            items=items,
            participants=participants,
            extrapolated=True,
            protect_ns=each[PROTECT] * 1e9,
            open_ns=each[OPEN] * 1e9,
            add_ns=each[ADD] * 1e9,
            limit_ns=limit(values),
            participant_seconds=own,
            server_seconds=server,
            member_seconds=0.0,
            member_us=0.0,
            upload_bytes=size,
            download_bytes=size,
            all_seconds=own * participants + server,
        )


def measure(items: list[int], participants: int) -> Iterator[Measured]:
    """Measure all schemes at all sizes."""
    for count in items:
        for scheme in PLAYED:
            with tempfile.TemporaryDirectory() as folder:
                logs = Path(folder) if scheme == "committee" else None
                yield play(scheme, count, participants, logs)
        for key_bits in (2048, 3072):
            yield paillier(key_bits, count, participants)
        yield from authors(count, participants)


def show(rows: list[Measured]) -> None:
    """Print the table, and the goals beside what was reached."""
    console = Console(width=120, highlight=False)
    table = Table(title="A round; * from a slice", title_justify="left", box=box.SIMPLE_HEAD)
    for heading in ("items", "scheme"):
        table.add_column(heading, no_wrap=True)
    for heading in (
        "user ms",
        "server s",
        "member ms",
        "kB up",
        "kB down",
        "all s",
        "iteration",
        "than phe",
    ):
        table.add_column(heading, justify="right")
    beside = {row.items: row for row in rows if row.scheme == AUTHORS}
    last = 0
    for row in rows:
        if last and row.items != last:
            table.add_section()
        last = row.items
        peer = beside.get(row.items)
        table.add_row(
            str(row.items),
            row.scheme + ("*" if row.extrapolated else ""),
            figure(row.participant_seconds * 1e3),
            figure(row.server_seconds),
            figure(row.member_seconds * 1e3) if row.member_seconds else "-",
            figure(row.upload_bytes / 1e3),
            figure(row.download_bytes / 1e3),
            figure(row.all_seconds),
            figure(iteration(row)),
            f"{figure(iteration(peer) / iteration(row))} x" if peer else "-",
        )
    console.print(table)
    largest = max(rows, key=lambda row: (row.items, row.scheme == "committee"))
    for line in goals(largest, beside.get(largest.items)):
        console.print(line)
    console.print(f"machine: {this_machine()}")


def iteration(row: Measured) -> float:
    """Return the seconds of an iteration as the authors count it, plus a member where there is one.

    Participants work side by side, so one of them counts, and so does one member.
    """
    return row.participant_seconds + row.server_seconds + row.member_seconds


def goals(row: Measured, peer: Measured | None) -> Iterator[str]:
    """Yield every goal for the committee with what was reached, at the largest size measured."""
    values = row.items * FACTORS
    times = f"limit {LIMIT} {row.limit_ns:.3g} ns"
    yield f"{row.scheme}, {row.participants} participants, {values:,} values:"
    yield (
        f"  protect, all in       {row.protect_ns:8.1f} ns   goal 18 at 256,000 values   "
        f"({row.protect_ns / row.limit_ns:.0f} times the {times})"
    )
    yield f"  bytes per value       {row.upload_bytes / values:8.3f}      goal 4.02"
    yield (
        f"  server, an upload     {row.add_ns:8.1f} ns   goal 2 times the limit plus hashing   "
        f"({row.add_ns / row.limit_ns:.0f} times)"
    )
    yield f"  open                  {row.open_ns:8.1f} ns   goal 10"
    yield f"  member, an upload     {row.member_us:8.0f} us   goal 200"
    yield f"  everybody, two cores  {row.all_seconds / 2:8.1f} s    goal 5 (half of all seconds)"
    if peer:
        yield (
            f"  than phe, faster      {iteration(peer) / iteration(row):8,.0f} x    goal 10,000 an "
            f"iteration (participant {peer.participant_seconds / row.participant_seconds:,.0f}, "
            f"server {peer.server_seconds / row.server_seconds:,.0f})"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--items", type=int, nargs="+", default=ITEMS)
    parser.add_argument("--participants", type=int, default=610)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args()
    rows = list(measure(options.items, options.participants))
    if options.json:
        document = {"machine": asdict(this_machine()), "rounds": [asdict(row) for row in rows]}
        print(json.dumps(document, indent=1))
    else:
        show(rows)


if __name__ == "__main__":
    main()
