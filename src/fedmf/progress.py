"""A bar over the rounds of a training, in a terminal or in a notebook."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from fedmf.federation import RoundRecord
from fedmf.figures import MEASURES, measure_text
from fedmf.markup import element

AfterRound = Callable[[RoundRecord], None]


@contextmanager
def round_bar(what: str, rounds: int, console: Console) -> Iterator[AfterRound]:
    """Show round, held-out error and time left; yield what to call after each round."""
    with Progress(
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("rounds"),
        TextColumn("{task.fields[error]}"),
        TimeRemainingColumn(),
        console=console,
    ) as bar:
        task = bar.add_task(what, total=rounds, error="")
        yield lambda record: bar.update(task, completed=record.round, error=error_text(record))


def error_text(record: RoundRecord) -> str:
    """Return what is known of the model after a round."""
    return ", ".join(
        f"{MEASURES[name]} {measure_text(value)}"
        for name in ("rmse", "ndcg_at_10")
        if not math.isnan(value := getattr(record, name))
    )


@contextmanager
def bar_for_python(rounds: int, *, wanted: bool | None) -> Iterator[AfterRound]:
    """Show a bar where somebody sees it: in a notebook, or on a terminal at standard error.

    Parameters
    ----------
    wanted
        True: in any case; False: not at all; None: where somebody sees it.
    """
    console = Console(stderr=True, highlight=False, force_jupyter=False)
    if wanted is not False and _in_a_notebook():
        yield _notebook_bar(rounds)
    elif wanted or (wanted is None and console.is_terminal):
        with round_bar("training", rounds, console) as after_round:
            yield after_round
    else:
        yield _unseen


def _unseen(_: RoundRecord) -> None:
    pass


def _in_a_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    return ipython is not None and type(ipython.get_ipython()).__name__ == "ZMQInteractiveShell"


def _notebook_bar(rounds: int) -> AfterRound:
    """Return what moves a bar of plain HTML: rich's own needs ipywidgets there."""
    from IPython.display import HTML, display

    shown = display(HTML("training"), display_id=True)

    def after_round(record: RoundRecord) -> None:
        bar = element("progress", value=record.round, max=rounds)
        text = f" round {record.round} of {rounds} {error_text(record)}"
        shown.update(HTML(element("div", bar, text)))

    return after_round
