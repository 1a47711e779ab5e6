"""What a call did, and how that is said in few words: names of traits, never their values."""

from collections.abc import Collection
from typing import Final, NamedTuple

__all__ = ["IGNORED", "NOBODY", "Effect", "counted", "named", "together"]

# Names that are told of one change: a call may have thousands.
_NAMES: Final = 12


class Effect(NamedTuple):
    """What a call did.

    Attributes
    ----------
    person : int or None
        Whom it belongs to, as the number of a row of ``people``.
    text : str or None
        What it changed, in words; None for nothing but itself.
    """

    person: int | None
    text: str | None


NOBODY: Final = Effect(None, None)
IGNORED: Final = Effect(None, "ignored: the id is suppressed")


def named(verb: str, names: Collection[str]) -> str | None:
    """Say what was done to these names, such as ``set email, plan``; None of no names."""
    if not names:
        return None
    told = [*names][:_NAMES]
    more = len(names) - len(told)
    return f"{verb} {', '.join(told)}" + (f" and {more} more" if more else "")


def counted(number: int, noun: str) -> str:
    """Say how many there are of something.

    Examples
    --------
    >>> counted(1, "call"), counted(2000, "call")
    ('1 call', '2,000 calls')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def together(*words: str | None) -> str | None:
    """Join what was done; None where it was nothing."""
    return "; ".join(word for word in words if word) or None
