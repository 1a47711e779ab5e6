"""What an editor should know, read from the spec: events by family, their properties, and what each is said to be."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["EVENTS", "FAMILIES", "Event", "plain"]

_SPEC = Path(__file__).parents[2] / "cio_pipelines_api.json"


@dataclass(frozen=True)
class Event:
    """A semantic event: its class, its sentence, and its keywords with what each is said to be."""

    name: str
    family: str
    sentence: str
    keywords: dict[str, str]


def plain(name: str) -> str:
    """How a name of the spec's is spelt in Python, but for the underscore that keeps it from being a builtin's."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().rstrip("_")


def _events() -> list[Event]:
    found: list[Event] = []
    for name, schema in json.loads(_SPEC.read_text("utf-8"))["components"]["schemas"].items():
        if marked := schema.get("x-semantic-event"):
            described = {plain(key): member.get("description", "") for key, member in schema["properties"].items()}
            if "context" in marked:
                described["context"] = ""
            found.append(Event(name, marked["family"], schema.get("description", ""), described))
    return found


EVENTS = _events()
FAMILIES = {event.family: [one for one in EVENTS if one.family == event.family] for event in EVENTS}
