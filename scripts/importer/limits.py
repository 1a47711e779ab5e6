"""Reads the limits that the vendor states in sentences."""

from scripts.importer.document import Json
from scripts.importer.reading import Reading


def limits(document: Json, reading: Reading) -> Json:
    """Return the document with ``x-limits`` as its text states them; what it states nowhere is not there.

    Limits that the document has as ``x-limits`` already stay: they are facts, and a text may round.
    """
    text = str(document.get("info", {}).get("description", ""))
    found: Json = {}
    for stated in reading.limits:
        match = stated.pattern.search(text)
        for name, value in (match.groupdict() if match else {}).items():
            if value is None:
                continue
            *path, last = name.split("__")
            place = found
            for key in path:
                place = place.setdefault(key, {})
            place[last] = int(value) * stated.unit
    return {**document, "x-limits": found | document.get("x-limits", {})} if found else document
