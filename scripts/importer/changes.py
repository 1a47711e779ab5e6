"""What differs between two canonical documents, in the words of those who call the Python library."""

from collections.abc import Iterator, Mapping
from typing import Any

from scripts.importer.callers import Side
from scripts.importer.comparable import comparable, in_json, or_none
from scripts.importer.component_changes import component_changes
from scripts.importer.document import METHODS, Json, is_object
from scripts.importer.endpoint_changes import endpoint_changes
from scripts.importer.renames import renames
from scripts.importer.rules import Change, change_of

__all__ = ["Change", "changes"]


def changes(before: Json, after: Json) -> tuple[Change, ...]:
    """Return every difference that a caller can notice between two canonical documents, by name.

    Texts are no difference, nor is the order of names and sets. A class that is new shows in the types of its uses and
    has no entry of its own. One that is gone has, since callers may import it, unless all its uses are gone as well.
    """
    after = _with_schemes_of(before, after)
    old, new = Side(_with_schemes_of(after, before)), Side(after)
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
    old, new = _schemes(before), _schemes(after)
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


def _with_schemes_of(known: Json, document: Json) -> Json:
    """Return the document with each security scheme under the name of an equal one: callers do not see their names."""
    names = {_kind_of(scheme): name for name, scheme in _schemes(known).items()}
    renames = {
        name: names[_kind_of(scheme)]
        for name, scheme in _schemes(document).items()
        if name not in _schemes(known) and _kind_of(scheme) in names
    }
    if not renames:
        return document
    found = _with_ways(document, renames)
    found["paths"] = {
        path: {key: _with_ways(each, renames) if key in METHODS else each for key, each in item.items()}
        for path, item in document.get("paths", {}).items()
    }
    schemes = {renames.get(name, name): scheme for name, scheme in _schemes(document).items()}
    # What both documents call the same is as each says.
    schemes |= {name: _schemes(document)[name] for name in schemes.keys() & _schemes(document).keys()}
    found["components"] = {**document["components"], "securitySchemes": schemes}
    return found


def _with_ways(node: Json, renames: Mapping[str, str]) -> Json:
    if "security" not in node:
        return dict(node)
    ways = [{renames.get(name, name): scopes for name, scopes in way.items()} for way in node["security"]]
    return {**node, "security": [way for index, way in enumerate(ways) if way not in ways[:index]]}


def _schemes(document: Json) -> Json:
    found: Json = document.get("components", {}).get("securitySchemes", {})
    return found


def _kind_of(scheme: Json) -> str:
    """Return what tells one way to send a key from others; which keys it takes is compared for itself."""
    return in_json({key: value for key, value in comparable(scheme, {}).items() if key != "x-key-pattern"})


def _scheme(scheme: Json) -> str:
    return " ".join(str(scheme[key]) for key in ("type", "scheme", "in", "name") if key in scheme)
