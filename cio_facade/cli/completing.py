"""What may stand where a shell completes a word."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cio_pipelines import constants

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["events", "starting", "what_rows_become"]


def events() -> list[str]:
    """Name the semantic events."""
    return list(constants.SEMANTIC_EVENTS)


def what_rows_become() -> list[str]:
    """Name what ``load --as`` takes."""
    from cio_facade.loading.kinds import kinds  # noqa: PLC0415  builders cost time that other words need not take

    return list(kinds())


def starting(incomplete: str, words: Iterable[str]) -> list[str]:
    """Give the words that begin so, in any case.

    Examples
    --------
    >>> starting("pro", ["Product Added", "Promotion Viewed", "identify"])
    ['Product Added', 'Promotion Viewed']
    """
    return [word for word in words if word.casefold().startswith(incomplete.casefold())]
