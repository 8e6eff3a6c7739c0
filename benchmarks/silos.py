"""A federation of three silos, its messages carried in one process or by Flower.

The silos have 200 users each and are also the committee. In one process means that coordinator and
silos call each other; over Flower they are `fedmf server` and `fedmf join`, with TLS, on this
machine. Both run with the same ratings, one after the other, and come to the same table::

    python benchmarks/silos.py path/to/ml-latest-small
    python benchmarks/silos.py movielens-small --users 20 --items 500 --rounds 1
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from fedmf.federation import TrainingSettings
from fedmf.federation.enrolment_files import CHARTER, write_enrolment
from fedmf.federation.flower.certificates import make_node_key, make_server_certificate
from fedmf.federation.silos import (
    Coordinator,
    CoordinatorSettings,
    Federation,
    Silo,
    SiloSettings,
)
from fedmf.model import load_model
from fedmf.protocol.enrolment.directory import KeyDirectory
from fedmf.protocol.enrolment.enrolment import Enrolment
from fedmf.protocol.enrolment.personal_keys import PersonalKeys
from fedmf.ratings import Ratings, load_ratings

SILOS = 3
COMMAND = [sys.executable, "-c", "from fedmf.cli.start import main; main()"]


def make_folders(path: Path, ratings: Ratings, settings: TrainingSettings) -> None:
    """Write the folders of a server and its silos, with all keys."""
    owners = np.array_split(np.arange(ratings.n_users), SILOS)
    assert ratings.scale is not None
    federation = Federation.make(
        settings, ratings.item_ids, ratings.scale, [len(codes) for codes in owners]
    )
    server = path / "server"
    server.mkdir(parents=True)
    federation.write(server)
    CoordinatorSettings(seconds=600.0).write(server)
    connection = make_server_certificate(server, ["localhost"])
    connection.silos.mkdir()
    members = [PersonalKeys.fresh("member", f"member {silo}") for silo in range(SILOS)]
    participants = [PersonalKeys.fresh("participant", f"silo {silo}") for silo in range(SILOS)]
    directory = KeyDirectory.convene(
        federation.session,
        [one.bundle() for one in members],
        [one.bundle() for one in participants],
    )
    (server / CHARTER).write_bytes(directory.charter.to_bytes())
    for silo, codes in enumerate(owners):
        folder = path / f"silo-{silo}"
        own = make_node_key(folder)
        shutil.copy(connection.authority, own.authority)
        shutil.copy(own.node_public_key, connection.silos / f"{silo}.pub")
        federation.write(folder)
        SiloSettings(silo, "ratings.csv").write(folder)
        for name, keys in (("participant", participants[silo]), ("member", members[silo])):
            typed = directory.charter.fingerprint
            write_enrolment(folder / name, Enrolment.accept(directory, keys, typed))
        with (folder / "ratings.csv").open("w", newline="", encoding="utf-8") as file:
            lines = csv.writer(file)
            lines.writerow(["user", "item", "rating"])
            for row in np.flatnonzero(np.isin(ratings.users, codes)):
                user, item = ratings.users[row], ratings.items[row]
                lines.writerow(
                    [ratings.user_ids[user], ratings.item_ids[item], ratings.values[row]]
                )


class InProcess:
    """Carries messages by calling."""

    def __init__(self, silos: list[Silo]) -> None:
        self._silos = silos

    def exchange(
        self, requests: Mapping[int, bytes], *, seconds: float
    ) -> Iterator[tuple[int, bytes]]:
        """Carry one message to each of these silos, one after the other."""
        del seconds
        for silo, request in requests.items():
            yield silo, self._silos[silo].respond(request)


def run_in_process(path: Path) -> None:
    """Run all rounds in this process, which ends with it."""
    silos = [Silo.open(path / f"silo-{silo}") for silo in range(SILOS)]
    coordinator = Coordinator.open(path / "server", InProcess(silos))
    coordinator.run()
    coordinator.close()
    for silo in silos:
        silo.close()


def run_over_flower(path: Path) -> dict[str, float]:
    """Run all rounds over Flower; return the peak memory of each process in MB."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port = str(trial.getsockname()[1])
    silos = {
        f"silo {number}": start("join", path / f"silo-{number}", "--server", f"localhost:{port}")
        for number in range(SILOS)
    }
    server = start("server", path / "server", "--port", port)
    peaks: dict[str, float] = {}
    while server.poll() is None:
        children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text("ascii")
        running = {name: one.pid for name, one in silos.items()} | {"server": server.pid}
        for child in children.split()[:1]:
            running["SuperLink"] = int(child)
        for name, process in running.items():
            peaks[name] = max(peaks.get(name, 0.0), peak_megabytes(process))
        time.sleep(0.5)
    assert server.returncode == 0
    for silo in silos.values():
        silo.terminate()
        silo.wait()
    return peaks


def start(command: str, folder: Path, *options: str) -> subprocess.Popen[bytes]:
    """Start a command of fedmf that says nothing."""
    return subprocess.Popen(  # noqa: S603 - our own command line
        [*COMMAND, command, str(folder), *options], stderr=subprocess.DEVNULL
    )


def peak_megabytes(process: int) -> float:
    """Return the most memory that a process has held; 0 if it is gone."""
    try:
        status = Path(f"/proc/{process}/status").read_text("ascii")
    except OSError:
        return 0.0
    held = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
    return int(held[0]) * 1024 / 1e6 if held else 0.0


def learning_rounds(path: Path) -> list[dict[str, float]]:
    """Return the lines of all rounds but the first, which sets up."""
    lines = (path / "server" / "rounds.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines[1:]]


def main() -> None:
    """Measure, and print a line for each way of carrying."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("ratings")
    parser.add_argument("--users", type=int, default=200, help="users of a silo")
    parser.add_argument("--items", type=int, help="items of the catalogue; all unless given")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--factors", type=int, default=16)
    chosen = parser.parse_args()
    ratings = load_ratings(chosen.ratings).take(users=SILOS * chosen.users, items=chosen.items)
    settings = TrainingSettings(
        factors=chosen.factors, rounds=chosen.rounds, committee=SILOS, threshold=2
    )
    print(f"{SILOS} silos, {chosen.users} users each, {ratings.n_items} items, {settings.factors}")
    with tempfile.TemporaryDirectory() as folder:
        here, there = Path(folder) / "here", Path(folder) / "there"
        make_folders(here, ratings, settings)
        shutil.copytree(here, there)
        peaks = run_over_flower(there)
        run_in_process(here)
        peaks["one process"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
        seconds = {}
        for name, path in (("in one process", here), ("over Flower", there)):
            rounds = learning_rounds(path)
            seconds[name] = statistics.median(one["seconds"] for one in rounds)
            out, back = (
                statistics.median(one[way] / 1e6 for one in rounds)
                for way in ("bytes_sent", "bytes_received")
            )
            print(f"{name}: {seconds[name]:.1f} s a round, {out:.1f} MB out, {back:.1f} MB back")
        print(f"ratio: {seconds['over Flower'] / seconds['in one process']:.2f}")
        models = {
            load_model(place / f"silo-{silo}" / "model").item_factors.tobytes()
            for place in (here, there)
            for silo in range(SILOS)
        }
        # What carries must not matter to what is learned.
        assert len(models) == 1
    print("peak memory, MB: " + ", ".join(f"{k} {v:.0f}" for k, v in sorted(peaks.items())))


if __name__ == "__main__":
    main()
