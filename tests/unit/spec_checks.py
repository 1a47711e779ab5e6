"""What the spec says of a call: its own schema, and that of the event which it is."""

import json
from functools import cache
from importlib.resources import files

from drawing import plain
from hypothesis import strategies as st
from jsonschema_rs import Draft202012, Draft202012Validator, Registry

from cio_facade.config import Limits
from cio_facade.encoding import Encoder

SPEC = json.loads(files("cio_pipelines").joinpath("openapi.json").read_bytes())
SCHEMAS = SPEC["components"]["schemas"]
CALLS = {schema["properties"]["type"]["const"]: name for name, schema in SCHEMAS.items() if "x-batchable" in schema}
EVENTS = {
    spelling: name
    for name, schema in SCHEMAS.items()
    if (event := schema.get("x-semantic-event"))
    for spelling in (event["name"], *event.get("aliases", ()))
}
REGISTRY = Registry([("urn:spec", SPEC)], draft=Draft202012)


def sent(message, **settings):
    """The call as a server gets it."""
    encoder = Encoder(Limits(), lambda: "id-1", **settings)
    return json.loads(encoder.encode(message).data)


def problems(call):
    """What is wrong with a call by the schemas of the spec; empty when nothing is."""
    found = _broken(f"#/components/schemas/{CALLS[call['type']]}", call)
    if call["type"] == "track" and (name := EVENTS.get(call["event"])):
        event = SCHEMAS[name]["x-semantic-event"]
        if event["shape"] == "envelope":
            found += _broken(f"#/components/schemas/{name}", {**call, "event": event["name"]})
        else:
            found += _broken(f"#/components/schemas/{name}", call.get("properties", {}))
        if "context" in event:
            found += _broken(event["context"]["$ref"], call.get("context", {}))
    return found


def json_of(schema):
    """A strategy for JSON that a schema of the spec describes, with what it names only."""
    if "$ref" in schema:
        return st.deferred(lambda: json_of(SCHEMAS[schema["$ref"].rpartition("/")[2]]))
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "properties" not in schema and "anyOf" in schema:
        return st.one_of(*map(json_of, schema["anyOf"]))
    match schema.get("type"):
        case [*types]:
            return st.one_of(*(json_of({**schema, "type": each}) for each in types))
        case "array":
            return st.lists(json_of(schema.get("items", {})), max_size=2)
        case "object":
            members = {name: json_of(member) for name, member in schema.get("properties", {}).items()}
            required = {name: members.pop(name) for name in schema.get("required", ())}
            return st.fixed_dictionaries(required, optional=members)
        case None:
            return st.none() | st.booleans() | st.text(max_size=3)
    return plain(schema, least=1).filter(lambda value: not str(value).isspace())


@cache
def _validator(reference):
    return Draft202012Validator(
        {"$ref": f"urn:spec{reference}"}, registry=REGISTRY, validate_formats=True, offline=True
    )


def _broken(reference, instance):
    return [error.message for error in _validator(reference).iter_errors(instance)]
