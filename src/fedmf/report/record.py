"""The record of the run: every round, who was missing, what was set, and what to read on."""

from __future__ import annotations

import math
from pathlib import Path

from fedmf.federation import RoundRecord
from fedmf.figures import bytes_text, measure_text, seconds_text
from fedmf.markup import Markup, element, facts, joined, table
from fedmf.report.reading import Run

READ_ON = (
    ("explanation/protections.md", "what each protection hides, and from whom"),
    ("limitations.md", "what fedmf does not do, said plainly"),
    ("explanation/architecture.md", "the walk of one rating"),
    ("reference/run-directory.md", "the files that this page was made from"),
    ("benchmarks.md", "what protection costs at other sizes"),
)
PAPER = "https://arxiv.org/abs/1906.05108"
UNSET = {
    "cohort": "all participants",
    "silos": "none: every user is a participant",
    "learning_rate": "from users and scale",
    "reg": "0.05",
    "start": "random",
    "download_bits": "exact",
}


def rounds(run: Run) -> Markup:
    """Return the section with a row for every round."""
    if not run.rounds and run.setup is None:
        return element("p", "No round is over yet.")
    records = [*([run.setup] if run.setup is not None else []), *run.rounds]
    has_members = any(math.isfinite(one.member_seconds_median) for one in records)
    headings = ["round", "RMSE", "MAE", "training loss", "participant", "slowest", "server"]
    headings += [*(["member"] * has_members), "up", "down", "included", "missing", "void before"]
    listed = table(
        "Figures of every round",
        headings,
        [_row(one, has_members=has_members) for one in records],
        numbers=range(1, len(headings)),
        style="figures",
    )
    return joined(element("p", _missing(run, records)), listed)


def settings(run: Run) -> Markup:
    """Return the section on settings, data and versions."""
    chosen = [
        (name.replace("_", " "), _setting(name, value))
        for name, value in run.settings.as_json().items()
        if name not in run.settings.unread
    ]
    return element(
        "div",
        element("div", element("h3", "Training"), facts(chosen)),
        element("div", element("h3", "Data"), facts(_data(run))),
        element("div", element("h3", "Versions and machine"), facts(_machine(run))),
        class_="columns",
    )


def _data(run: Run) -> list[tuple[str, str]]:
    data = run.data
    # The folder that a file lay in is nobody's business.
    pairs = [("source", Path(data.source).name)]
    if data.users is not None:
        pairs.append(("users taken", f"the first {data.users:,}"))
    if data.items is not None:
        pairs.append(("items taken", f"the {data.items:,} most rated"))
    pairs += [
        ("share held out", f"{data.holdout:g}"),
        ("split", data.split),
        ("seed of the split", str(data.seed)),
    ]
    if run.result is not None:
        pairs += [
            (name.replace("_", " "), _setting(name, value))
            for name, value in run.result.dataset.items()
        ]
    return pairs


def _machine(run: Run) -> list[tuple[str, str]]:
    pairs = [("fedmf", run.fedmf_version)]
    if run.result is None:
        return pairs
    machine = dict(run.result.machine)
    versions = dict(machine.pop("versions", {}))
    known = {**versions, **machine, "whole command": seconds_text(run.result.seconds)}
    return pairs + [(name, str(value)) for name, value in known.items() if name != "fedmf"]


def read_on() -> Markup:
    """Return the section on what to read and do next."""
    pages = [element("li", element("code", path), f": {about}") for path, about in READ_ON]
    paper = element("a", "Secure Federated Matrix Factorization (arXiv 1906.05108)", href=PAPER)
    return joined(
        element("p", "The paper: ", paper, "."),
        element("p", "In the folder ", element("code", "docs"), " of fedmf's source:"),
        element("ul", *pages),
        element(
            "p",
            "In the folder of the run directory: ",
            element("code", "fedmf evaluate DIR"),
            " measures with intervals, ",
            element("code", "fedmf recommend DIR --user ID"),
            " recommends.",
        ),
    )


def _row(one: RoundRecord, *, has_members: bool) -> list[str]:
    return [
        str(one.round) if one.round else "set-up",
        measure_text(one.rmse),
        measure_text(one.mae),
        measure_text(one.training_loss),
        seconds_text(one.participant_seconds_median),
        seconds_text(one.participant_seconds_max),
        seconds_text(one.server_seconds),
        *([seconds_text(one.member_seconds_median)] * has_members),
        bytes_text(one.upload_bytes_median),
        bytes_text(one.download_bytes_median),
        f"{one.included:,}",
        f"{one.dropped:,}",
        f"{one.void_before:,}",
    ]


def _missing(run: Run, records: list[RoundRecord]) -> str:
    void = sum(one.void_before for one in records)
    dropped = sum(one.dropped for one in records)
    short = sum(one.dropped > 0 for one in records)
    if not void and not dropped:
        return (
            f"All {len(records)} rounds counted, the set-up included, and nobody was missing."
            if run.setup is not None
            else f"All {len(records)} rounds counted, and nobody was missing."
        )
    return (
        f"{_count(void, 'round')} ended void and {'was' if void == 1 else 'were'} played again. "
        f"{_count(dropped, 'upload')} of the cohorts did not count, in {_count(short, 'round')}; "
        f"{sum(one.waiting for one in records):,} of them waited for a lot. "
        f"{_count(records[-1].frozen, 'participant')} had been away for too long at the end."
    )


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _setting(name: str, value: object) -> str:
    if value is None:
        return UNSET.get(name, "-")
    return f"{value:,}" if isinstance(value, int) and name != "seed" else str(value)
