"""How long the fault tests are: short in every run of the suite, long by `make test-faults`."""

import os
from typing import TypeVar

__all__ = ["LONG", "times"]

Value = TypeVar("Value")

LONG = os.environ.get("CIO_FAULTS") == "long"


def times(short: Value, long: Value) -> Value:
    """The one of two values that the form asked for has: messages, kills, seconds."""
    return long if LONG else short
