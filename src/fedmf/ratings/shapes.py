"""Wide tables and lists become rows of a user, an item and perhaps a rating."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fedmf.errors import DataError
from fedmf.ratings.blocks import Block
from fedmf.ratings.cells import from_numpy, is_number_type, plain_array


def from_wide(blocks: Iterator[Block], items: Sequence[str]) -> Iterator[Block]:
    """Turn blocks with a column ``"item 0"``, ``"item 1"`` ... for each item into rows.

    Without a column of users, the number of a row, from 1, is its user.
    """
    for block in blocks:
        count, width = len(block.rows), len(items)
        # Column after column, taken row by row, so that users stay together.
        order = from_numpy(np.arange(count * width).reshape(width, count).T.reshape(-1))
        columns = [plain_array(block.cells[f"item {k}"]) for k in range(width)]
        numbers = all(is_number_type(one.type) for one in columns)
        try:
            cells = pa.concat_arrays(
                [one.cast(pa.float64() if numbers else pa.large_string()) for one in columns]
            )
        except pa.ArrowNotImplementedError:
            raise DataError(
                "layout wide needs a rating in each column beside the user's, and some hold lists "
                "or objects; say --layout long"
            ) from None
        user = block.cells.get("user", from_numpy(block.rows + 1))
        repeated = from_numpy(np.repeat(np.arange(count), width))
        names = pa.array(items, pa.large_string()).take(
            from_numpy(np.tile(np.arange(width), count))
        )
        yield Block(
            {"user": user.take(repeated), "item": names, "rating": cells.take(order)},
            np.repeat(block.rows, width),
        )


def from_lists(blocks: Iterator[Block], inner: str) -> Iterator[Block]:
    """Turn blocks with columns ``"user"`` and ``"item"``, which holds several items, into rows."""
    for block in blocks:
        split = pc.split_pattern(plain_array(block.cells["item"]).cast(pa.large_string()), inner)
        yield from _exploded(block, plain_array(block.cells["user"]), split)


def from_lines(blocks: Iterator[Block], separator: str) -> Iterator[Block]:
    """Turn blocks with a column ``"line"``, a user and then its items, into rows."""
    for block in blocks:
        lines = block.cells["line"].cast(pa.large_string())
        whole = pc.ascii_trim_whitespace(lines)
        if separator == " ":
            split = pc.split_pattern_regex(whole, "[ \t]+")
        else:
            split = pc.split_pattern(whole, separator)
        yield from _exploded(block, pc.list_element(split, 0), pc.list_slice(split, 1))


def _exploded(block: Block, user: pa.Array, lists: pa.Array) -> Iterator[Block]:
    parents = pc.list_parent_indices(lists)
    items = pc.ascii_trim_whitespace(pc.list_flatten(lists))
    kept = pc.greater(pc.binary_length(items), 0)
    parents, items = parents.filter(kept), items.filter(kept)
    rows = block.rows[np.from_dlpack(parents)] if len(parents) else np.zeros(0, dtype=np.int64)
    yield Block({"user": user.take(parents), "item": items}, rows)
