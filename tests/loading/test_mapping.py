"""What a caller says of a load."""

from pathlib import Path

import pytest

from cio_facade.errors import ValidationError
from cio_facade.loading.mapping import read_pairs, read_yaml, wishes_of


def test_a_mapping_may_be_pairs_texts_or_a_file(tmp_path: Path) -> None:
    file = tmp_path / "map.yaml"
    file.write_text("map:\n  tier: traits.plan\n  note:\n", "utf-8")
    expected = {"tier": "traits.plan", "note": ""}
    assert wishes_of("identify", {"tier": "traits.plan", "note": None}).map == expected
    assert wishes_of("identify", ["tier = traits.plan", "note="]).map == expected
    assert wishes_of("identify", file).map == expected
    assert wishes_of("identify", str(file)).map == expected
    assert wishes_of("identify", [str(file)]).map == expected
    assert wishes_of("identify").map == {}


def test_arguments_win_over_files_and_later_texts_over_earlier_ones(tmp_path: Path) -> None:
    file = tmp_path / "map.yml"
    file.write_text(
        "map: {a: user_id, b: traits.b}\nonly: [a]\nnulls: send\ntypes: {zip: VARCHAR, n: BIGINT}\nevent: Seen\n",
        "utf-8",
    )
    wishes = wishes_of("track", [str(file), "b=properties.c"], nulls="skip", types={"n": "DOUBLE"}, only=False)
    assert wishes.map == {"a": "user_id", "b": "properties.c"}
    assert (wishes.nulls, wishes.only, wishes.event) == ("skip", False, "Seen")
    assert wishes.types == {"zip": "VARCHAR", "n": "DOUBLE"}
    assert wishes_of("track", file).only == ("a",)


def test_the_description_is_the_same_for_all_ways_of_saying_the_same(tmp_path: Path) -> None:
    file = tmp_path / "map.yaml"
    file.write_text("map: {b: traits.b, a: user_id}\nonly: [y, x]\n", "utf-8")
    said = wishes_of("IDENTIFY", {"a": "user_id", "b": "traits.b"}, only=["x", "y"], types={}, nulls="skip")
    assert said.describe() == wishes_of("identify", file).describe()
    assert said.describe() == {"as": "identify", "map": {"a": "user_id", "b": "traits.b"}, "only": ["x", "y"]}
    assert wishes_of("identify", nulls="send").describe() == {"as": "identify", "nulls": "send"}
    assert wishes_of("OrderCompleted").describe() == {"as": "Order Completed"}


def test_an_unknown_kind_is_refused_at_once() -> None:
    with pytest.raises(ValidationError, match="did you mean 'track'"):
        wishes_of("trak")


def test_a_pair_is_parted_at_its_last_sign() -> None:
    assert read_pairs(["a=b=traits.c", "x="]) == {"a=b": "traits.c", "x": ""}


@pytest.mark.parametrize("text", ["plan", "=traits.plan"])
def test_what_is_no_pair_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="is not column=target"):
        read_pairs([text])


def test_an_empty_file_says_nothing(tmp_path: Path) -> None:
    file = tmp_path / "map.yaml"
    file.write_text("# nothing yet\n", "utf-8")
    assert read_yaml(file) == {}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("maps: {a: user_id}", "there is no key 'maps'; did you mean 'map'?"),
        ("as_: identify", "there is no key 'as_'"),
        ("zzz: 1", "known are map, only, identify_by, event, nulls, types, encoding"),
        ("map: [a, b]", "map: must give columns a target each"),
        ("map: {a: 1}", "map: 'a' and its target must be text; put them in quotes"),
        ("map: {yes: traits.a}", "map: True and its target must be text; put them in quotes"),
        ("only: {a: b}", "only: must be a list of columns, or true"),
        ("only: [1]", "only: must be a list of columns, or true"),
        ("nulls: keep", "nulls: must be 'skip' or 'send'"),
        ("event: 5", "event: must be text"),
        ("- a", "must have keys such as map: and only:"),
        ("a: b\nc: [", "is not YAML, line 2"),
        ("a: \x00", "is not YAML"),
    ],
)
def test_a_file_that_nobody_understands_is_refused_in_one_line(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "map.yaml"
    file.write_text(text, "utf-8")
    with pytest.raises(ValidationError) as raised:
        read_yaml(file)
    assert problem in str(raised.value)
    assert str(file) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"missing\.yaml cannot be read: No such file"):
        wishes_of("identify", tmp_path / "missing.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"event: caf\xe9")
    with pytest.raises(ValidationError, match="is not YAML"):
        read_yaml(tmp_path / "latin.yaml")


def test_only_may_be_one_name() -> None:
    assert wishes_of("identify", only="plan").only == ("plan",)
    assert wishes_of("identify", only=True).only is True
    assert wishes_of("identify").only is False
