"""What a sandbox may be told. A value that is none is a `ValueError` of one line, whatever type it came as."""

from collections.abc import Collection, Iterable
from os import PathLike
from typing import Final, TypedDict, cast

from cio_facade.sandbox.rules import Document

__all__ = ["LOOPBACK", "Options", "check"]

LOOPBACK: Final = "127.0.0.1"

_LARGEST_PORT: Final = 2**16 - 1
# What a sandbox that only counts cannot do.
_NOT_FOR_A_SINK: Final = ("db", "outbox", "faults", "region", "drop_repeats", "api_keys", "refuse_gzip")


class Options(TypedDict, total=False):
    """What else a `Sandbox` may be told, by keyword."""

    api_keys: Collection[str] | None
    rate: bool
    document: Document | None
    refuse_gzip: int | None
    drop_repeats: bool
    faults: str | Iterable[str]
    seed: int
    region: str | None
    elsewhere: str | None
    outbox: str | PathLike[str] | None
    sink: bool


def check(**told: object) -> None:
    """Look at the options of a sandbox by name, as far as no other room does when it is given them.

    Raises
    ------
    ValueError
        One of them is none, or a sink is told what it cannot do.
    """
    useless = [name for name in _NOT_FOR_A_SINK if told[name]] if told["sink"] else []
    if useless:
        raise ValueError(f"sink: checks and keeps nothing, and makes no faults; leave out {', '.join(useless)}")
    if not _is_whole(told["port"], 0, _LARGEST_PORT):
        raise ValueError(f"port: {told['port']!r} is none; give one from 0, for a free one, to {_LARGEST_PORT}")
    if not _is_host(told["host"]):
        raise ValueError(f"host: {told['host']!r} is none; give an address of this machine, such as {LOOPBACK}")
    if told["refuse_gzip"] is not None and not _is_whole(told["refuse_gzip"], 400, 599):
        raise ValueError(f"refuse_gzip: {told['refuse_gzip']!r} is no status of a refusal, such as 415")
    if not _is_whole(told["seed"]):
        raise ValueError(f"seed: {told['seed']!r} is no whole number")
    for name in ("api_keys", "faults"):
        if not _are_texts(told[name] or ()):
            raise ValueError(f"{name}: give texts")
    for name in ("region", "elsewhere"):
        if not isinstance(told[name], str | None):
            raise ValueError(f"{name}: {told[name]!r} is no text")  # noqa: TRY004 - as all options


def _is_whole(value: object, least: float = float("-inf"), most: float = float("inf")) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _is_host(value: object) -> bool:
    try:
        return isinstance(value, str) and value.isprintable() and " " not in value and bool(value.encode("idna"))
    except UnicodeError:
        return False


def _are_texts(value: object) -> bool:
    return isinstance(value, Collection) and all(isinstance(one, str) for one in cast("Collection[object]", value))
