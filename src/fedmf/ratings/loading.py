"""`load_ratings` and `load_fold_in_ratings`: which reader is for which source."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fedmf.errors import DataError, SettingsError
from fedmf.ratings.blocks import Unchecked, row_names
from fedmf.ratings.bundled import BUNDLED_NAMES
from fedmf.ratings.column_names import places_by_name, plain_name
from fedmf.ratings.problems import Problems
from fedmf.ratings.reading import AS_GUESSED, Guess, Reading
from fedmf.ratings.scale import RatingScale
from fedmf.ratings.table import Ratings

if TYPE_CHECKING:
    from fedmf.ratings.columns import Columns
    from fedmf.ratings.identifiers import Id
    from fedmf.ratings.sample import Sample

# pyarrow takes a tenth of a second to import, so the modules that need it are imported when
# ratings are loaded and not when fedmf is.

NEW_USER = ("item", "rating", "timestamp")
EVERYBODY = ("user", *NEW_USER)


def load_ratings(
    source: Any,
    *,
    user_column: str | int | None = None,
    item_column: str | int | None = None,
    rating_column: str | int | None = None,
    time_column: str | int | None = None,
    separator: str | None = None,
    header: bool | None = None,
    encoding: str | None = None,
    decimal: str | None = None,
    scale: RatingScale | tuple[float, float] | str | None = None,
    not_rated: str | float | Iterable[str | float] = (),
    layout: str | None = None,
    interactions: bool = False,
) -> Ratings:
    """Load ratings and check them.

    What nobody says is guessed; `Ratings.guesses` says what was understood and why. What cannot be
    told is an error that names the option which says it.

    Parameters
    ----------
    source
        One of

        - the name of a bundled data set: ``"movielens-small"``;
        - the path of a file: delimited text of any kind, JSON lines, ARFF, Parquet or Arrow,
          compressed or not; what the file holds counts, and not the ending of its name;
        - the path of a folder or a zip archive with one set of ratings, such as MovieLens; or of
          a file inside an archive, ``ml.zip/ml/ratings.csv``;
        - a frame: pandas, polars, Arrow, or anything that offers ``__arrow_c_stream__``;
        - a sparse matrix of scipy (rows are users) or an array of numpy (a row for each rating).
    user_column, item_column, rating_column, time_column
        Columns by name, or by position from 1. ``"none"``: no ratings, only who met what; or times
        that are not used.
    separator
        A text such as ``";"``, or comma, semicolon, tab, pipe, or blanks.
    header
        Whether the first line names the columns.
    encoding
        Of text, by Python's name.
    decimal
        ``"point"`` or ``"comma"``.
    scale
        The lowest and highest possible rating, ``(1, 5)`` or ``"1:5"``. By default that of the
        MovieLens data set, or else the lowest and highest rating found, without outliers: 500
        among 1 to 5 is left out, and a note names it.
    not_rated
        Values that mean that there is no rating; ``""`` is an empty cell.
    layout
        ``"long"``, ``"wide"`` or ``"lists"``; see `Reading`.
    interactions
        Whether a table without ratings is welcome whatever other columns it has.

    Returns
    -------
    Ratings
        The table; its `notes` say what was noticed, such as duplicates (the last one in time wins,
        or in file order without timestamps).

    Raises
    ------
    DataError
        If the file is missing or unreadable, or anything in it is wrong: all of it in one message.
    UnknownNameError
        If `source` is neither a bundled data set nor looks like a path.
    SettingsError
        If `scale` is upside down or not finite, or another option cannot be.
    """
    reading = Reading(
        user_column=user_column,
        item_column=item_column,
        rating_column=rating_column,
        time_column=time_column,
        separator=separator,
        header=header,
        encoding=encoding,
        decimal=decimal,
        scale=_scale_text(scale),
        not_rated=_not_rated_texts(not_rated),
        layout=layout,
    )
    return read_ratings(source, reading, interactions=interactions)


def read_ratings(
    source: Any,
    reading: Reading = AS_GUESSED,
    *,
    interactions: bool = False,
    roles: Sequence[str] = EVERYBODY,
    judged_later: bool = False,
) -> Ratings:
    """Load ratings as `load_ratings` does, with all that was said of them in one object.

    Parameters
    ----------
    roles
        Which columns to look for.
    judged_later
        Whether somebody else knows what scale they must lie in: no outlier is left out then.
    """
    from fedmf.ratings.assembly import assembled

    usual = RatingScale(-sys.float_info.max, sys.float_info.max) if judged_later else None
    if not isinstance(source, str | Path):
        from fedmf.ratings.frames import Frame

        unchecked = _unchecked(Frame.of(source), "the frame", reading, roles, (), interactions)
        return assembled("frame", unchecked, usual_scale=usual)
    from fedmf.ratings.data_sets import located
    from fedmf.ratings.readers import reader_of, titles_of

    found = located(source)
    reader, guesses = reader_of(found.ratings, reading)
    unchecked = _unchecked(reader, found.ratings.label, reading, roles, guesses, interactions)
    titles, note = ({}, "") if found.titles is None else titles_of(found.titles)
    usual = usual or found.usual_scale
    with _lean_memory():
        ratings = assembled(found.name, unchecked, titles=titles, usual_scale=usual)
    if source in BUNDLED_NAMES:
        return replace(ratings, guesses=())
    return replace(ratings, notes=(*ratings.notes, note)) if note else ratings


@contextmanager
def _lean_memory() -> Iterator[None]:
    """Have Arrow take memory from the system: its own pool keeps what chunks no longer need."""
    import pyarrow as pa

    before = pa.default_memory_pool()
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        yield
    finally:
        pa.set_memory_pool(before)


def load_fold_in_ratings(
    source: Any,
    *,
    item_column: str | int | None = None,
    rating_column: str | int | None = None,
    scale: RatingScale | tuple[float, float] | str | None = None,
) -> list[tuple[Id, float]]:
    """Load the ratings of one new user, to fold that user into a trained model.

    Parameters
    ----------
    source
        As for `load_ratings`. A user column is not needed; if there is one, it must name one user
        only.
    item_column, rating_column
        Columns by name, or by position from 1.
    scale
        What the ratings must lie in; None does not check.

    Returns
    -------
    list of (item identifier, rating)
        In file order, each item once: the last rating of an item wins.

    Raises
    ------
    DataError
        If anything is wrong with the table, or it holds more than one user.
    """
    reading = Reading(
        item_column=item_column, rating_column=rating_column, scale=_scale_text(scale)
    )
    # In file order, no matter when the ratings were given.
    return load_one_user(source, reading).in_file_order().in_turn()


def load_one_user(
    source: Any, reading: Reading = AS_GUESSED, *, values_needed: bool = True
) -> Ratings:
    """Load what `load_fold_in_ratings` does, with timestamps if there are any.

    Without `values_needed` the ratings may be missing; each is 1 then.
    """
    return read_ratings(
        source, reading, interactions=not values_needed, roles=NEW_USER, judged_later=True
    )


def _scale_text(scale: RatingScale | tuple[float, float] | str | None) -> str | None:
    if scale is None or isinstance(scale, str):
        return scale
    if isinstance(scale, RatingScale):
        return scale.option
    try:
        lowest, highest = map(float, scale)
    except (TypeError, ValueError):
        raise SettingsError(f"the scale is two numbers, such as (1, 5), not {scale!r}") from None
    return RatingScale(lowest, highest).option


def _not_rated_texts(values: Any) -> tuple[str, ...]:
    if values is None:
        return ()
    if isinstance(values, str | Real):
        values = (values,)
    return tuple(one if isinstance(one, str) else f"{one:.12g}" for one in values)


def _unchecked(
    reader: Any,
    label: str,
    reading: Reading,
    roles: Sequence[str],
    guesses: tuple[Guess, ...],
    interactions: bool,  # noqa: FBT001
) -> Unchecked:
    """Return a source with its columns understood.

    Raises
    ------
    DataError
        If it cannot be told which column is what.
    """
    from fedmf.ratings.columns import columns_of

    problems = Problems(label, getattr(reader, "places_of", row_names))
    sample: Sample = reader.sample
    if "user" not in roles and sample.header and places_by_name(sample.names, "user"):
        _check_one_user(reader, places_by_name(sample.names, "user")[0], label)
    columns = columns_of(sample, reading, problems, roles=roles, interactions=interactions)
    problems.raise_if_any()
    # Without a header, a column is called by what it is.
    names = {
        role: sample.names[place] if sample.header else role
        for role, place in columns.places.items()
    }
    rating = names.get("rating", "") if sample.header else ""
    if columns.layout != "long":
        names = {"user": names.get("user", "user"), "item": "item"}
        if columns.layout == "wide":
            names["rating"] = "rating"
    return Unchecked(
        names=names,
        blocks=lambda: _blocks(reader, columns, problems),
        problems=problems,
        reading=reading,
        guesses=(*guesses, *columns.guesses),
        empty_is_unrated=columns.layout == "wide",
        value_name=plain_name(rating),
    )


def _blocks(reader: Any, columns: Columns, problems: Problems) -> Any:
    from fedmf.ratings.shapes import from_lines, from_lists, from_wide

    if columns.layout == "long":
        return reader.blocks(columns.places, problems)
    if columns.layout == "wide":
        places = {f"item {k}": place for k, place in enumerate(columns.items)}
        names = [reader.sample.names[place] for place in columns.items]
        if not reader.sample.header:
            names = [str(k + 1) for k in range(len(names))]
        return from_wide(reader.blocks({**columns.places, **places}, problems), names)
    if columns.inner:
        user = columns.places["user"]
        return from_lists(reader.blocks({"user": user, "item": 1 - user}, problems), columns.inner)
    if not hasattr(reader, "lines"):
        raise DataError("layout lists is of text, a user and its items on each line; leave it out")
    return from_lines(reader.lines(problems), reader.dialect.separator)


def _check_one_user(reader: Any, place: int, label: str) -> None:
    users: set[object] = set()
    for block in reader.blocks({"user": place}, Problems(label, row_names)):
        users.update(block.cells["user"].unique().to_pylist())
    if len(users) > 1:
        raise DataError(
            f"{label} holds ratings of {len(users):,} users, but one user is folded in at a time; "
            "give the ratings of one"
        )
