# pyright: reportIncompleteStub=false
"""It comes without types: all of it is Any."""

from typing import Any

def __getattr__(name: str) -> Any: ...
