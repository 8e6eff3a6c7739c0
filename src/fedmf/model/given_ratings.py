"""What a new user gives to be folded in: ratings of items by their ids, checked together."""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedmf.errors import DataError, UnknownNameError
from fedmf.model.method import Method
from fedmf.model.rows import FloatArray
from fedmf.ratings import Id, codes_by_text, id_text


def checked_pairs(
    ratings: Iterable[tuple[Id, float] | Id], method: Method, item_ids: tuple[Id, ...]
) -> tuple[NDArray[np.int32], FloatArray]:
    """Return item codes, each once, and ratings, both of shape (n,), in the order they came.

    Of an item that is rated twice the last rating counts, as everywhere. Methods that only rank
    take ids without ratings and judge no value.

    Raises
    ------
    DataError
        No ratings, an unknown item or a rating outside the scale; all problems at once.
    """
    scale, rates = method.scale, method.predicts_ratings
    codes = codes_by_text(item_ids)
    problems = []
    last: dict[int, float] = {}
    one: Any  # whatever somebody gave
    for one in ratings:
        pair = one if isinstance(one, tuple | list) else (one, math.nan if rates else 1.0)
        if len(pair) != 2:
            problems.append(f"{one!r} is not an item and its rating: give (item, rating)")
            continue
        item, value = pair
        code = codes.get(id_text(item))
        if code is None:
            problems.append(str(UnknownNameError.among("item", item, codes)))
        elif not _is_number(value):
            problems.append(f"rating {value!r} of item {item!r} is not a number")
        elif rates and math.isnan(value):
            problems.append(f"item {item!r} needs a rating: give (item, rating)")
        elif rates and not scale.lowest <= value <= scale.highest:
            problems.append(f"rating {value:g} of item {item!r} is outside the scale {scale}")
        else:
            last.pop(code, None)
            last[code] = value
    if not (last or problems):
        problems.append("there are no ratings to fold a user in with")
    if problems:
        raise DataError("; ".join(problems))
    return (
        np.array(list(last), dtype=np.int32),
        np.array(list(last.values()), dtype=np.float64),
    )


def _is_number(value: object) -> bool:
    return isinstance(value, Real)
