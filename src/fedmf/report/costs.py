"""What a round costs whom: protected beside unprotected."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence

from fedmf.federation import RoundRecord
from fedmf.figures import bytes_text, seconds_text
from fedmf.markup import Markup, element, joined, table
from fedmf.report.charts import Bar, bar_chart
from fedmf.report.reading import Run

SECONDS = {
    "participant_seconds_median": "participant",
    "member_seconds_median": "member of the committee",
    "server_seconds": "server, for all participants",
}
BYTES = {"upload_bytes_median": "up", "download_bytes_median": "down"}


def costs(run: Run) -> Markup:
    """Return the section on costs."""
    if not run.rounds:
        return element("p", "No round is over yet, so nothing has been measured.")
    charts = [
        _chart(run, "Processor time of a round", SECONDS, seconds_text),
        _chart(run, "Bytes of a participant and round", BYTES, bytes_text),
    ]
    rows = []
    for names, text in ((SECONDS, seconds_text), (BYTES, bytes_text)):
        for name, label in names.items():
            own, other = median(run.rounds, name), median(run.unprotected, name)
            if math.isfinite(own):
                times = f"{own / other:.3g}" if other > 0 else "-"
                rows.append((label, text(own), *([text(other), times] * bool(run.unprotected))))
    headings = [
        "median round",
        run.label,
        *(["unprotected", "times as much"] * bool(run.unprotected)),
    ]
    compared = table("Costs of the median round", headings, rows, numbers=(1, 2, 3))
    note = (
        "Processor seconds, all roles on the machine named under Settings. A participant opens the "
        "table, takes its step and protects its upload; a member answers for all of the round."
    )
    return joined(
        element("div", *charts, class_="charts"), compared, element("p", note, class_="note")
    )


def median(records: Sequence[RoundRecord], name: str) -> float:
    """Return the median of a figure over rounds; NaN where no round has it."""
    values = [float(getattr(one, name)) for one in records]
    known = [value for value in values if math.isfinite(value)]
    return statistics.median(known) if known else math.nan


def _chart(run: Run, title: str, names: dict[str, str], text: Callable[[float], str]) -> Markup:
    groups = [
        (
            label,
            [
                Bar("own", median(run.rounds, name)),
                Bar("unprotected", median(run.unprotected, name)),
            ],
        )
        for name, label in names.items()
        if math.isfinite(median(run.rounds, name))
    ]
    legend = {"unprotected": "the same, unprotected"} if run.unprotected else {}
    return bar_chart(title, groups, text, {"own": run.label, **legend})
