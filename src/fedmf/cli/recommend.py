"""``fedmf recommend``: the best items for a user of a trained model, or for a new one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from fedmf.cli.console import print_answer
from fedmf.cli.options import FileOrder, Json, TrainedFolder, TrainedRecency
from fedmf.cli.reading_options import takes_reading
from fedmf.cli.trained import of_model, trained_model_in
from fedmf.errors import SettingsError
from fedmf.figures import confidence_text
from fedmf.model import FactorModel, NewUser, Recommendation
from fedmf.ratings import Ratings, Reading, load_one_user


@takes_reading()
def recommend(
    run: TrainedFolder,
    reading: Reading,
    user: Annotated[
        str | None, typer.Option(metavar="ID", help="A user of the training, by original id.")
    ] = None,
    ratings: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Ratings of a new user: columns item and rating."),
    ] = None,
    file_order: FileOrder = False,
    recency: TrainedRecency = None,
    n: Annotated[int, typer.Option("-n", help="How many items.", min=1)] = 10,
    as_json: Json = False,
) -> None:
    """Recommend items that a user has not rated, by predicted rating or score.

    The user is one of the training (--user) or a new one with ratings of its own (--ratings),
    which is folded in without any further round.
    """
    if (user is None) == (ratings is None):
        raise SettingsError(
            "give either a user with --user ID, or a new user's ratings with --ratings FILE"
        )
    model = trained_model_in(run)
    if user is not None:
        recommended = model.recommend(user, n, recency=recency)
    else:
        if recency is not None:
            model = model.with_recency(recency)
        own = load_one_user(
            ratings, of_model(reading, model), values_needed=model.method.predicts_ratings
        )
        recommended = _new_user(model, own, file_order, recency).recommend(n)
    print_answer(
        {"user": user, "intervals_held": model.held, "items": [asdict(one) for one in recommended]},
        _lines(model, "the new user" if user is None else f"user {user}", recommended),
        as_json=as_json,
    )


def _new_user(model: FactorModel, own: Ratings, file_order: bool, recency: float | None) -> NewUser:
    if file_order:
        own = own.in_file_order()
    if recency:
        own.check_order("recency weighs what was rated last")
    return model.fold_in(own.in_turn(), in_order=own.order_known)


def _lines(
    model: FactorModel, who: str, recommended: list[Recommendation]
) -> Iterator[RenderableType]:
    table = Table(title=escape(f"For {who}"), title_justify="left")
    rates = model.method.predicts_ratings
    table.add_column("predicted" if rates else "score", justify="right")
    sure = all(one.low is not None for one in recommended)
    if sure:
        table.add_column(f"with {confidence_text(model.held)}", justify="right")
    table.add_column("item", justify="right")
    table.add_column("title")
    for one in recommended:
        score = f"{one.score:.{2 if rates else 3}f}"
        interval = [f"{one.low:.1f} to {one.high:.1f}"] if sure else []
        table.add_row(score, *interval, escape(str(one.item)), escape(one.title))
    yield table
    scale = model.method.scale
    yield (
        f"predicted ratings on the scale {scale.lowest:g} to {scale.highest:g}"
        if rates
        else "scores rank items for this user; they are no ratings, and 1 is that of an item met"
    )
