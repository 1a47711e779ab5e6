import copy
import re
from dataclasses import replace
from types import SimpleNamespace

import pytest

from scripts.importer.document import SourceError
from scripts.importer.importing import Facts, import_documents
from scripts.importer.overlay import Overlay
from scripts.importer.prose import Prose
from scripts.importer.reading import LimitText, Reading

TEXT, NUMBER = {"type": "string"}, {"type": "number"}
READING = Reading(
    identity=("userId",),
    shared=("event", "properties", "userId"),
    family="fleet",
    limits=(LimitText(re.compile(r"at most (?P<crew>\d+) sailors")),),
)


def thing(*required, **members):
    return {"type": "object", "properties": members} | ({"required": list(required)} if required else {})


def media(schema):
    return {"content": {"application/json": {"schema": schema}}}


def vendor(body=None, *, text="", path="/boats", schemas=None, **parts):
    """Return a vendor's document of one call."""
    body = thing(name=TEXT, length=NUMBER) if body is None else body
    post = {"operationId": "build", "requestBody": media(body), "responses": {"200": {"description": "Fine."}}}
    return {
        "openapi": "3.0.3",
        "info": {"title": "Boats", "version": "1", "description": text},
        "paths": {path: {"post": post}},
        "components": {"schemas": schemas or {}},
        **parts,
    }


def event(name, **members):
    return thing(event={"type": "string", "enum": [name]}, properties=thing(**members))


def of_events(**schemas):
    return {
        "openapi": "3.1.0",
        "info": {"title": "Events", "version": "1"},
        "paths": {},
        "components": {"schemas": schemas},
    }


def run(*documents, committed=None, facts=None, **options):
    """Import documents as files called a, b, ..."""
    named = dict(zip("abc", documents, strict=False))
    before = copy.deepcopy([named, committed])
    found = import_documents(named, committed or {}, facts or Facts(), **options)
    assert [named, committed] == before
    return found


def said(found):
    return [(change.kind, change.subject, change.name) for change in found.changes]


def names(changes):
    return sorted(change.name for change in changes)


@pytest.fixture
def overlay(tmp_path):
    """Make an overlay of actions: what to change, and the update (None removes it)."""

    def made(*actions):
        lines = ["overlay: 1.0.0", "info: {title: Facts, version: '1'}", "actions:"]
        for target, update in actions:
            lines += [
                f"  - target: {target}",
                "    description: We know it.",
                f"    {f'update: {update}' if update else 'remove: true'}",
            ]
        path = tmp_path / "overlay.yaml"
        path.write_text("\n".join(lines), "utf-8")
        return Facts(reading=READING, overlay=Overlay.read(path))

    return made


def schemas(found):
    return found.spec["components"]["schemas"]


# From nothing


def test_without_a_committed_spec_everything_is_new():
    found = run(vendor())
    assert schemas(found) == {"Build": thing(name=TEXT, length=NUMBER)}
    assert found.spec["openapi"] == "3.1.0"
    assert said(found) == [("added", "endpoint", "POST /boats")]
    assert (found.kept, found.unspoken, found.undescribed, found.needless) == (frozenset(), (), (), ())


def test_limits_and_events_are_read_by_the_facts():
    found = run(
        vendor(text="A boat takes at most 7 sailors.", schemas={"e": event("Boat Sailed", wind=NUMBER)}),
        facts=Facts(READING),
    )
    assert found.spec["x-limits"] == {"crew": 7}
    assert schemas(found)["BoatSailed"]["x-semantic-event"] == {
        "name": "Boat Sailed",
        "family": "fleet",
        "shape": "properties",
    }
    assert "description" not in found.spec["info"]


def test_what_is_written_can_be_imported_without_a_change():
    spec = run(vendor(thing("name", name=TEXT, sails={"type": "array", "items": thing(area=NUMBER)}))).spec
    found = run(spec, committed=spec)
    assert (found.spec, found.changes, found.kept, found.unspoken) == (spec, (), frozenset(), ())


def test_the_same_file_again_changes_nothing():
    source = vendor(schemas={"e": event("Boat Sailed", wind=NUMBER)}, text="at most 7 sailors")
    spec = run(source, facts=Facts(READING)).spec
    found = run(source, committed=spec, facts=Facts(READING))
    assert (found.spec, found.changes) == (spec, ())


# What the files no longer have


@pytest.fixture
def boats():
    return run(vendor(thing(name=TEXT, colour={"type": "string", "enum": ["blue", "red"]}))).spec


SHORTER = vendor(thing(colour={"type": "string", "enum": ["blue", "green"]}))
ALL = [("added", "models.BuildColour"), ("removed", "models.Build.name"), ("removed", "models.BuildColour")]


def what(changes):
    return sorted((change.kind, change.name) for change in changes)


def test_what_the_files_no_longer_have_is_kept_and_said(boats):
    found = run(SHORTER, committed=boats)
    assert schemas(found)["Build"]["properties"].keys() == {"name", "colour"}
    assert schemas(found)["BuildColour"]["enum"] == ["blue", "green", "red"]
    assert what(found.kept) == [("removed", "models.Build.name"), ("removed", "models.BuildColour")]
    assert what(found.changes) == ALL


def test_what_the_files_no_longer_have_goes_when_it_is_pruned(boats):
    found = run(SHORTER, committed=boats, pruned=True)
    assert schemas(found)["Build"]["properties"].keys() == {"colour"}
    assert schemas(found)["BuildColour"]["enum"] == ["blue", "green"]
    assert found.kept == frozenset()
    assert what(found.changes) == ALL


def test_what_was_kept_is_said_again_the_next_time(boats):
    kept = run(SHORTER, committed=boats).spec
    found = run(SHORTER, committed=kept)
    assert found.spec == kept
    assert (
        what(found.changes) == what(found.kept) == [("removed", "models.Build.name"), ("removed", "models.BuildColour")]
    )


def test_what_is_new_is_no_kept_change(boats):
    found = run(
        vendor(thing(name=TEXT, length=NUMBER, colour={"type": "string", "enum": ["blue", "red"]})), committed=boats
    )
    assert said(found) == [("added", "property", "models.Build.length")]
    assert found.kept == frozenset()


def test_an_endpoint_that_is_gone_is_kept_with_its_components(boats):
    both = vendor()
    both["paths"]["/ships"] = {
        "post": {"operationId": "ship", "requestBody": media(thing(decks=NUMBER)), "responses": {}}
    }
    spec = run(both).spec
    found = run(vendor(), committed=spec)
    assert found.spec == spec
    assert names(found.kept) == ["POST /ships"]
    assert "Ship" not in schemas(run(vendor(), committed=spec, pruned=True))


def test_a_changed_type_is_made_not_kept(boats):
    found = run(vendor(thing(name=NUMBER, colour={"type": "string", "enum": ["blue", "red"]})), committed=boats)
    assert schemas(found)["Build"]["properties"]["name"] == NUMBER
    assert names(found.changes) == ["models.Build.name"]
    assert found.kept == frozenset()


def test_an_event_that_is_renamed_is_new_and_the_old_one_kept():
    facts = Facts(READING)
    spec = run(of_events(e=event("Boat Sailed", wind=NUMBER)), facts=facts).spec
    found = run(of_events(e=event("Boat Left", wind=NUMBER)), committed=spec, facts=facts)
    assert schemas(found).keys() == {"BoatSailed", "BoatLeft"}
    assert len(found.kept) == 1
    assert any(change.kind == "added" and change not in found.kept for change in found.changes)


def test_a_changed_parameter_is_made():
    one, other = vendor(), vendor()
    for document, schema in ((one, TEXT), (other, NUMBER)):
        document["paths"]["/boats"]["post"]["parameters"] = [{"name": "limit", "in": "query", "schema": schema}]
    found = run(other, committed=run(one).spec)
    assert [one["schema"] for one in found.spec["paths"]["/boats"]["post"]["parameters"]] == [NUMBER]
    assert found.kept == frozenset()


@pytest.mark.parametrize("pruned", [False, True])
def test_a_part_that_an_event_shares_with_what_the_files_are_silent_about_is_one_class(pruned):
    facts = Facts(READING)
    sailed = event("Boat Sailed", crew=thing(name=TEXT), wind=NUMBER)
    hired = event("Sailor Hired", crew=thing(name=TEXT))
    text = {"description": "| Crew | `Sailor Hired` |"}
    both = of_events(a=sailed, b=hired)
    both["info"] |= text
    spec = run(both, facts=facts).spec
    assert schemas_of_crew(spec, "SailorHired").keys() == {"name"}
    found = run(
        of_events(a=event("Boat Sailed", crew=thing(name=TEXT, rank=TEXT), wind=NUMBER)),
        committed=spec,
        facts=facts,
        pruned=pruned,
    )
    assert found.unspoken == ("events.crew",)
    assert schemas_of_crew(found.spec, "BoatSailed").keys() == {"name", "rank"}
    # Both have it under one name, and callers know one class: what is new there is new for both.
    assert schemas_of_crew(found.spec, "SailorHired").keys() == {"name", "rank"}
    assert [(change.kind, change.subject) for change in found.changes] == [("added", "property")]


def schemas_of_crew(spec, name):
    reference = spec["components"]["schemas"][name]["properties"]["crew"]["$ref"]
    return spec["components"]["schemas"][reference.rpartition("/")[2]]["properties"]


# What the files do not speak of


def test_what_the_files_do_not_speak_of_stays_and_is_no_change():
    facts = Facts(READING)
    spec = run(vendor(schemas={"e": event("Boat Sailed", wind=NUMBER)}), facts=facts).spec
    for pruned in (False, True):
        found = run(vendor(), committed=spec, facts=facts, pruned=pruned)
        assert (found.spec, found.changes, found.unspoken) == (spec, (), ("events.fleet",))
        found = run(of_events(e=event("Boat Sailed", wind=NUMBER)), committed=spec, facts=facts, pruned=pruned)
        assert (found.spec["paths"], schemas(found)) == (spec["paths"], spec["components"]["schemas"])
        assert (found.changes, found.unspoken) == ((), ("paths",))


def test_the_newest_file_counts():
    found = run(
        vendor(thing(name=NUMBER)),
        vendor(thing(name=TEXT, old=TEXT)),
        of_events(e=event("Boat Sailed")),
        facts=Facts(READING),
    )
    assert schemas(found)["Build"] == thing(name=NUMBER)
    assert "BoatSailed" in schemas(found)


# Corrections


def test_corrections_are_applied(overlay):
    facts = overlay(
        ("$.components.schemas.Build", "{required: [name]}"), ("$.components.schemas.Build.properties.length", None)
    )
    found = run(vendor(), facts=facts)
    assert schemas(found)["Build"] == thing("name", name=TEXT)
    assert found.needless == ()


def test_a_correction_is_no_change_of_the_files(overlay):
    facts = overlay(("$.components.schemas.Build", "{required: [name]}"))
    spec = run(vendor(), facts=facts).spec
    found = run(vendor(), committed=spec, facts=facts)
    assert (found.spec, found.changes) == (spec, ())


def test_a_correction_that_the_files_have_made_is_needless(overlay):
    facts = overlay(("$.components.schemas.Build", "{required: [name]}"), ("$.info", "{title: Our boats}"))
    found = run(vendor(thing("name", name=TEXT)), facts=facts)
    assert [str(action) for action in found.needless] == ["overlay action 1 ($.components.schemas.Build: We know it.)"]


def test_a_correction_of_what_the_files_do_not_speak_of_is_not_needless(overlay):
    facts = overlay(("$.components.schemas.BoatSailed", "{required: [wind]}"))
    spec = run(vendor(schemas={"e": event("Boat Sailed", wind=NUMBER)}), facts=facts).spec
    assert schemas(SimpleNamespace(spec=spec))["BoatSailed"]["required"] == ["wind"]
    found = run(vendor(), committed=spec, facts=facts)
    assert (found.spec, found.needless) == (spec, ())


def test_a_correction_that_matches_nothing_is_refused(overlay):
    facts = overlay(("$.components.schemas.Ship", "{required: [name]}"))
    with pytest.raises(
        SourceError, match=r"overlay action 1 \(\$\.components\.schemas\.Ship: We know it\.\): matches nothing"
    ):
        run(vendor(), facts=facts)


def test_a_correction_of_what_was_kept_still_applies(overlay, boats):
    facts = overlay(("$.components.schemas.Build.properties.name", "{minLength: 1}"))
    found = run(SHORTER, committed=boats, facts=facts)
    assert schemas(found)["Build"]["properties"]["name"] == TEXT | {"minLength": 1}
    with pytest.raises(SourceError, match="matches nothing"):
        run(SHORTER, committed=boats, facts=facts, pruned=True)


# Texts


def test_our_texts_are_put_in_and_the_vendors_left_out():
    prose = Prose({"Build": "A boat.", "Build.name": "What it is called.", "info": "Boats of all sizes."})
    source = vendor(
        thing(name=TEXT | {"description": "Vendor's words."}, length=NUMBER | {"description": "More."}), text="Theirs."
    )
    found = run(source, facts=Facts(prose=prose))
    assert schemas(found)["Build"]["description"] == "A boat."
    assert schemas(found)["Build"]["properties"]["name"]["description"] == "What it is called."
    assert found.spec["info"]["description"] == "Boats of all sizes."
    assert "Vendor" not in str(found.spec)
    assert "Build.length" in found.undescribed
    assert "Build.name" not in found.undescribed


def test_texts_of_the_committed_spec_are_no_change():
    facts = Facts(prose=Prose({"Build": "A boat."}))
    spec = run(vendor(), facts=facts).spec
    assert run(vendor(), committed=spec, facts=facts).changes == ()
    assert run(vendor(), committed=spec, facts=Facts(prose=Prose({"Build": "A vessel."}))).changes == ()


# What is refused


def test_another_api_is_refused(boats):
    with pytest.raises(SourceError, match="another API"):
        run(vendor(path="/cars"), committed=boats)


def test_one_path_in_common_is_enough(boats):
    both = vendor()
    both["paths"]["/cars"] = {"get": {"operationId": "cars", "responses": {}}}
    assert "/cars" in run(both, committed=boats).spec["paths"]


def test_events_alone_are_no_other_api(boats):
    found = run(of_events(e=event("Boat Sailed")), committed=boats, facts=Facts(READING))
    assert found.spec["paths"] == boats["paths"]
    assert "BoatSailed" in schemas(found)


@pytest.mark.parametrize("source", [of_events(), of_events(Boat=thing(a=TEXT)), {"openapi": "3.1.0", "paths": {}}])
def test_a_file_with_nothing_to_import_is_refused(source, boats):
    for committed in ({}, boats):
        with pytest.raises(SourceError, match="no paths and no events"):
            run(source, committed=committed, facts=Facts(READING))


def test_a_refusal_names_the_file():
    with pytest.raises(SourceError, match=r"^b: build: allOf: "):
        run(vendor(), vendor({"allOf": [TEXT, NUMBER]}))


# Facts in a folder


CALL = "call: {event: e, properties: p, context: c, identity: [i], shared: [e, p]}\n"


def test_facts_may_be_absent(tmp_path):
    assert Facts.read(tmp_path) == Facts()
    (tmp_path / "prose.yaml").write_text("schemas: {Build: A boat.}", "utf-8")
    assert Facts.read(tmp_path) == Facts(prose=Prose({"Build": "A boat."}))


def test_facts_are_read(tmp_path):
    (tmp_path / "reading.yaml").write_text(
        f"{CALL}"
        "family: own\nfamilies: {A/B Test: ab_test}\nlimits:\n  - {text: '(?P<crew>\\d+) sailors', unit: 2}\n",
        "utf-8",
    )
    reading = Facts.read(tmp_path).reading
    assert (reading.event, reading.identity, reading.family) == ("e", ("i",), "own")
    assert reading.families == {"a/b test": "ab_test"}
    assert reading.limits[0].unit == 2
    assert reading.limits[0].pattern.search("12 Sailors")["crew"] == "12"


@pytest.mark.parametrize(("name", "text"), [("overlay.yaml", "overlay: 2"), ("prose.yaml", "nonsense: {a: b}")])
def test_unsound_facts_are_refused_by_name(tmp_path, name, text):
    (tmp_path / name).write_text(text, "utf-8")
    with pytest.raises(SourceError, match=rf"^{re.escape(str(tmp_path / name))}: "):
        Facts.read(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- call",
        "family: own",
        "call: {event: e}\nfamily: own\nfamilies: {}\nlimits: []",
        f"{CALL}family: own\nfamilies: {{}}\nlimits: [{{text: '('}}]",
        "call: [",
    ],
    ids=["empty", "a list", "no call", "half a call", "no pattern", "no YAML"],
)
def test_an_unsound_reading_is_refused_by_name(tmp_path, text):
    (tmp_path / "reading.yaml").write_text(text, "utf-8")
    with pytest.raises(SourceError, match=r"reading\.yaml: [^\n]+$"):
        Facts.read(tmp_path)


# What is written must be sound


def test_parts_that_the_canonical_form_does_not_have_are_left_out():
    hook = {"gone": {"post": {"requestBody": media({"$ref": "#/components/schemas/Note"})}}}
    found = run(vendor(webhooks=hook, schemas={"Note": thing(text=TEXT)}))
    assert found.spec.keys() == {"openapi", "info", "paths", "components"}
    assert found.spec["components"]["schemas"].keys() == {"Build"}


def test_callbacks_and_what_no_client_reads_of_an_answer_are_left_out():
    source = vendor(schemas={"Note": thing(text=TEXT)})
    post = source["paths"]["/boats"]["post"]
    noted = {"schema": {"$ref": "#/components/schemas/Note"}}
    post["responses"]["200"]["headers"] = {"X-Note": noted}
    post["callbacks"] = {"done": {"{$url}": {"post": {"requestBody": {"content": {"application/json": noted}}}}}}
    spec = run(source).spec
    assert spec["paths"]["/boats"]["post"].keys() == {"operationId", "requestBody", "responses"}
    assert "headers" not in spec["paths"]["/boats"]["post"]["responses"]["200"]
    assert run(source, committed=spec).changes == ()


def test_an_operation_that_has_moved_is_not_kept_in_its_old_place():
    spec = run(vendor(), vendor()).spec
    both = vendor(path="/v2/boats")
    both["paths"]["/ping"] = {"get": {"operationId": "ping", "responses": {"200": {"description": ""}}}}
    spec["paths"]["/ping"] = both["paths"]["/ping"]
    found = run(both, committed=spec)
    assert found.spec["paths"].keys() == {"/v2/boats", "/ping"}
    assert found.kept == frozenset()


@pytest.mark.parametrize("pruned", [False, True])
def test_a_sentence_that_is_not_found_lifts_no_limit(pruned):
    facts = Facts(READING)
    spec = run(vendor(text="Take at most 5 sailors."), facts=facts).spec
    found = run(vendor(text="Five sailors will do."), committed=spec, facts=facts, pruned=pruned)
    assert found.spec["x-limits"] == {"crew": 5}
    assert found.changes == ()
    assert found.unspoken == ("x-limits.crew",)


def test_a_server_without_a_region_is_refused_where_the_others_have_one():
    servers = [{"url": "https://boats.test", "x-region": "sea"}]
    spec = run(vendor(servers=servers)).spec
    with pytest.raises(SourceError, match=r"^servers: https://lakes.test has no region: name it in overlay.yaml"):
        run(vendor(servers=[*servers, {"url": "https://lakes.test"}]), committed=spec)


def test_a_choice_that_may_be_null_from_now_on_keeps_its_name():
    rig = {"type": "string", "enum": ["ketch", "sloop"]}
    spec = run(vendor(thing(rig=rig))).spec
    found = run(vendor(thing(rig={**rig, "nullable": True})), committed=spec)
    assert found.spec["components"]["schemas"].keys() == spec["components"]["schemas"].keys() == {"Build", "BuildRig"}


@pytest.mark.parametrize("pruned", [False, True])
def test_a_sentence_that_is_not_found_beside_one_that_is_lifts_no_limit_either(pruned):
    facts = Facts(replace(READING, limits=(*READING.limits, LimitText(re.compile(r"(?P<mates>\d+) mates")))))
    spec = run(vendor(text="Take at most 5 sailors and 2 mates."), facts=facts).spec
    found = run(vendor(text="Take 3 mates."), committed=spec, facts=facts, pruned=pruned)
    assert found.spec["x-limits"] == {"crew": 5, "mates": 3}
    assert found.unspoken == ("x-limits.crew",)


def test_an_event_keeps_its_class_when_its_words_get_other_capitals():
    spec = run(of_events(a=event("Boat Sailed", crew=TEXT)), facts=Facts(READING)).spec
    found = run(of_events(a=event("Boat sailed", crew=TEXT)), committed=spec, facts=Facts(READING))
    assert found.spec["components"]["schemas"].keys() == {"BoatSailed"}
