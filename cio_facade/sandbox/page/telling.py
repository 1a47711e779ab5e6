"""Times in words for people."""

from datetime import UTC, datetime
from typing import Final

__all__ = ["ago", "dated", "exact", "lasting", "present", "stamp"]

_UNITS: Final = (("d", 24 * 60 * 60), ("h", 60 * 60), ("min", 60), ("s", 1))


def ago(time: str, now: datetime | None = None) -> str:
    """Say how long ago a time was, in its greatest unit; a text that is no time stays as it is.

    >>> ago("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, 5, 3, tzinfo=UTC))
    '5 min ago'
    """
    moment = _moment(time)
    if moment is None:
        return time
    seconds = int(((now or datetime.now(UTC)) - moment).total_seconds())
    for name, length in _UNITS:
        if number := abs(seconds) // length:
            told = f"{number} {name}"
            return f"{told} ago" if seconds > 0 else f"in {told}"
    return "just now"


def dated(time: str, now: datetime | None = None) -> str:
    """Say a time of today by the clock, in UTC, and another by its date as well; a text that is no time stays as it is.

    >>> today = datetime(2026, 1, 31, 12, tzinfo=UTC)
    >>> dated("2026-01-31T10:00:00.250Z", today), dated("2026-01-30T10:00:00.250Z", today)
    ('10:00:00.250', '2026-01-30 10:00')
    """
    moment = _moment(time)
    if moment is None:
        return time
    if moment.date() == (now or datetime.now(UTC)).date():
        return f"{moment:%H:%M:%S}.{moment.microsecond // 10**3:03d}"
    return f"{moment:%Y-%m-%d %H:%M}"


def exact(time: str) -> str:
    """Say a time with its date, in UTC; a text that is no time stays as it is.

    >>> exact("2026-01-31T12:00:00.250+01:00")
    '2026-01-31 11:00:00.250 UTC'
    """
    moment = _moment(time)
    return time if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 10**3:03d} UTC"


def lasting(seconds: int) -> str:
    """Say a length of time in its greatest unit.

    >>> lasting(15), lasting(300)
    ('15 s', '5 min')
    """
    name, length = next((unit for unit in _UNITS if seconds >= unit[1]), _UNITS[-1])
    return f"{seconds // length} {name}"


def present() -> str:
    """Write the time that it is as ISO 8601, for who counts on from it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def stamp(second: int) -> str:
    """Write a second since 1970 as ISO 8601.

    >>> stamp(0)
    '1970-01-01T00:00:00+00:00'
    """
    return datetime.fromtimestamp(second, UTC).isoformat()


def _moment(time: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(time)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
