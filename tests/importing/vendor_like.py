"""Documents as a vendor would write them, made from the canonical spec: its facts, in shapes that need canonicalising.

`inlined` writes everything out wherever it is used and lists all events; `referring` uses references and knows the
events of one family. Both leave out what only the project's own facts say, so that importing has to put it back.
All words in them are made up here.
"""

import random
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

MARK = "x-semantic-event"
WORDS = "Words of a vendor."
USERS = {"userId": "Known User", "anonymousId": "Anonymous User", "groupId": "Group"}
FAMILIES = {
    "customerio": "Customer.io semantic events",
    "ab_test": "A/B Test",
    "ecommerce": "Ecommerce",
    "email": "Email",
    "live_chat": "Live Chat",
    "mobile": "Mobile App",
    "video": "Video",
}

# Facts that no file of a vendor states.
OWN_EVENTS = {"PushNotificationReceived", "PushNotificationTapped"}
OWN_MEMBERS = {
    "Context": {"groupId", "library", "location", "referrer", "timezone", "traits", "userAgentData"},
    "ContextPage": {"hash"},
    "Page": {"category"},
    "Screen": {"category"},
}
MISSPELT = {"actionType": "activityType"}

WEB, MOBILE = {"campaign", "page"}, {"app", "device", "network", "os"}
UNLISTED = {"Report Content Event", "Video Quality Updated"}
UNMENTIONED = {"Video Ad Started", "Video Quality Updated"}
ODD_TITLES = {
    "Payment Info Entered": "Payment Info Given",
    "Wishlist Product Added to Cart": "Wishlisted Item Now in Cart",
}


def inlined(spec: Json) -> Json:
    """The older style: OpenAPI 3.0, no reference anywhere, every event, one region."""
    events = list(_events(spec))
    document = {
        "openapi": "3.0.0",
        "info": {
            "title": "Pipelines",
            "version": "1.0.0",
            "description": _text(spec, _table_of_families(events)) + _mentions(events),
        },
        "servers": [{"url": spec["servers"][0]["url"], "description": WORDS}],
        "tags": [
            {"name": "People", "description": WORDS + _mentions(events, "customerio")},
            {"name": "Everything else"},
        ],
        "paths": {
            path: {"post": _operation(spec, path) | {"tags": ["People" if path == "/identify" else "Everything else"]}}
            for path in spec["paths"]
        },
        "components": _components(spec),
    }
    schemas = document["components"]["schemas"]
    schemas |= {_key(mark): _event(spec, schema, mark) for schema, mark in events} | _never_used(schemas)
    return reinlined(document)


def referring(spec: Json) -> Json:
    """The newer style: OpenAPI 3.1 with references, one family of events under ``/track``, every region."""
    events = [(schema, mark) for schema, mark in _events(spec) if mark["family"] == "customerio"]
    header = {
        "name": "X-Strict-Mode",
        "in": "header",
        "required": False,
        "description": WORDS,
        "schema": {"type": "string", "enum": ["1"]},
    }
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Pipelines", "version": "1.0.0", "description": _text(spec, _table_of_names(events))},
        "servers": [{"url": server["url"], "description": WORDS} for server in spec["servers"]],
        "paths": {path: {"post": _operation(spec, path) | {"parameters": [header]}} for path in spec["paths"]},
        "components": _components(spec),
    }
    schemas = document["components"]["schemas"]
    custom = {"title": "Custom event", **schemas["track"]}
    schemas["track"] = {"oneOf": [custom, *(_ref(_key(mark)) for _, mark in events)]}
    schemas |= {_key(mark): _event(spec, schema, mark) for schema, mark in events} | _never_used(schemas)
    document["components"]["schemas"] = {name: {"x-scalar-ignore": True, **schema} for name, schema in schemas.items()}
    return document


def reshuffled(document: Json, seed: int) -> Json:
    """The same document with its mappings, sets and alternatives in another order."""
    draw = random.Random(seed)

    def shuffle(node: Any, key: str = "") -> Any:
        if isinstance(node, dict):
            items = [(name, shuffle(value, name)) for name, value in node.items()]
            return dict(draw.sample(items, len(items)))
        if isinstance(node, list):
            parts = [shuffle(part) for part in node]
            return draw.sample(parts, len(parts)) if key in {"required", "enum", "allOf", "anyOf", "oneOf"} else parts
        return node

    return shuffle(document)


def reinlined(document: Json) -> Json:
    """The same document with what they name in the place of references, but for those that lead back to themselves."""

    def inline(node: Any, within: tuple[str, ...] = ()) -> Any:
        if isinstance(node, list):
            return [inline(part, within) for part in node]
        if not isinstance(node, dict):
            return node
        target = node.get("$ref")
        if isinstance(target, str) and target not in within:
            beside = {key: value for key, value in node.items() if key != "$ref"}
            return inline(_found(document, target), (*within, target)) | inline(beside, within)
        return {key: inline(value, within) for key, value in node.items()}

    return inline(document)


def without_prose(node: Any) -> Any:
    """A document without its descriptions and summaries; members that are called so stay, since they are schemas."""
    if isinstance(node, dict):
        return {
            key: without_prose(value)
            for key, value in node.items()
            if key not in {"description", "summary"} or not isinstance(value, str)
        }
    return [without_prose(part) for part in node] if isinstance(node, list) else node


def _ref(key: str) -> Json:
    return {"$ref": f"#/components/schemas/{key}"}


def _found(document: Json, target: str) -> Any:
    found: Any = document
    for key in target.removeprefix("#/").split("/"):
        found = found[key.replace("~1", "/").replace("~0", "~")]
    return found


def _events(spec: Json) -> Iterator[tuple[Json, Json]]:
    for name, schema in spec["components"]["schemas"].items():
        if MARK in schema and name not in OWN_EVENTS:
            yield schema, schema[MARK]


def _plain(spec: Json, schema: Json) -> Json:
    """A schema of ours in a vendor's way: written out, with one-value enums and prose, without facts of our own."""
    name = schema.get("$ref", "").rpartition("/")[2]
    if name:
        schema = _found(spec, schema["$ref"])
        own = OWN_MEMBERS.get(name, set())
        if "properties" in schema:
            schema = schema | {
                "properties": {key: part for key, part in schema["properties"].items() if key not in own}
            }
    kept = {"type", "format", "enum", "minimum", "maximum", "readOnly", "required"}
    plain: Json = {key: value for key, value in schema.items() if key in kept} | {"description": WORDS}
    if "const" in schema:
        plain["enum"] = [schema["const"]]
    elif "default" in schema:
        plain["default"] = schema["default"]
    if "items" in schema:
        plain["items"] = _plain(spec, schema["items"])
    if schema.get("properties"):
        plain["properties"] = {key: _plain(spec, part) for key, part in schema["properties"].items()}
    if "additionalProperties" in schema:
        plain["additionalProperties"] = _plain(spec, schema["additionalProperties"]) | {
            "x-additionalPropertiesName": "key"
        }
    elif schema.get("type") == "object" and "properties" not in plain:
        plain["additionalProperties"] = {"x-additionalPropertiesName": "Keys of your own", "description": WORDS}
    return plain


def _object(properties: Json, required: Any = ()) -> Json:
    return {"type": "object", "properties": properties} | ({"required": list(required)} if required else {})


def _of(schema: Json, keys: Any) -> Json:
    return {key: part for key, part in schema["properties"].items() if key in keys}


# Calls


def _calls(spec: Json) -> dict[str, str]:
    """The names of the calls by path; the batch, which carries them, is none."""
    bodies = {
        path: item["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        for path, item in spec["paths"].items()
    }
    return {path: name for path, name in bodies.items() if path != "/batch"}


def _components(spec: Json) -> Json:
    calls = _calls(spec)
    plain = {name: _plain(spec, _ref(name)) for name in calls.values()}
    common = set.intersection(*(set(schema["properties"]) for schema in plain.values())) - {"context", "type", *USERS}
    context = _plain(spec, _ref("Context"))
    shared = _object(_of(next(iter(plain.values())), common))
    shared["properties"]["integrations"] = _ref("integrations")
    shared["properties"]["type"] = {"readOnly": True, "type": "string", "enum": [path[1:] for path in calls]}
    schemas = {
        "userId": {"type": "string", "description": WORDS},
        "anonymousId": {"type": "string", "description": WORDS},
        "integrations": _plain(spec, _ref("Integrations")),
        "common_fields": shared,
        "context_common": _object(_of(context, set(context["properties"]) - WEB - MOBILE)),
        "context_non_mobile": _context("Non-mobile", _of(context, WEB)),
        "context_mobile": _context("Mobile", _of(context, MOBILE)),
        "context": {"description": WORDS, "oneOf": [_ref("context_non_mobile"), _ref("context_mobile")]},
        "all_common_fields": _common_fields("context"),
        "page_common_fields": _common_fields("context_non_mobile"),
        "screen_common_fields": _common_fields("context_mobile"),
    }
    for path, name in calls.items():
        key = f"{path[1:]}_common_fields"
        variants = _variants(spec, name, common | {"context"})
        parts = [
            {**variant, "allOf": [*variant["allOf"], _ref(key if key in schemas else "all_common_fields")]}
            for variant in variants
        ]
        schemas[path[1:]] = parts[0] if len(parts) == 1 else {"oneOf": parts}
    schemas["batch"] = _object(
        {
            "batch": {
                "type": "array",
                "description": WORDS,
                "items": {"anyOf": list(_items(spec, common | {"context"}))},
            },
            "context": _ref("context"),
            "integrations": _ref("integrations"),
        }
    )
    return {
        "schemas": schemas,
        "responses": _responses(),
        "securitySchemes": {"Basic-Auth": {"type": "http", "scheme": "basic"}},
    }


def _context(title: str, properties: Json) -> Json:
    return {"title": title, "description": WORDS, "allOf": [_ref("context_common"), _object(properties)]}


def _common_fields(context: str) -> Json:
    return {"allOf": [_ref("common_fields"), _object({"context": _ref(context)})]}


def _variants(spec: Json, name: str, common: set[str], *required: str) -> list[Json]:
    """A call as one schema for each way to say whose it is, without the members that all calls have."""
    schema = spec["components"]["schemas"][name]
    own = {key: part for key, part in _plain(spec, _ref(name))["properties"].items() if key not in common}
    own |= {key: _ref(key) for key in own if key in {"userId", "anonymousId"}}
    needed = [*schema.get("required", ()), *required]
    users = [branch["required"][0] for branch in schema.get("anyOf", ()) if "properties" not in branch]
    return [
        {
            "title": USERS[user],
            "allOf": [_object({key: own[key] for key in own if key not in {*users} - {user}}, [user, *needed])],
        }
        for user in users
    ] or [{"allOf": [_object(own, needed)]}]


def _items(spec: Json, common: set[str]) -> Iterator[Json]:
    """What a batch holds: one call by reference, of the others copies of one half; alias is forgotten."""
    yield {"title": "Identify", **_ref("identify")}
    for name in ("Track", "Page", "Screen", "Group"):
        yield {"title": name, "oneOf": _variants(spec, name, common, "type")[:2]}


def _responses() -> Json:
    errors = _object({"meta": _object({"errors": {"type": "array", "items": {"type": "string"}}})})
    return {
        "200": {"description": WORDS},
        "400": {"description": WORDS, "content": {"application/json": {"schema": errors}}},
        "401": {"description": WORDS},
    }


def _operation(spec: Json, path: str) -> Json:
    return {
        "operationId": spec["paths"][path]["post"]["operationId"],
        "summary": WORDS,
        "description": WORDS,
        "servers": [{"url": spec["servers"][0]["url"], "description": WORDS}],
        "security": [{"Basic-Auth": []}],
        "requestBody": {"content": {"application/json": {"schema": _ref(path[1:])}}},
        "responses": {"200": {"$ref": "#/components/responses/200"}},
    }


# Events


def _key(mark: Json) -> str:
    first, *rest = mark["name"].lower().split()
    changed = {"customerio": [*reversed(rest), first], "mobile": ["app", *rest], "email": ["email", "event", *rest]}
    return "_".join(changed.get(mark["family"], [first, *rest]))


def _event(spec: Json, schema: Json, mark: Json) -> Json:
    title = {"title": ODD_TITLES.get(mark["name"], mark["name"])}
    match mark["family"]:
        case "customerio":
            return {"title": " ".join(_key(mark).split("_")).title(), **_whole_call(spec, schema, mark)}
        case "mobile":
            return {"oneOf": [_mobile_call(spec, schema, mark, user) for user in ("userId", "anonymousId")]}
        case "email":
            return _object({"properties": _in_parts(_plain(spec, schema)), "context": _plain(spec, mark["context"])})
        case "ecommerce" | "video":
            return title | _in_parts(_plain(spec, schema))
    return _plain(spec, schema)


def _whole_call(spec: Json, schema: Json, mark: Json) -> Json:
    plain = _plain(spec, schema)
    event = {"type": "string", "enum": [mark["name"]]}
    if mark["shape"] == "envelope":
        needed = ["event", *plain["required"]]
        return _object(_of(plain, {*needed, "properties", "timestamp"}) | {"event": event}, needed)
    plain["required"] = [MISSPELT.get(name, name) for name in plain.get("required", ())]
    return _object(
        {"event": event, "timestamp": {"type": "string", "format": "date-time"}, "properties": plain},
        ["event", "properties"],
    )


def _mobile_call(spec: Json, schema: Json, mark: Json, user: str) -> Json:
    properties = {
        user: {"type": "string", "description": WORDS},
        "type": {"type": "string", "enum": ["track"]},
        "event": {"type": "string", "enum": [mark["name"]]},
        "properties": _plain(spec, schema),
    }
    return {"title": USERS[user], **_object(properties)}


def _in_parts(schema: Json) -> Json:
    """A large object as an allOf of two objects that share a member in the middle."""
    keys = list(schema.get("properties", ()))
    if len(keys) < 4:
        return schema
    half = len(keys) // 2
    first = _object(_of(schema, keys[: half + 1]), schema.get("required", ()))
    return {"description": WORDS, "allOf": [first, _object(_of(schema, keys[half:]))]}


def _never_used(schemas: Json) -> Json:
    """Components that nothing refers to: drafts, rows of a warehouse, mappings whose defaults are paths."""
    value = {"type": "string", "default": "$.context.page.referrer"}
    flag = {"type": "boolean", "default": "$.context.active"}
    time = {"type": "string", "format": "date-time", "default": "$.timestamp"}
    row = _object(
        {"id": {"type": "string"}, "received_at": {"type": "string", "format": "date-time"}, "context": _ref("context")}
    )
    return {
        "identify_bad": schemas["identify"],
        "group_bad": _object({"type": {"type": "string", "enum": ["group"]}}, ["type", "objectTypeId"]),
        "etl_identify": row,
        "etl_tracks": {"allOf": [row, _object({"event": {"type": "string"}, "event_text": {"type": "string"}})]},
        "destination_set": {
            "allOf": [_object({"referrer": value, "active": flag}), {"description": WORDS, **_object({"time": time})}]
        },
    }


# Text


def _text(spec: Json, table: str) -> str:
    limits, window = spec["x-limits"], spec["x-limits"]["window"]
    call, batch = limits["callBytes"] // 1024, limits["batchBytes"] // 1000
    return f"""# About

{WORDS}

## Limits

A request is limited to {call}KB. A batch request is limited to {batch}KB, and to {call}KB for each call.
Send no more than {window["requests"]} requests per {window["seconds"]} seconds.

# Semantic events

{table}
"""


def _listed(mark: Json) -> list[str]:
    """An event's name and aliases as a table has them: where two differ in capitals only, the alias."""
    aliases = mark.get("aliases", [])
    name = next((alias for alias in aliases if alias.lower() == mark["name"].lower()), mark["name"])
    return [] if name in UNLISTED else [name, *(alias for alias in aliases if alias != name)]


def _table_of_families(events: list[tuple[Json, Json]]) -> str:
    rows = ["| Type | Events |", "|------|--------|"]
    families = FAMILIES
    for family, label in families.items():
        names = [name for _, mark in events if mark["family"] == family for name in _listed(mark)]
        rows.append(f"| {label} | {', '.join(f'`{name}`' for name in names)} |")
    return "\n".join(rows)


def _table_of_names(events: list[tuple[Json, Json]]) -> str:
    rows = [f"| `{name}` | {WORDS} |" for _, mark in events for name in _listed(mark)[:1]]
    return "\n".join(["| Event Name | Description |", "|------|--------|", *rows])


def _mentions(events: list[tuple[Json, Json]], *families: str) -> str:
    """The schemas of events under headings: of the families asked for, else of all but the vendor's own."""
    parts = []
    for family in families or (family for family in FAMILIES if family != "customerio"):
        parts.append(f"\n## {FAMILIES[family]} event schemas\n")
        parts += [_mention(mark) for _, mark in events if mark["family"] == family and mark["name"] not in UNMENTIONED]
    return "".join(parts)


def _mention(mark: Json) -> str:
    schema = f'<SchemaDefinition schemaRef="#/components/schemas/{_key(mark)}" />'
    return f"\n### {mark['name'].capitalize()}\n\n{WORDS}\n\n{schema}\n"
