"""What each column becomes."""

from typing import Any

import duckdb
import pytest

from cio_facade.errors import ValidationError
from cio_facade.loading.mapping import wishes_of
from cio_facade.loading.plans import Cell, Laid, Plan, plan_for
from cio_facade.loading.rejects import ADDED
from cio_facade.loading.tables import Column


def planned(as_: str, columns: str, mapping: Any = None, **said: Any) -> Plan:
    return plan_for(wishes_of(as_, mapping, **said), columns.split())


def targets(plan: Plan) -> dict[str, str]:
    return {column: ".".join(path) for column, path in plan.targets}


def typed(**types: str) -> list[Column]:
    return [Column(name, duckdb.type(text)) for name, text in types.items()]


# By name -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["user_id", "userId", "User-ID", "USER_ID", "id", "Id"])
def test_the_users_id_is_found_by_name(name: str) -> None:
    assert targets(planned("identify", f"{name} plan")) == {name: "user_id", "plan": "traits.plan"}


def test_the_best_name_wins_and_the_other_becomes_a_trait() -> None:
    assert targets(planned("identify", "id user_id")) == {"id": "traits.id", "user_id": "user_id"}
    assert targets(planned("identify", "userid user_id")) == {"userid": "traits.userid", "user_id": "user_id"}


def test_arguments_of_a_call_are_found_by_name() -> None:
    names = "user_id anonymousId event timestamp message_id group_id"
    assert targets(planned("track", names)) == {
        "user_id": "user_id",
        "anonymousId": "anonymous_id",
        "event": "event",
        "timestamp": "timestamp",
        "message_id": "message_id",
        "group_id": "group_id",
    }
    assert targets(planned("page", "user_id name category url"))["category"] == "category"
    assert targets(planned("device", "user_id device_token platform"))["device_token"] == "token"
    assert targets(planned("track", "user_id event_name"))["event_name"] == "event"
    assert targets(planned("alias", "user_id previousId extra")) == {"user_id": "user_id", "previousId": "previous_id"}


def test_what_the_spec_names_gets_its_name() -> None:
    assert targets(planned("identify", "id E-mail created_at Unsubscribed")) == {
        "id": "user_id",
        "E-mail": "traits.email",
        "created_at": "traits.createdAt",
        "Unsubscribed": "traits.unsubscribed",
    }


def test_paths_are_read() -> None:
    plan = planned("track", "user_id event context.ip Context.device.model properties.a.b address.city")
    assert targets(plan) == {
        "user_id": "user_id",
        "event": "event",
        "context.ip": "context.ip",
        "Context.device.model": "context.device.model",
        "properties.a.b": "properties.a.b",
        "address.city": "properties.address.city",
    }
    assert ("address.city", ("properties", "address.city")) in plan.targets  # a name with a dot, no path


def test_id_is_whose_row_it_is_unless_it_seems_to_be_anothers() -> None:
    assert targets(planned("track", "id event"))["id"] == "user_id"
    assert targets(planned("object", "id name anonymous_id"))["id"] == "object_id"
    assert targets(planned("track", "id anonymous_id event"))["id"] == "properties.id"
    with pytest.raises(ValidationError, match=r"no column says who a row of track is about.*customer_id"):
        planned("track", "total customer_id id event")


def test_what_a_file_of_rejected_rows_has_besides_is_not_sent() -> None:
    assert targets(planned("identify", " ".join(["id", *ADDED]))) == {"id": "user_id"}
    assert planned("identify", " ".join(["id", *ADDED])).notes[0] == f"not sent: {', '.join(ADDED)}"


# By hand -------------------------------------------------------------------------------------------------------------


def test_a_mapping_says_it_explicitly() -> None:
    said = {"uid": "userId", "tier": "traits.plan.name", "Mail": "email", "ip": "context.ip", "note": None}
    assert targets(planned("identify", "uid tier mail ip note", said)) == {
        "uid": "user_id",
        "tier": "traits.plan.name",
        "mail": "traits.email",
        "ip": "context.ip",
    }


def test_a_column_may_be_the_whole_of_an_object() -> None:
    plan = planned("track", "user_id event payload extra", ["payload=properties"])
    assert plan.template()["properties"] == Laid(Cell("payload"), {"extra": Cell("extra")})
    assert planned("track", "user_id event properties").template()["properties"] == Cell("properties")


def test_only_keeps_all_others_away() -> None:
    assert targets(planned("identify", "id email plan x", {"plan": "traits.tier"}, only=True)) == {
        "id": "user_id",
        "plan": "traits.tier",
    }
    assert targets(planned("identify", "id email plan x", only=["Email"])) == {"id": "user_id", "email": "traits.email"}
    assert targets(planned("Order Completed", "user_id total zzz", only=["total"])) == {
        "user_id": "user_id",
        "total": "properties.total",
    }


def test_a_constant_event_leaves_a_column_of_that_name_a_property() -> None:
    plan = planned("track", "user_id event", event="Seen")
    assert plan.template() == {
        "type": "track",
        "userId": Cell("user_id"),
        "event": "Seen",
        "properties": {"event": Cell("event")},
    }


@pytest.mark.parametrize(
    ("as_", "columns", "mapping", "said", "problem"),
    [
        ("identify", "id", {"x": "traits.x"}, {}, "there is no column 'x'; there are id"),
        ("identify", "id emial", {"email": "traits.email"}, {}, "there is no column 'email'; did you mean 'emial'?"),
        ("identify", "id a", {"a": "usr_id"}, {}, "there is no target 'usr_id'; did you mean 'user_id'?"),
        ("identify", "id a", {"a": "plan"}, {}, "there is no target 'plan'; did you mean 'traits.plan'?"),
        ("identify", "id a", {"a": "properties.x"}, {}, "did you mean 'traits.x'?"),
        ("identify", "id a", {"a": "traits..x"}, {}, "there is no target 'traits..x'"),
        ("identify", "id a", {"a": "timestamp.x"}, {}, "there is no target 'timestamp.x'"),
        ("alias", "user_id previous_id a", {"a": "zzz"}, {}, "alias has user_id, previous_id"),
        ("identify", "id a", {"a": "user_id", "id": "user_id"}, {}, "'id' and 'a' both go to user_id"),
        ("identify", "id a b", {"a": "traits.b"}, {}, "columns 'a' and 'b' both go to traits.b; leave one out (b=)"),
        ("identify", "id a b", {"a": "traits.x", "b": "traits.x.y"}, {}, "'a' and 'b' both go to traits.x"),
        ("identify", "id A a", {"A": "traits.x", "a": "traits.x"}, {}, "both go to traits.x"),
        ("identify", "id", None, {"only": ["plan"]}, "only: there is no column 'plan'"),
        ("identify", "uid name", None, {}, "no column says who a row of identify is about; map one: uid=user_id"),
        ("track", "user_id", None, {}, "no column is the event that track needs"),
        ("track", "user_id x", {"x": "event"}, {"event": "Seen"}, "event: is given, and a column is mapped to it"),
        ("identify", "id", None, {"event": "Seen"}, "event: is not to be given: identify has none"),
        ("Order Completed", "user_id", None, {"event": "Seen"}, "event: is not to be given"),
        ("delete", "email", None, {}, "no column is the user_id that delete needs"),
        ("delete", "email", None, {"identify_by": "email"}, "delete is identified by user_id only"),
        ("track", "user_id event", None, {"identify_by": "email"}, "track is identified by user_id or anonymous_id or"),
        ("identify", "id name", None, {"identify_by": "email"}, "no column says who a row of identify is about"),
        ("device", "user_id platform", None, {}, "no column is the token that device needs"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    as_: str, columns: str, mapping: Any, said: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ValidationError) as raised:
        planned(as_, columns, mapping, **said)
    assert problem in str(raised.value)
    assert "\n" not in str(raised.value)


# Semantic events -----------------------------------------------------------------------------------------------------


def test_columns_are_matched_to_the_properties_of_an_event() -> None:
    plan = planned(
        "OrderCompleted", "user_id orderId Total lines ordered_at", ["lines=products", "ordered_at=timestamp"]
    )
    assert plan.template() == {
        "type": "track",
        "userId": Cell("user_id"),
        "event": "Order Completed",
        "properties": {"order_id": Cell("orderId"), "total": Cell("Total"), "products": Cell("lines")},
        "timestamp": Cell("ordered_at"),
    }


def test_what_an_event_adds_to_the_context_goes_there() -> None:
    plan = planned("Email Opened", "user_id email_id email User-Agent")
    assert plan.template()["properties"] == {"email_id": Cell("email_id")}
    assert plan.template()["context"] == {"traits": {"email": Cell("email"), "user_agent": Cell("User-Agent")}}


def test_a_column_that_fits_no_property_is_refused_with_the_ways_out() -> None:
    with pytest.raises(ValidationError) as raised:
        planned("Order Completed", "user_id totl")
    assert str(raised.value) == (
        "column 'totl': fits no property of 'Order Completed'; did you mean 'total'? totl=total sends it as that, "
        "totl=properties.totl sends it as it is, totl= leaves it out"
    )
    assert targets(planned("Order Completed", "user_id totl", ["totl=properties.totl"]))["totl"] == "properties.totl"
    assert targets(planned("Order Completed", "user_id totl", ["totl="])) == {"user_id": "user_id"}
    with pytest.raises(ValidationError, match=r"fits no property of 'Object Deleted'; x= leaves it out"):
        planned("Object Deleted", "object_id x")


# Who a row is about --------------------------------------------------------------------------------------------------


def test_a_row_needs_what_its_call_cannot_do_without() -> None:
    def needed(plan: Plan) -> list[tuple[tuple[str, ...], str]]:
        return [(one.columns, one.reason) for one in plan.needed]

    assert needed(planned("identify", "id email")) == [(("id",), "user_id is empty")]
    both = [(("user_id", "anonymous_id"), "user_id and anonymous_id are empty")]
    assert needed(planned("identify", "user_id anonymous_id")) == both
    assert needed(planned("track", "event user_id group_id")) == [
        (("event",), "event is empty"),
        (("user_id",), "user_id is empty"),
    ]
    assert needed(planned("track", "group_id", event="Seen")) == [(("group_id",), "group_id is empty")]
    assert needed(planned("Report Delivery Event", "delivery_id metric user_id")) == [
        (("delivery_id",), "delivery_id is empty"),
        (("metric",), "metric is empty"),
    ]


def test_people_may_be_identified_by_email() -> None:
    plan = planned("identify", "user_id email plan", identify_by="email")
    assert targets(plan) == {"email": "traits.email", "plan": "traits.plan"}
    assert [one.reason for one in plan.needed] == ["email is empty"]
    assert plan.notes == ("not sent (rows are identified by email): user_id",)
    by_hand = planned("identify", "user_id email", {"user_id": "user_id"}, identify_by="email")
    assert targets(by_hand) == {"user_id": "user_id", "email": "traits.email"}
    assert targets(planned("identify", "id mail", {"mail": "email"}, identify_by="Email")) == {"mail": "traits.email"}


def test_an_anonymous_id_may_be_what_counts() -> None:
    plan = planned("track", "user_id anonymous_id event", identify_by="anonymous_id")
    assert [one.columns for one in plan.needed] == [("event",), ("anonymous_id",)]
    assert targets(plan)["user_id"] == "user_id"


def test_removing_people_is_known_for_what_it_is() -> None:
    assert planned("suppress", "id").is_gdpr
    assert planned("User Deleted", "id").is_gdpr
    assert planned("track", "id", event="User Deleted").is_gdpr
    assert not planned("track", "id", event="Seen").is_gdpr


# What else there is to say -------------------------------------------------------------------------------------------


def test_a_plan_describes_itself_as_json() -> None:
    assert planned("track", "uid total", ["uid=user_id"], event="Seen", nulls="send").describe() == {
        "as": "track",
        "columns": {"uid": "user_id", "total": "properties.total"},
        "event": "Seen",
        "identify_by": None,
        "nulls": "send",
    }


def test_a_kind_that_is_not_plain_has_a_form_of_its_arguments() -> None:
    assert planned("device", "user_id token app").template() == {
        "user_id": Cell("user_id"),
        "token": Cell("token"),
        "attributes": {"app": Cell("app")},
    }
    assert planned("object", "id anonymous_id").template()["user_id"] is None


@pytest.mark.parametrize("type_", ["BLOB", "INTERVAL", "BIT", "BLOB[]", "STRUCT(a INTERVAL)", "MAP(VARCHAR, BLOB)"])
def test_a_type_that_is_nothing_in_json_is_refused(type_: str) -> None:
    columns = typed(user_id="VARCHAR", x=type_)
    with pytest.raises(ValidationError, match=r"column 'x': a \w+ is nothing in JSON; .*CAST\(x AS VARCHAR\).*\(x=\)"):
        plan_for(wishes_of("identify"), columns)
    assert plan_for(wishes_of("identify", ["x="]), columns).notes == ()


@pytest.mark.parametrize(
    ("as_", "types", "note"),
    [
        ("Order Completed", {"user_id": "VARCHAR", "total": "VARCHAR"}, "properties.total is a number by the spec"),
        (
            "Order Completed",
            {"user_id": "VARCHAR", "order_id": "BIGINT"},
            "properties.order_id is a string by the spec",
        ),
        (
            "group",
            {"user_id": "VARCHAR", "group_id": "VARCHAR", "object_type_id": "BIGINT"},
            "traits.object_type_id is",
        ),
        ("identify", {"user_id": "DOUBLE"}, "column 'user_id' holds floats: whole ones are sent as user_id"),
        ("identify", {"id": "BIGINT"}, "column 'id' is taken for the user_id"),
        ("delete", {"user_id": "VARCHAR", "reason": "VARCHAR"}, "not sent: reason"),
        ("Email Opened", {"user_id": "VARCHAR"}, "'Email Opened' needs properties.email_id by the spec"),
        ("Cart Viewed", {"user_id": "VARCHAR", "cart_id": "VARCHAR"}, None),
        ("Order Completed", {"user_id": "VARCHAR", "total": "INTEGER"}, None),
        ("Order Completed", {"user_id": "VARCHAR", "total": "DECIMAL(9,2)", "products": "STRUCT(a INT)[]"}, None),
        ("Order Completed", {"user_id": "VARCHAR", "products": "JSON"}, None),
    ],
)
def test_what_may_surprise_is_noted(as_: str, types: dict[str, str], note: str | None) -> None:
    notes = plan_for(wishes_of(as_), typed(**types)).notes
    assert len(notes) == (note is not None)
    assert note is None or note in notes[0]


def test_times_that_are_not_the_timestamp_are_noted() -> None:
    columns = typed(user_id="VARCHAR", event="VARCHAR", seen="TIMESTAMP")
    assert plan_for(wishes_of("track"), columns).notes == (
        "no column is the timestamp, so it is the time of this load; if 'seen' is: seen=timestamp",
    )
    assert plan_for(wishes_of("track", ["seen=timestamp"]), columns).notes == ()


def test_a_plan_without_types_has_none() -> None:
    assert planned("identify", "id").types == {}
    assert plan_for(wishes_of("identify"), typed(id="BIGINT")).types["id"].id == "bigint"
