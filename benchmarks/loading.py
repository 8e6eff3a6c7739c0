"""How fast a large file of ratings loads, and in how much memory, beside polars.

``python -m benchmarks.loading --ratings 25e6`` writes a synthetic CSV file in the shape of
MovieLens, and loads it in processes of their own, several times in turn.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

RATINGS_OF_A_USER, ITEMS = 150, 59_999
LOADERS = {
    "fedmf": "from fedmf.ratings import load_ratings\nload = load_ratings",
    "polars": "import polars\nload = polars.read_csv",
}
PROGRAM = """
import json, resource, sys, time
{loader}
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
began = time.perf_counter()
found = load(sys.argv[1])
seconds = time.perf_counter() - began
most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([seconds, most * 1024, len(found)]))
"""


def write_ratings(path: Path, count: int) -> None:
    """Write a file of synthetic ratings, each pair once, users after each other."""
    rng = np.random.default_rng(1)
    users = count // RATINGS_OF_A_USER
    catalogue = rng.permutation(ITEMS) + 1
    own = np.arange(RATINGS_OF_A_USER)
    with pa.OSFile(str(path), "wb") as file:
        schema = pa.schema(
            [(name, pa.int64()) for name in ("userId", "movieId")]
            + [("rating", pa.float64()), ("timestamp", pa.int64())]
        )
        with pyarrow.csv.CSVWriter(file, schema) as writer:
            for first in range(0, users, 10_000):
                some = np.arange(first, min(users, first + 10_000))
                places = rng.integers(0, ITEMS, len(some))[:, None] + own**2 // 3 + own
                cells = len(some) * RATINGS_OF_A_USER
                columns = [
                    np.repeat(some + 1, RATINGS_OF_A_USER),
                    catalogue[places.reshape(-1) % ITEMS],
                    rng.integers(1, 11, cells) / 2,
                    rng.integers(800_000_000, 1_600_000_000, cells),
                ]
                writer.write_table(pa.table(columns, schema=schema))


def measured(loader: str, path: Path) -> tuple[float, int]:
    """Return seconds, and the most memory of a process that loads the file."""
    program = PROGRAM.format(loader=LOADERS[loader])
    ran = subprocess.run(  # noqa: S603
        [sys.executable, "-c", program, str(path)], check=True, capture_output=True, text=True
    )
    seconds, memory, _ = json.loads(ran.stdout)
    return seconds, memory


def main() -> None:
    """Measure, and print a line a loader."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ratings", type=float, default=1e6)
    parser.add_argument("--repeats", type=int, default=3)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ratings.csv"
        write_ratings(path, int(chosen.ratings))
        print(f"{int(chosen.ratings):,} ratings, {path.stat().st_size / 1e6:,.0f} MB of CSV")
        found: dict[str, list[tuple[float, int]]] = {loader: [] for loader in LOADERS}
        for _ in range(chosen.repeats):
            for loader, figures in found.items():
                figures.append(measured(loader, path))
    seconds = {}
    for loader, figures in found.items():
        seconds[loader] = statistics.median(one for one, _ in figures)
        memory = max(one for _, one in figures)
        print(f"{loader}: {seconds[loader]:.2f} s, {memory / 1e9:.2f} GB at most")
    print(f"speed beside polars: {seconds['polars'] / seconds['fedmf']:.2f}")


if __name__ == "__main__":
    main()
