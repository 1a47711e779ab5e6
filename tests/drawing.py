"""Texts, numbers and truths that a schema takes, drawn by Hypothesis."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st

ZONES = [UTC, timezone(timedelta(hours=5, minutes=45)), timezone(-timedelta(hours=9))]
FORMATS: dict[str, st.SearchStrategy[str]] = {
    "date-time": st.datetimes(timezones=st.sampled_from(ZONES)).map(datetime.isoformat),
    "date": st.dates().map(str),
    "uuid": st.uuids().map(str),
    "email": st.from_regex(r"[a-z]{1,8}@example\.com", fullmatch=True),
    "uri": st.from_regex(r"https://example\.com/[a-z]{0,8}", fullmatch=True),
    "ipv4": st.ip_addresses(v=4).map(str),
    "ipv6": st.ip_addresses(v=6).map(str),
}


def plain(schema: dict[str, Any], *, least: int = 0) -> st.SearchStrategy[Any]:
    """Values of a plain type that a schema takes; texts have at least so many characters."""
    bounds = schema.get("minimum"), schema.get("maximum")
    match schema["type"]:
        case "string":
            return _texts(schema, least)
        case "integer":
            return st.integers(*bounds)
        case "number":
            return st.floats(*bounds, allow_nan=False, allow_infinity=False, width=32)
        case "boolean":
            return st.booleans()
    return st.none()


def _texts(schema: dict[str, Any], least: int) -> st.SearchStrategy[str]:
    found = FORMATS.get(schema.get("format", ""))
    if found is not None:
        return found
    if "pattern" in schema:
        return st.from_regex(schema["pattern"])
    shortest = max(schema.get("minLength", 0), least)
    return st.text(min_size=shortest, max_size=min(shortest + 5, schema.get("maxLength", shortest + 5)))
