"""What differs between two canonical documents, in the words of those who call the Python library."""

from collections.abc import Iterator
from typing import Any

from scripts.importer.callers import Side
from scripts.importer.comparable import in_json, or_none
from scripts.importer.component_changes import component_changes
from scripts.importer.document import Json, is_object
from scripts.importer.endpoint_changes import endpoint_changes
from scripts.importer.renames import renames
from scripts.importer.rules import Change, change_of

__all__ = ["Change", "changes"]


def changes(before: Json, after: Json) -> tuple[Change, ...]:
    """Return every difference that a caller can notice between two canonical documents, by name.

    Texts are no difference, nor is the order of names and sets. A component that is new or gone shows in the types of
    its uses and has no entry of its own.
    """
    old, new = Side(before), Side(after)
    names = renames(old, new)
    old_renamed = old.renamed(names)
    found = [
        *(
            change_of(f"{sort} renamed", old.names[gone], after=new.names[name])
            for gone, name in names.items()
            if (sort := new.sort(name)) is not None
        ),
        *endpoint_changes(old_renamed, new),
        *component_changes(old_renamed, new, names.values()),
        *_regions(old.document, new.document),
        *_limits(old.document, new.document),
        *_security(old.document, new.document),
    ]
    return tuple(sorted(found))


def _regions(before: Json, after: Json) -> Iterator[Change]:
    """Compare the servers; the first is the default."""
    old, new = (
        {str(server.get("x-region", server["url"])): str(server["url"]) for server in document.get("servers", ())}
        for document in (before, after)
    )
    for name in old.keys() - new.keys():
        yield change_of("region removed", f"region {name}", before=old[name])
    for name in new.keys() - old.keys():
        yield change_of("region added", f"region {name}", after=new[name])
    for name in old.keys() & new.keys():
        if old[name] != new[name]:
            yield change_of("region moved", f"region {name}", old[name], new[name])
    was, is_now = next(iter(old), ""), next(iter(new), "")
    if was and is_now and was != is_now:
        yield change_of("default region", "default region", was, is_now)


def _limits(before: Json, after: Json) -> Iterator[Change]:
    """Compare sizes and pace."""
    old, new = _limits_of(before), _limits_of(after)
    for name in old.keys() | new.keys():
        was, is_now = old.get(name), new.get(name)
        if was == is_now:
            continue
        sort = "window" if name.startswith("window.") else "limit"
        if was is None:
            yield change_of(f"{sort} stated", name, after=in_json(is_now))
        elif is_now is None:
            yield change_of(f"{sort} lifted", name, before=in_json(was))
        else:
            how = "changed" if sort == "window" else "raised" if is_now > was else "lowered"
            yield change_of(f"{sort} {how}", name, in_json(was), in_json(is_now))


def _limits_of(document: Json) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in document.get("x-limits", {}).items():
        found |= {f"{name}.{key}": each for key, each in value.items()} if is_object(value) else {name: value}
    return found


def _security(before: Json, after: Json) -> Iterator[Change]:
    """Compare the ways to send a key."""
    old, new = (document.get("components", {}).get("securitySchemes", {}) for document in (before, after))
    ways, now = ({" with ".join(sorted(way)) for way in document.get("security", ())} for document in (before, after))
    added = "security added" if ways else "security now needed"
    for name in old.keys() - new.keys():
        yield change_of("security removed", name, before=_scheme(old[name]))
    for name in new.keys() - old.keys():
        yield change_of(added, name, after=_scheme(new[name]))
    for name in old.keys() & new.keys():
        was, is_now = old[name].get("x-key-pattern"), new[name].get("x-key-pattern")
        if was != is_now:
            yield change_of("security changed", f"{name} key pattern", or_none(was), or_none(is_now))
        was, is_now = ({**each, "x-key-pattern": None} for each in (old[name], new[name]))
        if was != is_now:
            texts = (_scheme(was), _scheme(is_now))
            yield change_of("security changed", name, *(texts if texts[0] != texts[1] else map(in_json, (was, is_now))))
    # A way that is new or gone with its scheme is reported with the scheme.
    gone_or_new = old.keys() ^ new.keys()
    for way in ways ^ now:
        if not gone_or_new & {*way.split(" with ")}:
            yield change_of("security removed" if way in ways else added, way)


def _scheme(scheme: Json) -> str:
    return " ".join(str(scheme[key]) for key in ("type", "scheme", "in", "name") if key in scheme)
