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

from fedmf.benchmarking.machine import this_machine
from fedmf.benchmarking.operations import ADD, LIMIT, OPEN, PROTECT, FloatAdd
from fedmf.benchmarking.peers import PythonPaillier, peer_operations
from fedmf.benchmarking.round_cost import GIGABIT, THE_WHOLE, RoundCost
from fedmf.benchmarking.scheme import FACTORS, Scheme, random_change
from fedmf.federation.rounds import Played
from fedmf.figures import number_text
from fedmf.protocol.session import LEAST_COHORT

ITEMS = (40, 160, 640, 2560)
DIFFERENT_CHANGES = 8
SLICE_ITEMS = 40
OPENERS = 7
"""How many participants open the table, so that there is a median."""
AUTHORS = "phe 1024"
PLAYED = ("committee", "rlwe", "none")


@dataclass(frozen=True)
class Figures:
    """A round."""

    round: RoundCost
    """What it costs, the median participant in the place of the slowest."""
    protect_ns: float
    open_ns: float
    add_ns: float
    """Nanoseconds per value: a participant's upload, its opening of the table, and the server's
    receiving of an upload."""
    limit_ns: float
    """The same of numpy's addition of float32 tables of this size."""
    member_us: float
    """A member of the committee, in microseconds for each participant."""
    all_seconds: float
    """Everybody together."""

    @property
    def iteration(self) -> float:
        """Seconds of an iteration as the authors count it, the network left out."""
        one = self.round
        return one.user_seconds + one.server_seconds + one.member_seconds


def play(scheme: Scheme, items: int, participants: int, logs: Path | None = None) -> Figures:
    """Play a round, after one that builds what lasts for a session."""
    session = scheme.rehearsal(items, participants, openers=OPENERS, logs=logs)
    rng = np.random.default_rng(0)
    made = [random_change(items, rng) for _ in range(DIFFERENT_CHANGES)]
    changes = {number: made[number % DIFFERENT_CHANGES] for number in range(participants)}
    session.play({number: changes[number] for number in range(LEAST_COHORT)})
    return figures(scheme, items, participants, session.play(changes))


def paillier(scheme: Scheme, items: int, participants: int) -> Figures:
    """Play a round of a few participants on a slice of the table."""
    session = scheme.rehearsal(SLICE_ITEMS, participants, uploads=LEAST_COHORT)
    change = random_change(SLICE_ITEMS, np.random.default_rng(0))
    played = session.play(dict.fromkeys(range(LEAST_COHORT), change), warm_up=True)
    return figures(scheme, items, participants, played, times=items / SLICE_ITEMS)


def figures(
    scheme: Scheme, items: int, participants: int, played: Played, times: float = 1.0
) -> Figures:
    """Return the figures of a round, or of one that is `times` as large."""
    values, uploads = items * FACTORS, len(played.protecting)
    checks, opening = played.begin_seconds + played.hear_seconds, played.open_seconds * times
    server = sum(played.receiving) * times * participants / uploads + played.serving_seconds * times
    everybody = sum(played.protecting) * times * participants / uploads
    everybody += participants * (checks + opening) + server + sum(played.members)
    is_slice = times != 1 or uploads != participants
    download = played.opening_bytes + played.closing_bytes + played.table_bytes
    cost = RoundCost.of(
        scheme,
        played,
        items=items,
        users=participants,
        user_seconds=checks + statistics.median(played.protecting) * times + opening,
        server_seconds=server,
        upload_bytes=statistics.median(played.upload_bytes) * times,
        download_bytes=download * times,
        measured_on=f"{SLICE_ITEMS} items, {uploads} participants" if is_slice else THE_WHOLE,
    )
    return Figures(
        cost,
        protect_ns=statistics.median(played.protecting) * times / values * 1e9,
        open_ns=(played.hear_seconds + played.open_seconds) * times / values * 1e9,
        add_ns=statistics.median(played.receiving) * times / values * 1e9,
        limit_ns=limit(values),
        member_us=max(played.members, default=0.0) / uploads * 1e6,
        all_seconds=everybody,
    )


def limit(values: int) -> float:
    """Return nanoseconds per value of numpy's addition, in the same minute."""
    adding = FloatAdd(values)
    return statistics.median(adding.run()[ADD].seconds for _ in range(25)) / values * 1e9


def authors(phe: PythonPaillier, items: int, participants: int) -> Figures:
    """Measure python-paillier on a few values."""
    values = items * FACTORS
    runs = [phe.run() for _ in range(3)]
    protect, add, opening = (
        statistics.median(run[name].seconds for run in runs) / phe.values
        for name in (PROTECT, ADD, OPEN)
    )
    size = runs[0][PROTECT].size / phe.values * values
    cost = RoundCost(
        scheme=AUTHORS,
        items=items,
        users=participants,
        upload="full",
        user_seconds=(protect + opening) * values,
        server_seconds=add * values * participants,
        member_seconds=0.0,
        communication_seconds=2 * size * 8 / GIGABIT,
        upload_bytes=size,
        download_bytes=size,
        extrapolated=True,
        measured_on=f"{phe.values} values",
    )
    return Figures(
        cost,
        protect_ns=protect * 1e9,
        open_ns=opening * 1e9,
        add_ns=add * 1e9,
        limit_ns=limit(values),
        member_us=0.0,
        all_seconds=cost.user_seconds * participants + cost.server_seconds,
    )


def measure(items: list[int], participants: int) -> Iterator[Figures]:
    """Measure all schemes at all sizes."""
    peers = [one for one in peer_operations(FACTORS)[0] if isinstance(one, PythonPaillier)]
    for count in items:
        for protection in PLAYED:
            with tempfile.TemporaryDirectory() as folder:
                logs = Path(folder) if protection == "committee" else None
                yield play(Scheme.fresh(protection), count, participants, logs)
        for bits in (2048, 3072):
            scheme = Scheme.fresh("paillier", f"paillier {bits}", key_bits=bits)
            yield paillier(scheme, count, participants)
        yield from (authors(one, count, participants) for one in peers if one.name == AUTHORS)


def show(rows: list[Figures]) -> None:
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
    beside = {row.round.items: row for row in rows if row.round.scheme == AUTHORS}
    last = 0
    for row in rows:
        cost = row.round
        if last and cost.items != last:
            table.add_section()
        last = cost.items
        peer = beside.get(cost.items)
        table.add_row(
            str(cost.items),
            cost.scheme + ("*" if cost.extrapolated else ""),
            number_text(cost.user_seconds * 1e3),
            number_text(cost.server_seconds),
            number_text(cost.member_seconds * 1e3) if cost.member_seconds else "-",
            number_text(cost.upload_bytes / 1e3),
            number_text(cost.download_bytes / 1e3),
            number_text(row.all_seconds),
            number_text(row.iteration),
            f"{number_text(peer.iteration / row.iteration)} x" if peer else "-",
        )
    console.print(table)
    largest = max(rows, key=lambda row: (row.round.items, row.round.scheme == "committee"))
    for line in goals(largest, beside.get(largest.round.items)):
        console.print(line)
    console.print(f"machine: {this_machine()}")


def goals(row: Figures, peer: Figures | None) -> Iterator[str]:
    """Yield every goal for the committee with what was reached, at the largest size measured."""
    cost = row.round
    values = cost.items * FACTORS
    times = f"limit {LIMIT} {row.limit_ns:.3g} ns"
    yield f"{cost.scheme}, {cost.users} participants, {values:,} values:"
    yield (
        f"  protect, all in       {row.protect_ns:8.1f} ns   goal 18 at 256,000 values   "
        f"({row.protect_ns / row.limit_ns:.0f} times the {times})"
    )
    yield f"  bytes per value       {cost.upload_bytes / values:8.3f}      goal 4.02"
    yield (
        f"  server, an upload     {row.add_ns:8.1f} ns   goal 2 times the limit plus hashing   "
        f"({row.add_ns / row.limit_ns:.0f} times)"
    )
    yield f"  open                  {row.open_ns:8.1f} ns   goal 10"
    yield f"  member, an upload     {row.member_us:8.0f} us   goal 200"
    yield f"  everybody, two cores  {row.all_seconds / 2:8.1f} s    goal 5 (half of all seconds)"
    if peer:
        yield (
            f"  than phe, faster      {peer.iteration / row.iteration:8,.0f} x    goal 10,000 an "
            f"iteration (participant {peer.round.user_seconds / cost.user_seconds:,.0f}, "
            f"server {peer.round.server_seconds / cost.server_seconds:,.0f})"
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
