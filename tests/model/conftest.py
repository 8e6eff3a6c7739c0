"""The split that every method trains on under its contract."""

from tests.contracts.method_contract import split

__all__ = ["split"]
