"""Whatever is valid is accepted in strict mode, and comes back as it was sent."""

import string
from typing import Any

import httpx
from cio_pipelines.constants import EVENT_NAME_BYTES, ID_BYTES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cio_facade.sandbox import Sandbox


def texts(most: int) -> st.SearchStrategy[str]:
    """Texts of at most so many bytes."""
    return st.text(min_size=1, max_size=most).filter(lambda text: len(text.encode()) <= most)


ids = texts(ID_BYTES)
names = texts(EVENT_NAME_BYTES)
numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
keys = st.text(string.ascii_lowercase, min_size=1, max_size=8).map("custom_{}".format)
free = st.dictionaries(keys, values, max_size=4)
moments = st.datetimes().map(lambda moment: moment.isoformat() + "Z")
someone = st.one_of(
    st.fixed_dictionaries({"userId": ids}, optional={"anonymousId": ids}), st.fixed_dictionaries({"anonymousId": ids})
)
common = st.fixed_dictionaries(
    {},
    optional={
        "messageId": ids,
        "timestamp": moments,
        "context": free,
        "integrations": st.dictionaries(keys, st.booleans(), max_size=2),
    },
)


def call(type_: str, identity: st.SearchStrategy[dict[str, Any]], **members: st.SearchStrategy[Any]) -> Any:
    parts = st.tuples(st.just({"type": type_}), identity, st.fixed_dictionaries(members), common)
    return parts.map(lambda dictionaries: {key: value for part in dictionaries for key, value in part.items()})


calls = st.one_of(
    call("identify", someone, traits=free),
    call("identify", st.just({}), traits=free.map(lambda traits: {**traits, "email": "ann@example.com"})),
    call("track", someone, event=names, properties=free),
    call("track", st.fixed_dictionaries({"groupId": ids}), event=names, properties=free),
    call("page", someone, name=names, properties=free),
    call("screen", someone, name=names, properties=free),
    call("group", someone, groupId=ids, traits=free),
    call("alias", st.fixed_dictionaries({"userId": ids, "previousId": ids})),
)


@given(batch=st.lists(calls, max_size=6))
@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_valid_calls_are_accepted_and_come_back_as_they_were_sent(
    batch: list[dict[str, Any]], strict: httpx.Client, sandbox: Sandbox
) -> None:
    sandbox.clear()
    answer = strict.post("/batch", json={"batch": batch})
    assert answer.status_code == 200, answer.text
    assert sandbox.calls() == batch


@given(one=calls)
@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_valid_call_is_accepted_at_its_own_endpoint_without_its_type(
    one: dict[str, Any], strict: httpx.Client, sandbox: Sandbox
) -> None:
    sandbox.clear()
    answer = strict.post(f"/{one['type']}", json={key: value for key, value in one.items() if key != "type"})
    assert answer.status_code == 200, answer.text
    assert sandbox.calls() == [one]
