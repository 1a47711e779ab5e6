"""The traps of the existing clients that concern building and encoding, tested on what really leaves the client."""

import json
import math
import warnings
from base64 import b64decode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import numpy as np
import orjson
import pandas as pd
import pytest
from cio_pipelines import constants

from cio_facade import CustomerIO, Limits, ValidationError, deliveries, devices, objects, people
from cio_facade.events import customerio
from cio_facade.messages import identify, track
from cio_facade.testing import FakeClock, RecordingTransport

KEY = "s3cr3tk3y"


@pytest.fixture
def server():
    return RecordingTransport()


@pytest.fixture
def cio(server):
    with CustomerIO(KEY, transport=server, clock=FakeClock()) as client:
        yield client


def strictly(content):
    """Parse JSON as a server does that knows no NaN."""
    return json.loads(content, parse_constant=lambda constant: pytest.fail(f"{constant} is no JSON"))


# One NaN in one event: invalid JSON, the whole batch of 50 lost -------------------------------------------------------


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, np.float64("nan"), np.float32("inf"), Decimal("NaN"), pd.NA, pd.NaT]
)
def test_a_nan_is_null_and_loses_neither_its_event_nor_the_batch(cio, server, value):
    report = cio.send_many(track("u1", "e", {"n": value if n == 7 else n, "list": [value]}) for n in range(50))
    assert report.delivered == 50
    calls = [call for request in server.requests for call in strictly(request.content)["batch"]]
    assert [call["properties"]["n"] for call in calls] == [None if n == 7 else n for n in range(50)]
    assert calls[0]["properties"]["list"] == [None]


def test_one_bad_event_costs_one_event(cio, server):
    report = cio.send_many(track("u1", "e", {"n": object() if n == 7 else n}) for n in range(50))
    assert (report.accepted, report.delivered, report.rejected) == (50, 49, 1)
    assert [letter.index for letter in report.dead_letters] == [7]
    assert report.dead_letters[0].reason == "properties.n: a object cannot be sent"


# Sizes measured on ASCII-escaped JSON; each event encoded three times -------------------------------------------------


def test_chinese_text_is_measured_as_it_is_sent_and_not_escaped(cio, server):
    text = "漢" * (constants.CALL_BYTES // 5)  # three bytes each in UTF-8, six escaped
    assert len(json.dumps(text)) > constants.CALL_BYTES
    assert cio.track("u1", "e", {"text": text}).status == 200
    assert server.calls[0]["properties"]["text"] == text
    assert len(server.requests[0].content) < len(text.encode()) + 1_000


def test_a_call_at_the_limit_leaves_and_one_byte_more_does_not(cio, server):
    cio.track("u1", "e", {"text": ""}, message_id="m1")
    room = constants.CALL_BYTES - len(server.requests[0].content)
    cio.track("u1", "e", {"text": "é" * (room // 2) + "x" * (room % 2)}, message_id="m1")
    assert len(server.requests[1].content) == constants.CALL_BYTES
    with pytest.raises(ValidationError) as refused:
        cio.track("u1", "e", {"text": "é" * (room // 2) + "x" * (room % 2) + "x"}, message_id="m1")
    assert refused.value.field == "message"
    assert len(server.requests) == 2


class Counting:
    def __init__(self):
        self.read = 0

    def to_dict(self):
        self.read += 1
        return {"a": 1}


def test_an_event_is_encoded_once():
    single, streamed = Counting(), Counting()
    server = RecordingTransport([503, 200, 503, 200])
    with CustomerIO(KEY, transport=server, clock=FakeClock()) as cio:
        assert cio.track("u1", "e", {"v": [single]}).attempts == 2
        assert cio.send_many([track("u1", "e", {"v": [streamed]})]).retries == 1
    assert (single.read, streamed.read) == (1, 1)
    assert server.requests[0].content == server.requests[1].content
    assert server.requests[2].content == server.requests[3].content


# `nan`, `123.0` and `True` become user ids ----------------------------------------------------------------------------

NO_IDS = [math.nan, 123.0, True, False, np.float64(123), np.float64("nan"), np.bool_(True), None, "", pd.NA, pd.NaT]


@pytest.mark.parametrize("user_id", NO_IDS, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize(
    "build",
    [
        lambda user: identify(user, {"plan": "pro"}),
        lambda user: track(user, "e"),
        people.delete,
        people.suppress,
        lambda user: people.merge(user, "u2"),
        lambda user: people.merge("u2", user),
        lambda user: devices.register(user, "t1"),
        lambda user: objects.relate(user, "acme"),
        lambda user: objects.relate("u1", user),
    ],
)
def test_what_is_no_id_is_refused_and_never_sent_as_text(cio, server, build, user_id):
    with pytest.raises(ValidationError):
        cio.send(build(user_id))
    assert server.requests == []


def test_a_column_of_numbers_with_a_gap_is_told_row_by_row(cio, server):
    users = pd.DataFrame({"id": [1, None, 3], "n": [1, 2, 3]})  # the gap makes floats of the numbers
    report = cio.send_many(track(row.id, "e") for row in users.itertuples())
    assert (report.rejected, report.reasons) == (3, {"userId: must be text, a whole number or a UUID": 3})
    report = cio.send_many(track(row.id, "e") for row in users.astype({"id": "Int64"}).itertuples())
    assert (report.delivered, report.rejected) == (2, 1)
    assert sorted(call["userId"] for call in server.calls) == ["1", "3"]


def test_whole_numbers_and_uuids_are_ids(cio, server):
    for user_id in (123, np.int64(123), UUID(int=1)):
        cio.track(user_id, "e")
    assert [call["userId"] for call in server.calls] == ["123", "123", str(UUID(int=1))]


# A naive local datetime is stamped five hours off ---------------------------------------------------------------------

NAIVE = datetime(2026, 1, 31, 12)


def test_a_time_without_a_zone_is_refused_and_not_guessed(cio, server):
    for build in (lambda: track("u1", "e", timestamp=NAIVE), lambda: identify("u1", {"createdAt": NAIVE})):
        with pytest.raises(ValidationError, match="has no time zone"):
            cio.send(build())
    assert server.requests == []


def test_a_time_without_a_zone_means_what_the_caller_says_it_means():
    server = RecordingTransport()
    with CustomerIO(KEY, transport=server, clock=FakeClock(), naive_timestamps="utc") as cio:
        cio.track("u1", "e", {"at": NAIVE}, timestamp=NAIVE)
    assert server.calls[0]["timestamp"] == server.calls[0]["properties"]["at"] == "2026-01-31T12:00:00+00:00"


def test_a_time_with_a_zone_stays_the_same_moment(cio, server):
    new_york = NAIVE.replace(tzinfo=timezone(timedelta(hours=-5)))
    cio.track("u1", "e", {"at": new_york}, timestamp=new_york)
    sent = server.calls[0]
    assert datetime.fromisoformat(sent["timestamp"]) == datetime.fromisoformat(sent["properties"]["at"]) == new_york
    assert datetime.fromisoformat(sent["timestamp"]).astimezone(UTC).hour == 17


# Decimal loses precision or raises; UUID, numpy and dataclass values, and lists that hold one, disappear --------------


def test_a_decimal_keeps_its_digits(cio, server):
    cio.track("u1", "e", {"total": Decimal("12345678901234567.10"), "list": [Decimal("0.1")]})
    sent = json.loads(server.requests[0].content, parse_float=str)["properties"]
    assert sent == {"total": "12345678901234567.10", "list": ["0.1"]}


@dataclass
class Item:
    sku: str
    price: Decimal


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (UUID(int=1), str(UUID(int=1))),
        (np.int64(5), 5),
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        (np.array([1, 2]), [1, 2]),
        (Item("s", Decimal("1.5")), {"sku": "s", "price": 1.5}),
        (datetime(2026, 1, 31, tzinfo=UTC), "2026-01-31T00:00:00+00:00"),
        ({1, 2}, [1, 2]),
        (2**70, 2**70),
    ],
    ids=lambda value: type(value).__name__,
)
def test_no_value_disappears_alone_or_in_a_list(cio, server, value, form):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cio.track("u1", "e", {"v": value, "list": [1, value], "nested": {"deep": [{"v": value}]}})
    assert server.calls[0]["properties"] == {"v": form, "list": [1, form], "nested": {"deep": [{"v": form}]}}


def test_what_cannot_be_sent_is_an_error_and_not_a_gap(cio, server):
    with pytest.raises(ValidationError) as refused:
        cio.track("u1", "e", {"items": [{}, {}, {"price": object()}]})
    assert refused.value.field == "properties.items[2].price"
    assert server.requests == []


# Object type id at the top; "suppress" that only sets a trait; `DELETE /identify` -------------------------------------


def test_the_type_of_an_object_is_where_the_api_looks_for_it(cio, server):
    cio.send(objects.create("u1", "acme", {"name": "Acme"}, object_type_id=2))
    cio.send(objects.relate("u1", "acme", object_type_id=2))
    cio.send(objects.delete("acme", object_type_id=2))
    cio.send(objects.unrelate("u1", "acme", object_type_id=2))
    created, related, deleted, unrelated = server.calls
    assert created["traits"] == {"name": "Acme", "object_type_id": "2"}
    assert related["traits"] == {"object_type_id": "2"}
    assert deleted["properties"] == unrelated["properties"] == {"objectId": "acme", "objectTypeId": 2}
    assert not any({"objectTypeId", "object_type_id"} & call.keys() for call in server.calls)


def test_suppressing_is_the_event_that_suppresses(cio, server):
    cio.send(people.suppress("u1"))
    assert server.calls[0]["event"] == customerio.UserSuppressed.event_name == "User Suppressed"
    assert "traits" not in server.calls[0]
    assert server.requests[0].url.path.endswith("/track")


def test_deleting_is_a_call_that_exists(cio, server):
    cio.send(people.delete("u1"))
    assert (server.requests[0].method, server.requests[0].url.path) == ("POST", "/v1/track")
    assert server.calls[0]["event"] == "User Deleted"


# Path ids not percent-encoded: `..` addresses the API root ------------------------------------------------------------


@pytest.mark.parametrize("odd", ["..", ".", "a/b", "../../v2", "?x=1", "#top", "a+b@example.com", "%2e%2e", "\\"])
def test_an_id_never_becomes_part_of_an_address(cio, server, odd):
    operations = [
        people.delete(odd),
        people.merge(odd, f"{odd}2"),
        devices.delete(odd, odd),
        objects.create(odd, odd),
        objects.delete(odd),
        deliveries.report(odd, "opened"),
    ]
    for message in operations:
        cio.send(message)
    cio.send_many(operations)
    paths = {f"/v1{path}" for path in (*constants.PATHS.values(), constants.BATCH_PATH)}
    assert {request.url.raw_path.decode() for request in server.requests} <= paths
    assert server.calls[0]["userId"] == odd


# Exception texts hold the whole payload -------------------------------------------------------------------------------


def test_an_error_shows_nothing_of_the_payload_nor_the_key(cio, server):
    secret = {"email": "ann@example.com", "card": "4111111111111111", "bad": object()}
    with pytest.raises(ValidationError) as refused:
        cio.identify("user-of-ann", secret, context={"ip": "203.0.113.7"})
    shown = f"{refused.value} {refused.value!r} {vars(refused.value)} {refused.value.__context__}"
    assert not any(each in shown for each in ("user-of-ann", "ann@", "4111", "203.0", KEY))


def test_a_key_from_a_file_is_not_leaked_by_its_newline(server):
    with CustomerIO(f"{KEY}\n", transport=server) as cio:
        cio.track("u1", "e")
    assert b64decode(server.requests[0].headers["Authorization"].removeprefix("Basic ")) == f"{KEY}:".encode()
    with pytest.raises(ValidationError) as refused:
        CustomerIO(f"{KEY}\n{KEY}")
    assert KEY not in str(refused.value)


# `region=EU` is ignored -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("region", ["eu", "EU", "Eu"])
def test_a_region_in_any_case_is_that_region(server, region):
    with CustomerIO(KEY, region, transport=server) as cio:
        cio.track("u1", "e")
    assert f"{server.requests[0].url.scheme}://{server.requests[0].url.host}/v1" == constants.REGIONS["eu"]


# Batches whose sizes are checked after adding -------------------------------------------------------------------------


def test_measured_bytes_are_sent_bytes(cio, server):
    limits = Limits(call_bytes=400, batch_bytes=1_000)
    with CustomerIO(KEY, transport=server, limits=limits, clock=FakeClock()) as small:
        report = small.send_many(track(n, "e", {"text": "漢" * (n % 60)}) for n in range(500))
    assert report.complete
    assert max(len(request.content) for request in server.requests) <= 1_000
    assert all(len(orjson.dumps(call)) <= 400 for call in server.calls)
    assert len(server.calls) == 500
