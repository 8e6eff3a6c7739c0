"""Dependencies that only some commands need, each named by an extra of ``pyproject.toml``."""

from __future__ import annotations


def how_to_install(extra: str) -> str:
    """Return the sentence that tells how to add an extra to the environment of ``make demo``."""
    return f"install it with .venv/bin/pip install -e '.[{extra}]' in your clone of fedmf"
