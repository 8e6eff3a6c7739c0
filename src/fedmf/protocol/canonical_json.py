"""One spelling of JSON, so that what is agreed upon has one digest."""

from __future__ import annotations

import json
from collections.abc import Mapping

UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What taking fields out of JSON can raise that somebody made up."""


def canonical_json(fields: Mapping[str, object]) -> bytes:
    """Return the one spelling of JSON values: UTF-8, keys sorted, no spaces, numbers finite."""
    return json.dumps(
        fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()
