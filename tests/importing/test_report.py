"""The change report reads well for people, parses for programs, and says no more than the changes do."""

import json
from itertools import product
from typing import get_args

import pytest

from scripts.importer.report import EXIT_CODES, Section, listed, render, sections, verdict
from scripts.importer.rules import SORTS, Change, Kind


def change(subject, kind, name, before="", after="", breaking=False):
    return Change(name=name, subject=subject, kind=kind, before=before, after=after, breaking=breaking)


def text(changes, kept=frozenset()):
    return render(sections(changes, kept=kept))


TYPE = change("type", "changed", "boats.Hull.weight", "string", "number", breaking=True)
GONE = change("property", "removed", "boats.Hull.wood", "string", breaking=True)
NEW = change("event", "added", "boats.BoatMoored", after='event "Boat Moored"')


def test_people_read_what_breaks_first():
    assert (
        text([NEW, GONE, TYPE])
        == """\
### Breaking

- `boats.Hull.weight`: type number, was string
- `boats.Hull.wood`: property removed, was string

### Compatible

- `boats.BoatMoored`: added, `event "Boat Moored"`
"""
    )


def test_no_change_is_said_so():
    assert text([]) == "No change.\n"


def test_what_is_kept_is_neither_breaking_nor_compatible():
    report = text([NEW, GONE], kept={GONE})
    assert report.splitlines()[-1] == "- `boats.Hull.wood`: gone from the vendor's file; kept, goes with --prune"
    assert "Breaking" not in report
    assert text([NEW], kept={GONE}) == report


@pytest.mark.parametrize(
    ("kept", "line"),
    [
        (change("endpoint", "removed", "POST /moor 400", "models.A"), "`POST /moor 400`: gone from the vendor's file"),
        (change("region", "removed", "region moon", "https://a"), "`region moon`: gone from the vendor's file"),
        (change("event", "removed", "boats.A", 'event "A"'), '`boats.A`: `event "A"` gone from the vendor\'s file'),
        (change("event", "removed", "boats.A", 'alias "B"'), '`boats.A`: `alias "B"` gone from the vendor\'s file'),
        # What identifies a call may have a member called `event`.
        (
            change("identity", "removed", "models.A", 'event "b"'),
            '`models.A`: can no longer be identified by `event "b"` in the vendor\'s file',
        ),
        (
            change("identity", "removed", "models.A", "group_id"),
            "`models.A`: can no longer be identified by `group_id` in the vendor's file",
        ),
        (change("enum", "removed", "boats.A", '"b"'), '`boats.A`: value `"b"` removed in the vendor\'s file'),
        (
            change("event", "renamed", "boats.A", after="boats.B"),
            "`boats.A`: renamed, now boats.B in the vendor's file",
        ),
        (change("required", "removed", "boats.A.b"), "`boats.A.b`: no longer required in the vendor's file"),
    ],
)
def test_what_is_kept_says_what_became_of_it(kept, line):
    assert sections([], kept={kept}) == (Section("Kept", (f"{line}; kept, goes with --prune",)),)


@pytest.mark.parametrize("subject", ["event", "identity", "enum"])
def test_each_thing_that_goes_from_a_component_has_a_line_of_its_own(subject):
    gone = {change(subject, "removed", "models.Sail", f'event "{name}"') for name in ("Launched", "Sunk")}
    for ((_, lines),) in (sections(gone), sections([], kept=gone)):
        assert ["Launched" in line for line in lines] == [True, False]


def test_what_reads_the_same_is_said_once():
    made = [change("enum", "removed", "models.Rig", value) for value in ('"a b"', '"a  b"')]
    assert text(made).count("- ") == text([], kept=made).count("- ") == 1


def test_nothing_new_is_kept_from_being_made():
    """Beside a member that was kept a new one may have another name than alone."""
    alone, beside = (change("property", "added", f"boats.Hull.{name}", after="string") for name in ("wood", "Wood"))
    assert text([alone, beside], kept={alone}) == text([beside])
    assert listed([alone, beside], kept={alone}) == listed([beside])


LINES = {
    "a call of batches": (change("call", "added", "models.Drift"), "`models.Drift`: new call, in batches alone"),
    "a removed call": (change("call", "removed", "models.Drift"), "`models.Drift`: call removed"),
    "a call without endpoint": (
        change("call", "changed", "models.Sail", "a call of its own", "part of other calls"),
        "`models.Sail`: part of other calls, was a call of its own",
    ),
    "a removed class": (change("type", "removed", "models.Hull"), "`models.Hull`: type removed"),
    "a deprecated member": (
        change("property", "changed", "boats.Hull.wood", "not deprecated", "deprecated"),
        "`boats.Hull.wood`: deprecated, was not deprecated",
    ),
    "a renamed member": (
        change("property", "renamed", "boats.Hull.of_wood (ofWood)", after="boats.Hull.ofWood"),
        "`boats.Hull.of_wood (ofWood)`: renamed, now boats.Hull.ofWood",
    ),
    "a default of what is read": (
        change("default", "added", "models.Fault.code", after="1"),
        "`models.Fault.code`: new default 1",
    ),
    "an endpoint": (change("endpoint", "added", "POST /moor"), "`POST /moor`: added"),
    "a header": (
        change("endpoint", "changed", "every endpoint header X-Wind", "optional", "required"),
        "`every endpoint header X-Wind`: required, was optional",
    ),
    "a removed endpoint": (change("endpoint", "removed", "POST /moor"), "`POST /moor`: removed"),
    "a call": (
        change("call", "changed", "models.Moor", "not batchable", "batchable"),
        "`models.Moor`: batchable, was not batchable",
    ),
    "a renamed event": (
        change("event", "renamed", "boats.BoatSunk", after="boats.BoatLost"),
        "`boats.BoatSunk`: renamed, now boats.BoatLost",
    ),
    "a new property": (
        change("property", "added", "boats.Hull.built_at (builtAt)", after="string, required"),
        "`boats.Hull.built_at (builtAt)`: new property, string, required",
    ),
    "a required member": (change("required", "added", "boats.Hull.wood"), "`boats.Hull.wood`: now required"),
    "an optional member": (change("required", "removed", "boats.Hull.wood"), "`boats.Hull.wood`: no longer required"),
    "an identity": (
        change("identity", "added", "models.Sail", after="captain_id"),
        "`models.Sail`: may be identified by `captain_id`",
    ),
    "a lost identity": (
        change("identity", "removed", "models.Sail", "traits.email"),
        "`models.Sail`: can no longer be identified by traits.email",
    ),
    "a value": (change("enum", "added", "models.Rig", after='"yawl"'), '`models.Rig`: new value `"yawl"`'),
    "a lost value": (change("enum", "removed", "models.Rig", '"yawl"'), '`models.Rig`: value `"yawl"` removed'),
    "a region": (
        change("region", "added", "region moon", after="https://moon.test"),
        "`region moon`: added, `https://moon.test`",
    ),
    "a limit": (change("limit", "changed", "callBytes", "32768", "65536"), "`callBytes`: 65536, was 32768"),
    "a new limit": (change("limit", "added", "idBytes", after="9"), "`idBytes`: now limited to 9"),
    "a slower window": (
        change("limit", "changed", "window.requests", "30", "10"),
        "`window.requests`: 10, was 30; the client paces itself",
    ),
}


@pytest.mark.parametrize(("made", "line"), LINES.values(), ids=LINES)
def test_a_line_reads_as_a_person_would_put_it(made, line):
    assert sections([made]) == (Section("Compatible", (line,)),)


@pytest.mark.parametrize(
    ("made", "line"),
    [
        (
            change("default", "added", "boats.Hull.wood", after='"oak"', breaking=True),
            '`boats.Hull.wood`: new default `"oak"`, sent for whoever leaves it out',
        ),
        (
            change("default", "changed", "boats.Hull.wood", "1", "2", breaking=True),
            "`boats.Hull.wood`: default 2, was 1, sent for whoever leaves it out",
        ),
        (
            change("default", "removed", "boats.Hull.wood", "1", breaking=True),
            "`boats.Hull.wood`: default removed, was 1, no longer sent for whoever leaves it out",
        ),
    ],
)
def test_a_default_that_is_sent_says_so(made, line):
    assert sections([made]) == (Section("Breaking", (line,)),)


@pytest.mark.parametrize("sort", SORTS.values(), ids=SORTS)
def test_every_sort_of_change_has_a_line(sort):
    made = change(sort.subject, sort.kind, "boats.Hull", "old words", "new words")
    ((_, (line,)),) = sections([made])
    assert line.startswith("`boats.Hull`: ")
    assert "{" not in line
    assert sort.kind not in {"changed", "renamed"} or "new words" in line


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ('"a`b"', '`"a\'b"`'),
        ("a\n\n# b", "`a # b`"),
        ("<b>@all</b>", "`<b>@all</b>`"),
        ("{before}", "`{before}`"),
        ("[a](https://b.test)", "`[a](https://b.test)`"),
    ],
)
def test_texts_of_the_vendor_do_not_format_the_report(value, shown):
    assert sections([change("enum", "added", "models.Rig", after=value)])[0].lines == (
        f"`models.Rig`: new value {shown}",
    )


def test_others_may_add_sections():
    parts = [*sections([NEW]), Section("Undescribed", ("`boats.Hull.wood`",))]
    assert render(parts).endswith('`event "Boat Moored"`\n\n### Undescribed\n\n- `boats.Hull.wood`\n')


@pytest.mark.parametrize(
    ("made", "said", "code"), [([], "none", 0), ([NEW], "compatible", 10), ([NEW, TYPE], "breaking", 20)]
)
def test_the_verdict_is_that_of_the_worst_change(made, said, code):
    assert (verdict(made), EXIT_CODES[verdict(made)], listed(made)["verdict"]) == (said, code, said)


def test_what_is_kept_has_the_verdict_that_it_has_for_the_vendor():
    assert listed([NEW, GONE], kept={GONE})["verdict"] == verdict([NEW, GONE]) == "breaking"


def test_programs_get_every_change_and_the_counts():
    report = listed([TYPE, NEW], kept={GONE})
    assert json.loads(json.dumps(report)) == report
    assert report["counts"] == {
        "breaking": 1,
        "compatible": 1,
        "kept": 1,
        "added": 1,
        "removed": 0,
        "changed": 1,
        "renamed": 0,
    }
    assert [(each["name"], each["breaking"], each["kept"]) for each in report["changes"]] == [
        ("boats.BoatMoored", False, False),
        ("boats.Hull.weight", True, False),
        ("boats.Hull.wood", True, True),
    ]
    assert report["changes"][1] == {
        "kind": "changed",
        "subject": "type",
        "name": "boats.Hull.weight",
        "before": "string",
        "after": "number",
        "breaking": True,
        "kept": False,
    }


def test_the_order_of_the_changes_makes_no_difference():
    assert text([TYPE, GONE, NEW]) == text(iter([NEW, GONE, TYPE]))
    assert listed(iter([TYPE, GONE, NEW])) == listed([NEW, GONE, TYPE])


def test_each_kind_is_counted():
    made = [change("type", kind, f"boats.{name}") for kind, name in product(get_args(Kind), "ab")]
    counts = listed(made)["counts"]
    assert [counts[kind] for kind in get_args(Kind)] == [2, 2, 2, 2]
