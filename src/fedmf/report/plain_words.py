"""What a run means, in a few sentences for somebody who has never heard of any of this."""

from __future__ import annotations

import math
from collections.abc import Iterator

from fedmf.figures import measure_text
from fedmf.markup import Markup, element
from fedmf.report.reading import Run


def in_plain_words(run: Run) -> Iterator[str]:
    """Yield sentences, with links to the sections that say more."""
    people = f"{run.session.participants:,} participants"
    if not run.rounds:
        yield f"{people} are to train a recommender together; no round is over yet."
        return
    yield f"{people} trained a recommender together, and each kept its ratings to itself. "
    yield from _quality(run)
    if run.is_protected:
        yield (
            "What they uploaded was protected: only sums over several of them were opened, and "
            "these say something, too. "
        )
        if run.result is not None and run.result.unprotected_sha256 == run.result.table_sha256:
            yield "The protection changed no figure of the model. "
    else:
        yield "Nothing was protected: anyone who saw the uploads could work out their ratings. "
    yield Markup(f"{_link('threats', 'Who learns what')} says what each side can find out, ")
    yield Markup(f"and {_link('costs', 'Costs')} what it took.")


def _quality(run: Run) -> Iterator[str]:
    last = run.rounds[-1]
    mean = run.baselines.get("rmse", {}).get("global_mean", math.nan)
    if math.isfinite(last.rmse):
        yield f"Its guesses of ratings that it had not seen are off by {_short(last.rmse)} (RMSE)"
        scale = "" if run.result is None else run.result.dataset.get("scale", "")
        yield f" on the scale {scale}" if scale else ""
        yield (
            f"; always guessing the average is off by {_short(mean)}. "
            if not math.isnan(mean)
            else ". "
        )
    popular = run.baselines.get("ndcg_at_10", {}).get("popularity", math.nan)
    own = math.nan
    if run.result is not None and run.result.final is not None:
        own = run.result.final.get("ndcg_at_10", math.nan)
    if math.isfinite(own) and math.isfinite(popular):
        place = "better" if own > popular else "worse"
        yield (
            f"Its lists of ten are {place} than the same list of the most rated items for "
            f"everybody (NDCG@10 {measure_text(own)} against {measure_text(popular)})"
        )
        rates = math.isfinite(last.rmse) and own <= popular
        yield ": it predicts ratings, and method implicit ranks. " if rates else ". "


def _short(error: float) -> str:
    return f"{error:.2f}"


def _link(section: str, title: str) -> Markup:
    return element("a", title, href=f"#{section}")
