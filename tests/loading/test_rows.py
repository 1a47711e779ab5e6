"""From rows to messages."""

from functools import cache
from typing import Any
from uuid import UUID, uuid5

import duckdb
import orjson
import pyarrow as pa
import pytest

from cio_facade.config import Limits
from cio_facade.encoding import Encoder
from cio_facade.loading.mapping import wishes_of
from cio_facade.loading.plans import plan_for
from cio_facade.loading.rows import Rows
from cio_facade.loading.tables import Column

SPACE = UUID("12345678-1234-5678-1234-567812345678")
STAMP = "2026-01-31T12:00:00Z"


@cache
def connection() -> duckdb.DuckDBPyConnection:
    opened = duckdb.connect(config={"threads": 1})
    opened.execute("SET TimeZone = 'UTC'")
    return opened


def made(
    as_: str, sql: str, mapping: Any = None, first: int = 0, **said: Any
) -> tuple[list[dict[str, Any]], list[int], Any]:
    """The calls of a query's rows; their places; and what was refused."""
    relation = connection().sql(sql)
    columns = [Column(name, type_) for name, type_ in zip(relation.columns, relation.types, strict=True)]
    rows = Rows(plan_for(wishes_of(as_, mapping, **said), columns), namespace=SPACE, stamp=STAMP)
    batch = relation.to_arrow_reader(1000).read_next_batch()
    calls, written, places, refused = rows.calls(batch, range(first, first + batch.num_rows))
    plainly = [orjson.loads(one) for one in written if one]
    assert [*map(set, plainly)] == [set(call) for call, one in zip(calls, written, strict=True) if one]
    return calls, places, refused


def without_marks(call: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in call.items() if name not in ("timestamp", "messageId")}


def test_a_row_becomes_a_call() -> None:
    (call,), places, refused = made("identify", "SELECT 'u1' AS user_id, 'ann@example.com' AS email, 3 AS n", first=41)
    content = {"type": "identify", "userId": "u1", "traits": {"email": "ann@example.com", "n": 3}}
    said = orjson.dumps({**content, "timestamp": STAMP}).decode()
    message_id = str(uuid5(SPACE, f"41:{said}"))
    assert list(call.items()) == [*content.items(), ("timestamp", STAMP), ("messageId", message_id)]
    assert (places, refused) == ([41], [])


def test_ids_follow_from_row_and_content() -> None:
    one = "SELECT 'u1' AS id, 1 AS n"
    ids = {
        made("identify", sql, first=first)[0][0]["messageId"]
        for first in (0, 1)
        for sql in (one, one.replace("1 AS", "2 AS"))
    }
    assert len(ids) == 4
    assert all(UUID(message_id).version == 5 for message_id in ids)


def test_what_is_said_again_another_day_is_another_call_unless_it_has_a_time_of_its_own() -> None:
    sql = "SELECT unnest([NULL, TIMESTAMPTZ '2026-01-01 00:00:00+00']) AS timestamp, 'u1' AS user_id, 'E' AS event"
    relation = connection().sql(sql)
    columns = [Column(name, type_) for name, type_ in zip(relation.columns, relation.types, strict=True)]
    plan, batch = plan_for(wishes_of("track"), columns), relation.to_arrow_reader(10).read_next_batch()
    one, other = (
        Rows(plan, namespace=SPACE, stamp=stamp).calls(batch, [0, 1])[0] for stamp in (STAMP, "2026-02-01T12:00:00Z")
    )
    assert one[0]["messageId"] != other[0]["messageId"]
    assert one[1] == other[1]


def test_a_column_of_message_ids_wins_where_it_has_one() -> None:
    calls, _, _ = made("identify", "SELECT unnest(['a', 'b', 'c']) AS id, unnest(['m1', NULL, ' ']) AS message_id")
    assert calls[0]["messageId"] == "m1"
    assert list(calls[0]) == ["type", "userId", "timestamp", "messageId"]
    assert {len(call["messageId"]) for call in calls[1:]} == {36}


def test_a_row_without_an_id_is_refused_even_with_an_email() -> None:
    calls, places, refused = made(
        "identify", "SELECT unnest(['u1', NULL, '', ' \t', 'u5']) AS user_id, 'ann@example.com' AS email", first=10
    )
    assert [call["userId"] for call in calls] == ["u1", "u5"]
    assert places == [10, 14]
    assert refused == [(place, "user_id is empty") for place in (11, 12, 13)]


def test_nan_is_no_id_and_a_whole_float_is_its_digits() -> None:
    calls, _, refused = made("identify", "SELECT unnest([1.0::DOUBLE, 'nan'::DOUBLE, NULL, 2.5::DOUBLE]) AS user_id")
    assert [call["userId"] for call in calls] == ["1", 2.5]
    assert refused == [(1, "user_id is empty"), (2, "user_id is empty")]


def test_one_of_two_ids_is_enough_and_the_empty_one_is_left_out() -> None:
    calls, _, refused = made(
        "track",
        """SELECT unnest(['u1', '', 'u3', NULL]) AS user_id, unnest(['a1', 'a2', NULL, ' ']) AS anonymous_id,
        'E' AS event""",
    )
    assert [(call.get("userId"), call.get("anonymousId")) for call in calls] == [
        ("u1", "a1"),
        (None, "a2"),
        ("u3", None),
    ]
    assert refused == [(3, "user_id and anonymous_id are empty")]


def test_people_may_be_identified_by_email() -> None:
    calls, _, refused = made(
        "identify", "SELECT 'u1' AS user_id, unnest(['ann@example.com', NULL, ' ']) AS email", identify_by="email"
    )
    assert [without_marks(call) for call in calls] == [{"type": "identify", "traits": {"email": "ann@example.com"}}]
    assert refused == [(1, "email is empty"), (2, "email is empty")]


def test_names_of_events_may_differ_by_row() -> None:
    calls, _, refused = made("track", "SELECT 'u1' AS user_id, unnest(['A', NULL, 'B']) AS event, 1 AS n")
    assert [call["event"] for call in calls] == ["A", "B"]
    assert refused == [(1, "event is empty")]


def test_empty_cells_are_left_out_or_sent() -> None:
    sql = """SELECT 'u1' AS id, unnest([1, NULL]) AS n, NULL::VARCHAR AS x, NULL::TIMESTAMP AS timestamp,
    NULL::VARCHAR AS "context.ip\""""
    calls, _, _ = made("identify", sql)
    assert [call["traits"] for call in calls] == [{"n": 1}, {}]
    assert calls[0]["context"] == {}
    assert calls[0]["timestamp"] == STAMP
    calls, _, _ = made("identify", sql, nulls="send")
    assert [call["traits"] for call in calls] == [{"n": 1, "x": None}, {"n": None, "x": None}]
    assert calls[0]["context"] == {"ip": None}
    assert calls[0]["timestamp"] == STAMP


def test_a_whole_object_takes_others_on_it() -> None:
    calls, _, refused = made(
        "track",
        """SELECT 'u1' AS user_id, 'E' AS event, unnest(['{"a": 1, "o": {"x": 1}}', NULL, '[1]']) AS payload,
        unnest([2, 3, 4]) AS a, 5 AS y""",
        ["payload=properties", "y=properties.o.y"],
    )
    assert [call["properties"] for call in calls] == [{"a": 2, "o": {"x": 1, "y": 5}}, {"a": 3, "o": {"y": 5}}]
    assert refused == [(2, "column 'payload' is not a JSON object")]


def test_a_whole_object_may_stand_alone() -> None:
    calls, _, _ = made("track", "SELECT 'u1' AS user_id, 'E' AS event, unnest([{'a': 1}, NULL]) AS properties")
    assert [call.get("properties") for call in calls] == [{"a": 1}, None]


def test_what_cannot_be_sent_costs_its_row_and_says_which_column() -> None:
    calls, places, refused = made(
        "identify",
        """SELECT unnest(['u1', NULL, 'u3']) AS id, unnest([TIMESTAMP '2024-01-01', TIMESTAMP 'infinity',
        TIMESTAMP 'infinity']) AS joined""",
    )
    assert places == [0]
    assert calls[0]["traits"] == {"joined": "2024-01-01T00:00:00Z"}
    assert refused == [(place, "column 'joined' is not in the years 1 to 9999") for place in (1, 2)]


def test_semantic_events_are_put_together_as_the_spec_says() -> None:
    (call,), _, _ = made("EmailOpened", "SELECT 'u1' AS user_id, 'e1' AS email_id, 'ann@example.com' AS email")
    assert without_marks(call) == {
        "type": "track",
        "userId": "u1",
        "event": "Email Opened",
        "properties": {"email_id": "e1"},
        "context": {"traits": {"email": "ann@example.com"}},
    }


@pytest.mark.parametrize(
    ("as_", "sql", "expected"),
    [
        ("suppress", "SELECT 7 AS id", {"type": "track", "userId": "7", "event": "User Suppressed"}),
        (
            "device",
            "SELECT 'u1' AS user_id, 't' AS token, 'ios' AS platform, '1.0' AS app",
            {
                "type": "track",
                "userId": "u1",
                "event": "Device Created or Updated",
                "properties": {"app": "1.0"},
                "context": {"device": {"token": "t", "type": "ios"}},
            },
        ),
        (
            "object",
            "SELECT 'u1' AS user_id, 'acme' AS object_id, 2 AS object_type_id, 'Acme' AS name",
            {"type": "group", "userId": "u1", "groupId": "acme", "traits": {"name": "Acme", "object_type_id": "2"}},
        ),
        (
            "object",
            "SELECT 'a1' AS anonymous_id, 'acme' AS id, NULL::INT AS object_type_id",
            {"type": "group", "groupId": "acme", "traits": {"object_type_id": "1"}, "anonymousId": "a1"},
        ),
        (
            "relationship",
            "SELECT 'u1' AS user_id, 'acme' AS object_id, 'boss' AS role",
            {
                "type": "group",
                "userId": "u1",
                "groupId": "acme",
                "traits": {"object_type_id": "1", "relationshipAttributes": {"role": "boss"}},
            },
        ),
        (
            "Object Deleted",
            "SELECT 5 AS object_id",
            {
                "type": "track",
                "event": "Object Deleted",
                "properties": {"objectId": "5", "objectTypeId": 1},
                "anonymousId": "5",
            },
        ),
        ("alias", "SELECT 'u1' AS user_id, 'a1' AS previous_id", {"type": "alias", "userId": "u1", "previousId": "a1"}),
    ],
)
def test_every_builder_makes_its_own_call(as_: str, sql: str, expected: dict[str, Any]) -> None:
    (call,), _, _ = made(as_, sql)
    assert without_marks(call) == expected


def test_a_batch_of_nothing_gives_nothing() -> None:
    plan = plan_for(wishes_of("identify"), ["id", "n"])
    batch = pa.RecordBatch.from_pydict({"id": pa.array([], pa.string()), "n": pa.array([], pa.int64())})
    assert Rows(plan, namespace=SPACE, stamp=STAMP).calls(batch, []) == ([], [], [], [])


def test_all_rows_may_be_refused() -> None:
    assert made("identify", "SELECT unnest([NULL, '']) AS id, 1 AS n")[0] == []


def test_what_the_encoder_refuses_comes_through_with_an_id() -> None:
    """Huge numbers keep their digits; half a character, found in a whole object, cannot be sent at all."""
    columns = [Column("id", duckdb.type("VARCHAR")), Column("traits", duckdb.type("JSON"))]
    batch = pa.RecordBatch.from_pydict({"id": ["u1", "u2"], "traits": [f'{{"n": {10**30}}}', '{"half": "\\ud800"}']})
    rows = Rows(plan_for(wishes_of("identify"), columns), namespace=SPACE, stamp=STAMP)
    calls, written, _, refused = rows.calls(batch, [0, 1])
    assert not refused
    assert len({call["messageId"] for call in calls}) == 2
    chunk = Encoder(Limits(), lambda: "unused").written(calls, written)
    assert [place for place, _ in chunk.refused] == [1]
    assert b'"n":1000000000000000000000000000000}' in chunk.data[0]


def test_floats_that_json_has_not_are_left_out() -> None:
    calls, _, _ = made("identify", "SELECT 'u1' AS id, 'nan'::DOUBLE AS a, 'inf'::FLOAT AS b, 0.5::DOUBLE AS c")
    assert calls[0]["traits"] == {"c": 0.5}


def test_rows_that_are_taken_out_of_a_batch_keep_their_indexes() -> None:
    plan = plan_for(wishes_of("identify"), ["id"])
    batch = pa.RecordBatch.from_pydict({"id": ["u1", None, "u3"]})
    calls, _, places, refused = Rows(plan, namespace=SPACE, stamp=STAMP).calls(batch, [3, 70, 900])
    assert [call["userId"] for call in calls] == ["u1", "u3"]
    assert (places, refused) == ([3, 900], [(70, "user_id is empty")])


def test_a_row_whose_own_event_removes_people_is_refused() -> None:
    sql = "SELECT * FROM (VALUES ('u1', 'Seen'), ('u2', 'User Deleted'), ('u3', ' user suppressed')) t(user_id, event)"
    calls, places, refused = made("track", sql)
    assert [call["event"] for call in calls] == ["Seen"]
    assert places == [0]
    assert [index for index, _ in refused] == [1, 2]
    assert all("load such rows as delete or suppress" in reason for _, reason in refused)
