"""The page: one HTML file with everything in it, which loads nothing and runs nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib.resources import files

from fedmf.figures import bytes_text, measure_text, seconds_text
from fedmf.markup import Markup, element, joined
from fedmf.report.accuracy import accuracy
from fedmf.report.costs import costs, median
from fedmf.report.plain_words import in_plain_words
from fedmf.report.reading import Run
from fedmf.report.record import read_on, rounds, settings
from fedmf.report.trust import audit, proof, threats

ALLOWED = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""What a browser lets the page do: show its own style sheet, and nothing else."""


def page(run: Run) -> str:
    """Return the report on a run as an HTML document.

    The same run directory makes the same document.
    """
    sections = [
        ("errors", "Errors", accuracy(run)),
        ("costs", "Costs", costs(run)),
        ("threats", "Who learns what", threats(run)),
        *([("audit", "Audit", audit(run))] if run.audit else []),
        ("proof", "Proof of the protection", proof(run)),
        ("rounds", "Rounds", rounds(run)),
        ("settings", "Settings and versions", settings(run)),
        ("next", "Read on", read_on()),
    ]
    style = (files("fedmf.report") / "page.css").read_text(encoding="utf-8")
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=ALLOWED),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{run.name}: a fedmf run"),
        element("style", Markup(style)),
    )
    body = element(
        "body",
        element("header", *_top(run), _contents(sections)),
        element(
            "main",
            *(
                element("section", element("h2", title), content, id=name)
                for name, title, content in sections
            ),
        ),
        element("footer", element("p", f"Written by fedmf report from {run.name} alone.")),
    )
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def _contents(sections: Sequence[tuple[str, str, str]]) -> Markup:
    links = (element("a", title, href=f"#{name}") for name, title, _ in sections)
    return element("nav", *(joined(link, " ") for link in links), aria_label="Sections")


def _top(run: Run) -> list[Markup]:
    chosen = run.settings
    about = (
        f"{chosen.method} with {chosen.factors} factors, protection {chosen.protection}, "
        f"{run.session.participants:,} participants"
    )
    if run.result is not None:
        finished = run.result.finished.replace("T", " ").removesuffix("+00:00")
        about = f"{run.result.dataset.get('name', '')}: {about}; finished {finished} UTC"
    parts = [element("h1", run.name), element("p", about)]
    if run.result is None:
        text = (
            f"The training is not over: {len(run.rounds)} of {chosen.rounds} rounds are done. "
            "This page shows what is there; go on with "
        )
        resume = element("code", "fedmf train --resume DIR")
        parts.append(element("p", text, resume, ".", class_="warning"))
    parts.append(element("p", *in_plain_words(run)))
    return [*parts, element("div", *_tiles(run), class_="tiles")]


def _tiles(run: Run) -> list[Markup]:
    tiles = []
    if run.rounds:
        tiles.append(_error_tile(run))
        seconds = median(run.rounds, "participant_seconds_median")
        up, down = (
            bytes_text(median(run.rounds, name))
            for name in ("upload_bytes_median", "download_bytes_median")
        )
        tiles.append(_tile("a participant's round", seconds_text(seconds), f"{up} up, {down} down"))
    terms = run.session.committee
    if terms is not None:
        reader = "participants open the sums" if terms.blind else "the server opens the sums"
        tiles.append(_tile("committee", f"{terms.threshold} of {terms.members}", reader))
    else:
        bits = run.session.public_key.bit_length() if run.session.public_key else 0
        tiles.append(
            _tile("protection", run.settings.protection, f"{bits}-bit key" if bits else "")
        )
    if run.result is not None and run.result.unprotected_sha256:
        same = run.result.unprotected_sha256 == run.result.table_sha256
        text = "bit for bit equal" if same else "DIFFERENT"
        tiles.append(_tile("final table", text, "beside the unprotected run's"))
    return tiles


def _error_tile(run: Run) -> Markup:
    last = run.rounds[-1]
    if not math.isfinite(last.rmse):
        return _tile("training loss", measure_text(last.training_loss), "nothing was held out")
    beside = "on held-out ratings"
    if run.unprotected:
        beside = f"{measure_text(run.unprotected[-1].rmse)} unprotected"
    return _tile("RMSE", measure_text(last.rmse), beside)


def _tile(name: str, value: str, beside: str) -> Markup:
    return element(
        "div",
        element("span", name, class_="name"),
        element("strong", value),
        element("span", beside, class_="beside"),
    )
