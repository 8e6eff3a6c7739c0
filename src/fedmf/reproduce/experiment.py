"""The paper's evaluation from beginning to end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from fedmf.benchmarking.peers import Missing
from fedmf.benchmarking.round_cost import RoundCost
from fedmf.benchmarking.scheme import Scheme
from fedmf.ratings import Ratings
from fedmf.reproduce.accuracy import ITERATIONS, LossCurve, train_curves
from fedmf.reproduce.authors_arrangement import AuthorsCosts, authors_costs
from fedmf.reproduce.iteration import measure_iteration
from fedmf.reproduce.published import DATA, POOLED, Finding, Target, published
from fedmf.reproduce.setting import AUTHORS_DATA, Source, all_schemes

SETTING, BY_ITEMS, BY_USERS = "setting", "items", "users"
"""Sections: the setting of the loss curves, time against items, time against users."""
PROBE_BITS, PROBES = 3072, 4


@dataclass(frozen=True, slots=True)
class Extent:
    """How much of the evaluation to run."""

    items: tuple[int, ...]
    users: tuple[int, ...]
    """Numbers of items and of users, one of which varies at a time."""
    slice_items: int
    """Rows of the table that Paillier is measured on."""
    trained: tuple[tuple[str, str], ...]
    """Schemes and upload modes that are trained for all iterations."""
    iterations: int
    """How many."""
    length: float
    """Seconds that it took where `probe_seconds` was one second; what a run takes is foretold
    from this."""
    at_users: int = 610
    at_items: int = 2000
    """How many users there are while the items vary, and items while the users do."""

    def foretold_seconds(self) -> float:
        """Return about how long a run takes on this machine, as busy as it is now."""
        return self.length * probe_seconds()


FULL = Extent(
    items=(40, 80, 160, 320, 640, 1280, 2560),
    users=(100, 200, 300, 400, 500, 610),
    slice_items=40,
    trained=(
        ("paillier 1024", "full"),
        ("paillier 1024", "part"),
        ("rlwe", "full"),
        ("committee", "full"),
    ),
    iterations=ITERATIONS,
    length=1600.0,
)
QUICK = Extent(
    items=(40, 160, 640, 2560),
    users=(100, 300),
    slice_items=20,
    trained=(("rlwe", "full"),),
    iterations=ITERATIONS,
    length=280.0,
)


@dataclass(frozen=True, slots=True)
class Timing:
    """An iteration's cost, and where it belongs."""

    section: str
    """`SETTING`, `BY_ITEMS` or `BY_USERS`."""
    measured: RoundCost
    """What it cost here."""
    phe_seconds: float | None
    """What python-paillier takes here in the authors' arrangement, from a slice; None where it is
    not installed."""

    @property
    def times_faster_than_phe(self) -> float | None:
        """How many times as long python-paillier takes, in the same run."""
        if self.phe_seconds is None:
            return None
        return self.phe_seconds / self.measured.iteration_seconds


@dataclass(frozen=True, slots=True)
class Reproduction:
    """What came out."""

    findings: list[Finding] = field(default_factory=list)
    """Published figures with ours and a verdict."""
    rows: list[Timing] = field(default_factory=list)
    """All iterations that were measured."""
    curves: list[LossCurve] = field(default_factory=list)
    """All trainings."""
    left_out: list[Missing] = field(default_factory=list)
    """What could not be compared, and why."""
    seconds: float = 0.0
    """Wall time."""


class Experiment:
    """Runs the evaluation; of all schemes with fresh keys, unless others are given."""

    def __init__(
        self,
        source: Source,
        extent: Extent,
        *,
        told: Callable[[str], None] = lambda _: None,
        schemes: Sequence[Scheme] | None = None,
    ) -> None:
        self._source = source
        self._extent = extent
        self._told = told
        self._schemes = list(schemes) if schemes is not None else all_schemes()
        self._phe = authors_costs()

    def run(self) -> Reproduction:
        """Run all sections, one after the other."""
        start = time.perf_counter()
        found = Reproduction()
        if isinstance(self._phe, Missing):
            found.left_out.append(self._phe)
        self._accuracy(found)
        for section, ratings in self._settings(found):
            if section != SETTING:
                found.findings.extend(self._data(ratings))
            for measured in self._iterations(section, ratings):
                phe = self._phe
                beside = (
                    phe.iteration_seconds(ratings, measured.upload)
                    if isinstance(phe, AuthorsCosts)
                    else None
                )
                found.rows.append(Timing(section, measured, beside))
                found.findings.extend(_times(measured))
        return replace(found, seconds=time.perf_counter() - start)

    def _accuracy(self, found: Reproduction) -> None:
        training, heldout = self._source.published_setting()
        named = {scheme.name: scheme for scheme in self._schemes}
        runs = [(named[name], upload) for name, upload in self._extent.trained]
        found.curves.extend(
            train_curves(
                runs, training, heldout, iterations=self._extent.iterations, told=self._told
            )
        )
        if self._source.is_the_authors and self._extent.iterations == ITERATIONS:
            found.findings.extend(_losses(found.curves))
            trained = {curve.upload for curve in found.curves}
            found.left_out.extend(
                Missing(target.name, "not part of a quick run; run without --quick")
                for target in published().targets
                if target.quantity in ("loss", "loss_distance", "rmse")
                and target.upload not in trained
            )
        else:
            reason = (
                f"these ratings are not {AUTHORS_DATA} of September 2018, to which the published "
                "losses belong; name its folder with --data"
            )
            found.left_out.append(Missing("published losses and RMSE", reason))

    def _settings(self, found: Reproduction) -> Iterator[tuple[str, Ratings]]:
        """Yield the ratings of every setting that these ratings are large enough for."""
        yield SETTING, self._source.published_setting()[0]
        extent = self._extent
        sizes = [(BY_ITEMS, items, extent.at_users) for items in extent.items]
        sizes += [(BY_USERS, extent.at_items, users) for users in extent.users]
        ratings = self._source.ratings
        for section, items, users in sizes:
            if items > ratings.n_items or users > ratings.n_users:
                reason = f"the ratings have {ratings.n_items} items and {ratings.n_users} users"
                found.left_out.append(Missing(f"{items} items, {users} users", reason))
            else:
                # Users without any of these ratings take part all the same.
                yield section, ratings.take(users=users, items=items, min_ratings=0)

    def _iterations(self, section: str, ratings: Ratings) -> Iterator[RoundCost]:
        for scheme in self._schemes:
            for upload in ("full", "part") if scheme.is_paillier else ("full",):
                self._told(
                    f"{ratings.n_items} items, {ratings.n_users} users, {scheme.name}, {upload}"
                )
                slice_items = self._extent.slice_items
                whole = section == SETTING or not scheme.is_paillier
                yield measure_iteration(
                    scheme, ratings, upload, slice_items=None if whole else slice_items
                )

    def _data(self, ratings: Ratings) -> Iterator[Finding]:
        if self._source.is_the_authors:
            for target in _targets(("ratings",), ratings.n_items, ratings.n_users, DATA):
                yield Finding(target, DATA, len(ratings))


def probe_seconds() -> float:
    """Return how long a few modular exponentiations take: what most of a run consists of."""
    modulus = (1 << PROBE_BITS) - 1
    start = time.perf_counter()
    for base in range(3, 3 + PROBES):
        pow(base, modulus - 2, modulus)
    return time.perf_counter() - start


def _times(measured: RoundCost) -> Iterator[Finding]:
    ours = {
        "iteration": measured.iteration_seconds,
        "server_share": measured.server_share,
        "communication": measured.communication_seconds,
    }
    for target in _targets(ours, measured.items, measured.users, measured.upload):
        figure = ours[target.quantity]
        yield Finding(target, measured.scheme, figure, measured.extrapolated)


def _losses(curves: Sequence[LossCurve]) -> Iterator[Finding]:
    regular = next(curve for curve in curves if curve.upload == POOLED)
    for curve in curves:
        ours = {
            "loss": curve.losses[-1],
            "loss_distance": curve.distance(published().curves[curve.upload]),
            "rmse": curve.rmse,
            "rmse_gap": curve.rmse - regular.rmse,
        }
        for target in published().targets:
            if target.quantity in ours and target.upload == curve.upload:
                yield Finding(target, curve.scheme, ours[target.quantity])


def _targets(
    quantities: Sequence[str] | dict[str, float], items: int, users: int, upload: str
) -> Iterator[Target]:
    for target in published().targets:
        if (
            target.quantity in quantities
            and (target.items, target.users) == (items, users)
            and target.upload == upload
        ):
            yield target
