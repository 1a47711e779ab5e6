"""What the specification says of the API as a whole: paths, call types, limits, keys. Listed nowhere else."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final, Self
from urllib.parse import urlsplit

import orjson

__all__ = ["Document", "Rules", "published"]

Document = Mapping[str, Any]

# The fields that x-limits.idBytes bounds.
IDS: Final = ("userId", "anonymousId", "groupId", "previousId", "messageId")

# Events of this family act inside Customer.io: a faulty one cannot do what it says. The others are only passed on.
_ACTING_FAMILY: Final = "customerio"


def published() -> Document:
    """Read the specification that the generated package carries."""
    document: Document = orjson.loads(files("cio_pipelines").joinpath("openapi.json").read_bytes())
    return document


@dataclass(frozen=True, slots=True)
class Rules:
    """The facts of one specification that hold for every call.

    Attributes
    ----------
    prefix : str
        Path that all servers share, such as ``/v1``.
    regions : tuple of str
        The regions that have a server, such as ``us``.
    types : mapping of str to str
        Call type by path.
    batch_path : str
        The path that takes several calls.
    schemas : mapping of str to str
        Name of the request body's schema, by path.
    batchable : frozenset of str
        Call types that a batch takes.
    acting : mapping of str to str
        Name of the schema of each event that acts inside Customer.io, by every spelling of the event's name.
    strict_header : str
        Name of the header that asks for strict mode.
    key_pattern : str
        Regular expression of the keys that travel as bearer tokens.
    call_bytes, batch_bytes : int
        Largest call, and largest body of a batch, in bytes.
    batch_calls : int or None
        Most calls in a batch; None without a limit.
    lengths : mapping of str to int
        Most bytes of a field, by its name.
    window : (int, float) or None
        Most requests of one key, in any so many seconds; None without a limit.
    """

    prefix: str
    regions: tuple[str, ...]
    types: Mapping[str, str]
    batch_path: str
    schemas: Mapping[str, str]
    batchable: frozenset[str]
    acting: Mapping[str, str]
    strict_header: str
    key_pattern: str
    call_bytes: int
    batch_bytes: int
    batch_calls: int | None
    lengths: Mapping[str, int]
    window: tuple[int, float] | None

    @classmethod
    def read(cls, document: Document) -> Self:
        """Gather the facts from an OpenAPI document with this project's extensions."""
        limits = document["x-limits"]
        window = limits.get("window")
        schemas = {path: _body_schema(operation) for path, operation in _operations(document)}
        members: Document = {path: document["components"]["schemas"][name] for path, name in schemas.items()}
        types: dict[str, str] = {
            path: schema["properties"]["type"]["const"]
            for path, schema in members.items()
            if "type" in schema["properties"]
        }
        return cls(
            prefix=urlsplit(str(document["servers"][0]["url"])).path.rstrip("/"),
            regions=tuple(server["x-region"] for server in document["servers"] if "x-region" in server),
            types=types,
            batch_path=next(path for path, schema in members.items() if "batch" in schema["properties"]),
            schemas=schemas,
            batchable=frozenset(types[path] for path in types if members[path].get("x-batchable")),
            acting=_acting(document["components"]["schemas"]),
            strict_header=_strict_header(document),
            key_pattern=_key_pattern(document),
            call_bytes=limits["callBytes"],
            batch_bytes=limits["batchBytes"],
            batch_calls=limits.get("batchCalls"),
            lengths=_lengths(limits),
            window=(window["requests"], window["seconds"]) if window else None,
        )


def _operations(document: Document) -> Iterator[tuple[str, Document]]:
    for path, item in document["paths"].items():
        yield path, item["post"]


def _body_schema(operation: Document) -> str:
    reference: str = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    return reference.rpartition("/")[2]


def _strict_header(document: Document) -> str:
    parameters: Document = document["components"]["parameters"]
    name: str = next(parameter["name"] for parameter in parameters.values() if parameter["in"] == "header")
    return name


def _key_pattern(document: Document) -> str:
    schemes: Document = document["components"]["securitySchemes"]
    pattern: str = next(scheme["x-key-pattern"] for scheme in schemes.values() if scheme["scheme"] == "bearer")
    return pattern


def _lengths(limits: Document) -> dict[str, int]:
    bounds: dict[str, int | None] = dict.fromkeys(IDS, limits.get("idBytes")) | {"event": limits.get("eventNameBytes")}
    return {name: bound for name, bound in bounds.items() if bound is not None}


def _acting(schemas: Document) -> dict[str, str]:
    marks = {name: schema["x-semantic-event"] for name, schema in schemas.items() if "x-semantic-event" in schema}
    return {
        spelling: name
        for name, mark in marks.items()
        if mark["family"] == _ACTING_FAMILY
        for spelling in (mark["name"], *mark.get("aliases", ()))
    }
