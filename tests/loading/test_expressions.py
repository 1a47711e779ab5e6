"""What the engine is asked for, and what it is not asked for. That its calls are right: test_golden."""

from __future__ import annotations

import json
from uuid import UUID, uuid5

import pytest
from calling import NAMESPACE, STAMP, opened, queried

from cio_facade.loading.jsonsql import json_of

BOTH_IDS = "(SELECT 'u' AS user_id, 'a' AS anonymous_id)"


def test_the_id_of_a_message_is_uuid5_of_index_and_content() -> None:
    table = opened("(SELECT 'ü' || n AS user_id, n AS visits FROM range(300) AS t (n))")
    for index, _, call, raw in table.connection.sql(queried(table) or "").fetchall():
        content, _, rest = call.partition(',"messageId":')
        assert json.loads(call.removesuffix(","))["messageId"] == str(uuid5(NAMESPACE, f"{index}:{content}}}"))
        assert content.endswith(f',"timestamp":"{STAMP}"')
        assert rest.endswith('"},')
        assert raw is None


def test_rows_have_the_same_ids_and_lanes_wherever_it_begins() -> None:
    table = opened("(SELECT n AS user_id FROM range(5000) AS t (n))")
    whole = table.connection.sql(queried(table) or "").fetchall()
    assert table.connection.sql(queried(table, start=3000) or "").fetchall() == whole[3000:]


def test_people_are_in_all_lanes() -> None:
    table = opened("(SELECT n AS user_id FROM range(9000) AS t (n))")
    assert table.connection.sql(
        f"SELECT count(DISTINCT lane), min(lane), max(lane) FROM ({queried(table)})"
    ).fetchall() == [(512, 0, 511)]


def test_cells_come_instead_of_a_call_under_the_names_of_their_columns() -> None:
    table = opened("""(SELECT ' ' AS "user ""id", 5 AS "a b")""")
    ((_, _, call, raw),) = table.connection.sql(queried(table, mapping={'user "id': "user_id"}) or "").fetchall()
    assert (call, raw) == (None, {'user "id': " ", "a b": 5})


def test_a_time_of_its_own_stands_where_the_builder_puts_it() -> None:
    table = opened(
        "(SELECT 'u' || n AS user_id, CASE n WHEN 1 THEN DATE '2020-01-01' END AS timestamp FROM range(2) AS t (n))"
    )
    calls = [json.loads(row[2][:-1]) for row in table.connection.sql(queried(table) or "").fetchall()]
    assert [call["timestamp"] for call in calls] == [STAMP, "2020-01-01T00:00:00Z"]
    assert all(UUID(call["messageId"]).version == 5 for call in calls)


@pytest.mark.parametrize(
    ("relation", "as_", "wishes"),
    [
        (BOTH_IDS, "identify", {}),
        ("(SELECT 'u' AS user_id, 'g' AS group_id)", "group", {}),
        ("(SELECT 'u' AS user_id)", "delete", {}),
        ("(SELECT 'u' AS user_id, 't' AS token, 'ios' AS platform)", "device", {}),
        ("(SELECT 'u' AS user_id)", "track", {"event": "User Unsuppressed"}),
        ("(SELECT 'u' AS user_id, {'a': 1} AS p)", "identify", {"mapping": {"p": "traits"}}),
        ("(SELECT 'u' AS user_id, TIME '12:00' AS at)", "identify", {}),
        ("(SELECT 'u' AS user_id, MAP {'a': 1} AS m)", "identify", {}),
        ("(SELECT 'u' AS user_id, [DATE '2020-01-01'] AS days)", "identify", {}),
        ("(SELECT 'u' AS user_id, {'a': '1'::JSON} AS j)", "identify", {}),
        ("(SELECT 'u' AS user_id, 5 AS email)", "identify", {}),
        ("(SELECT '\"u\"'::JSON AS user_id)", "identify", {}),
    ],
)
def test_what_takes_python_is_left_to_it(relation: str, as_: str, wishes: dict[str, object]) -> None:
    assert queried(opened(relation), as_, **wishes) is None


def test_marks_are_not_told_of_calls_with_ids_of_their_own() -> None:
    table = opened("(SELECT 'u' AS user_id, 'm' AS message_id)")
    assert queried(table) is not None
    assert queried(table, changes=True) is None


def test_a_struct_without_names_is_left_to_python() -> None:
    table = opened("(SELECT row(1, 2) AS v)")
    assert json_of("v", table.columns[0].type) is None
