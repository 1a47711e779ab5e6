"""scripts/generate.py as it is called: what it writes, when it writes nothing, and what it says."""

import json

import pytest
from generation_runs import STAND_IN, generate, python, tree

from scripts.generate import main


def test_two_runs_give_the_same_bytes_whatever_the_hash_seed_and_the_surroundings(stand_in_package, tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.ruff]\nline-length = 40\nlint.select = ['ALL']\n")
    again = generate(STAND_IN, tmp_path, PYTHONHASHSEED="4242", TZ="Asia/Tokyo", LC_ALL="C")
    assert tree(again / "cio_pipelines") == tree(stand_in_package / "cio_pipelines")


def test_nothing_but_the_package_is_left_behind(stand_in_package):
    assert [path.name for path in stand_in_package.iterdir()] == ["cio_pipelines"]
    assert (stand_in_package / "cio_pipelines" / "py.typed").is_file()


def test_the_check_passes_on_what_was_just_written(stand_in_package, capsys):
    assert main(["--check", "--spec", str(STAND_IN), "--out", str(stand_in_package)]) == 0
    assert capsys.readouterr() == ("", "")


def test_the_check_names_what_differs_and_mends_nothing(stand_in_package, tmp_path, capsys):
    package = tmp_path / "cio_pipelines"
    for path, content in tree(stand_in_package / "cio_pipelines").items():
        (package / path).parent.mkdir(parents=True, exist_ok=True)
        (package / path).write_bytes(content)
    with (package / "models" / "product.py").open("a") as module:
        module.write("EDITED = True\n")
    (package / "types.py").unlink()
    (package / "models" / "own.py").touch()
    before = tree(tmp_path)

    assert main(["--check", "--spec", str(STAND_IN), "--out", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "models/product.py: differs" in said
    assert "types.py: is missing" in said
    assert "models/own.py: should not be there" in said
    assert "run make generate" in said
    assert len(said.splitlines()) == 4
    assert tree(tmp_path) == before


def test_a_package_that_is_up_to_date_is_left_alone(stand_in_package, capsys):
    module = stand_in_package / "cio_pipelines" / "types.py"
    before = module.stat().st_mtime_ns
    assert main(["--spec", str(STAND_IN), "--out", str(stand_in_package)]) == 0
    assert "is up to date" in capsys.readouterr().out
    assert module.stat().st_mtime_ns == before


def test_what_stood_in_the_place_is_replaced_as_a_whole(stand_in, tmp_path):
    (tmp_path / "cio_pipelines" / "models").mkdir(parents=True)
    (tmp_path / "cio_pipelines" / "models" / "gone.py").touch()
    assert main(["--spec", str(STAND_IN), "--out", str(tmp_path)]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["cio_pipelines"]
    assert not (tmp_path / "cio_pipelines" / "models" / "gone.py").exists()


ODD = {
    "$odd key": 1,
    "class": True,
    "days": ["2026-03-01"],
    "either": None,
    "grid": [[{"token": "t1"}], []],
    "key": "5b1a4ad4-3f8c-4f3e-9a8e-0a7d4d6a2f10",
    "kinds": ["p", "q"],
    "mapping": "m",
    "mode": "b",
    "self": "s",
    "source": "x",
    "what": None,
    "when": "2026-03-01T12:00:00+00:00",
    "without_description": 1.5,
    "not in the spec": {"a": [1]},
}


def test_properties_of_odd_kinds_and_names_go_there_and_back(stand_in_package):
    program = f"from cio_pipelines.models import Oddities; print(Oddities.from_dict({ODD}).to_dict() == {ODD})"
    assert python("-c", program, first=stand_in_package) == "True\n"


def put(spec, path, value):
    """Set what stands at a path of keys; None takes it away."""
    *way, last = path
    for key in way:
        spec = spec[key]
    if value is None:
        del spec[last]
    else:
        spec[last] = value


ORDER = ("components", "schemas", "OrderCompleted")
MARK = (*ORDER, "x-semantic-event")
BEARER = ("components", "securitySchemes", "bearerAuth", "x-key-pattern")


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("openapi",), "2.0", "is not an OpenAPI 3.1 document"),
        (("x-limits",), None, "x-limits: is missing"),
        (("x-limits", "callBytes"), None, "x-limits.callBytes: is missing"),
        (("x-limits", "callBytes"), True, "x-limits.callBytes: is no int"),
        (("x-limits", "window"), {"requests": 3000}, "x-limits.window.seconds: is missing"),
        (("servers", 1, "x-region"), None, "servers[1].x-region: is missing"),
        (("servers", 1, "x-region"), "us", "servers[1].x-region: 'us' is named twice"),
        (("servers",), [], "servers: is empty"),
        (BEARER, None, "bearerAuth.x-key-pattern: is missing"),
        (BEARER, "^pk_", "has no group named region"),
        (BEARER, "(", "is no regular expression"),
        (("components", "parameters", "StrictMode", "name"), "X-Other", "the header of strict mode: is missing"),
        (
            ("components", "schemas", "Track", "anyOf", 0, "required"),
            ["userId", "groupId"],
            "Track.anyOf: alternative 0",
        ),
        ((*MARK, "name"), None, "OrderCompleted.x-semantic-event.name: is missing"),
        ((*MARK, "shape"), "flat", "OrderCompleted.x-semantic-event.shape: 'flat' is none of"),
        ((*MARK, "family"), "e-commerce", "OrderCompleted.x-semantic-event.family: 'e-commerce' is no name"),
        ((*MARK, "name"), "Coupon Entered", "'Coupon Entered' names 2 events"),
        ((*MARK, "aliases"), ["Email Opened"], "'Email Opened' names 2 events"),
        ((*ORDER, "properties", "eventName"), {"type": "string"}, "OrderCompleted.eventName: its class has a member"),
        ((*ORDER, "properties", "to_dict"), {"type": "string"}, "OrderCompleted.to_dict: its class has a member"),
        (
            ("components", "schemas", "EmailOpened", "properties", "context"),
            {"type": "string"},
            "EmailOpened.x-semantic-event.context: the event has a property context already",
        ),
        (
            ("components", "schemas", "Ordercompleted"),
            {"type": "object"},
            "OrderCompleted and Ordercompleted would both",
        ),
        (
            (*ORDER, "properties", "total"),
            {"$ref": "#/components/schemas/Gone"},
            "schemas/Gone: there is no such component",
        ),
        (
            (*ORDER, "properties", "total"),
            {"type": "string", "enum": ["a", 1]},
            "Unable to process schema /components/schemas/OrderComp",
        ),
    ],
)
def test_a_broken_spec_costs_one_line_and_nothing_is_written(stand_in, tmp_path, capsys, path, value, said):
    put(stand_in, path, value)
    assert_refused(json.dumps(stand_in), tmp_path, capsys, said)


def test_a_spec_without_batchable_calls_is_refused(stand_in, tmp_path, capsys):
    for name in stand_in["components"]["schemas"]:
        stand_in["components"]["schemas"][name].pop("x-batchable", None)
    assert_refused(json.dumps(stand_in), tmp_path, capsys, "x-batchable: no call has it")


def test_a_spec_without_events_is_refused(stand_in, tmp_path, capsys):
    for name in stand_in["components"]["schemas"]:
        stand_in["components"]["schemas"][name].pop("x-semantic-event", None)
    assert_refused(json.dumps(stand_in), tmp_path, capsys, "x-semantic-event: no schema has it")


@pytest.mark.parametrize(("text", "said"), [("{", "is not JSON"), ("[]", "is not an OpenAPI 3.1 document")])
def test_what_is_no_spec_at_all_is_refused(tmp_path, capsys, text, said):
    assert_refused(text, tmp_path, capsys, said)


def test_a_file_that_is_not_there_is_refused(tmp_path, capsys):
    assert main(["--spec", str(tmp_path / "none.json"), "--out", str(tmp_path)]) == 1
    assert capsys.readouterr().err.endswith("none.json: cannot be read: No such file or directory\n")


def assert_refused(text, folder, capsys, said):
    spec, out = folder / "spec.json", folder / "out"
    spec.write_text(text, "utf-8")
    (out / "cio_pipelines").mkdir(parents=True)
    (out / "cio_pipelines" / "types.py").write_text("# what was there before\n")
    before = tree(folder)

    assert main(["--spec", str(spec), "--out", str(out)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{spec}: ")
    assert said in line
    assert tree(folder) == before
