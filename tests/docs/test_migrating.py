"""The table of counterparts names every function there was, and nothing here that is not."""

import ast
import inspect
import re
from pathlib import Path

import pytest
from cio_pipelines import constants

import cio_facade
from cio_facade import events, testing
from cio_facade.messages import CallFields, PageFields, TrackFields
from cio_facade.sandbox import Sandbox

PAGE = (Path(__file__).parents[2] / "docs" / "migrating.md").read_text("utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith("| ---")
]
SNIPPETS = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)

EARLIER = [
    "CustomerIOClient",
    "make_request",
    "identify",
    "track",
    "delete",
    "identify_user",
    "delete_user",
    "suppress_user",
    "unsuppress_user",
    "add_device",
    "delete_device",
    "track_event",
    "track_page_view",
    "track_screen_view",
    "track_ecommerce_event",
    "track_email_event",
    "track_mobile_event",
    "track_video_event",
    "track_page",
    "track_pageview",
    "track_screen",
    "track_screenview",
    "create_object",
    "update_object",
    "delete_object",
    "create_relationship",
    "delete_relationship",
    "register_device",
    "update_device",
    "delete_device",
    "create_alias",
    "merge_profiles",
    "send_batch",
    "create_batch_operations",
    "validate_batch_size",
    "split_oversized_batch",
    "batch_identify",
    "batch_track",
    "batch_delete",
    "track_user_deleted",
    "track_user_suppressed",
    "track_user_unsuppressed",
    "track_device_deleted",
    "track_object_deleted",
    "track_relationship_deleted",
    "track_report_delivery_event",
    "track_anonymous",
    "pageview",
    "backfill",
    "suppress",
    "unsuppress",
    "merge_customers",
    "send_entity",
    "send_email",
    "send_push",
    "send_sms",
    "attach",
]

# The events that it had a function for, by the classes that they are here.
EARLIER_EVENTS = {
    "ecommerce": """
        ProductsSearched ProductListViewed ProductListFiltered ProductClicked ProductViewed ProductAdded
        ProductRemoved CartViewed CheckoutStarted CheckoutStepViewed CheckoutStepCompleted PaymentInfoEntered
        OrderCompleted OrderUpdated OrderRefunded OrderCancelled PromotionViewed PromotionClicked CouponEntered
        CouponApplied CouponDenied CouponRemoved ProductAddedToWishlist ProductRemovedFromWishlist
        WishlistProductAddedToCart ProductShared CartShared ProductReviewed
    """,
    "mobile": """
        ApplicationInstalled ApplicationOpened ApplicationBackgrounded ApplicationForegrounded
        ApplicationUpdated ApplicationUninstalled ApplicationCrashed PushNotificationReceived
        PushNotificationTapped
    """,
    "video": """
        VideoPlaybackStarted VideoPlaybackPaused VideoPlaybackInterrupted VideoPlaybackResumed
        VideoPlaybackCompleted VideoPlaybackExited VideoPlaybackBufferStarted VideoPlaybackBufferCompleted
        VideoPlaybackSeekStarted VideoPlaybackSeekCompleted VideoContentStarted VideoContentPlaying
        VideoContentCompleted VideoAdStarted VideoAdPlaying VideoAdCompleted
    """,
}

NAMES = {name: getattr(cio_facade, name) for name in cio_facade.__all__}
NAMES |= {family: getattr(events, family) for family in events.__all__}
NAMES |= {"RecordingTransport": testing.RecordingTransport, "FakeClock": testing.FakeClock, "Sandbox": Sandbox}
NAMES |= {"cio": cio_facade.CustomerIO, "aio": cio_facade.AsyncCustomerIO}
FIELDS = CallFields.__annotations__ | TrackFields.__annotations__ | PageFields.__annotations__

# Code of the two right columns: what is here.
HERE = sorted({code for _, *here in ROWS for cell in here for code in re.findall(r"`([^`]+)`", cell)})
NO_CODE = {"send", "send_many", "unsubscribed", "retry_after", "cio_facade", "cio_pipelines.api", ".env", "dotenv",
           "Retry-After", "live_chat", "ab_test", "customerio"}  # fmt: skip


def resolved(node):
    """What a dotted name stands for; None for a name of the reader's own, such as ``user_id``."""
    if isinstance(node, ast.Attribute):
        return getattr(resolved(node.value), node.attr)
    return NAMES.get(node.id)


def bound(call):
    """Whether a call's arguments fit; names of the reader's own are taken as they come."""
    target = resolved(call.func)
    signature = inspect.signature(target)
    keywords = {keyword.arg: None for keyword in call.keywords}
    is_method = isinstance(call.func, ast.Attribute) and isinstance(resolved(call.func.value), type)
    on_class = is_method and inspect.ismethod(target)
    signature.bind(*[None] * (len(call.args) + (is_method and not on_class)), **keywords)
    named = {name for name, parameter in signature.parameters.items() if parameter.kind is not parameter.VAR_KEYWORD}
    assert keywords.keys() - named <= FIELDS.keys(), "no such field"


@pytest.mark.parametrize("name", sorted(set(EARLIER)))
def test_every_function_there_was_is_in_the_table(name):
    assert any(re.search(rf"`{name}[`(]", there) for there, *_ in ROWS)


def test_every_row_says_what_is_here_or_that_it_is_later_work():
    for there, here, *_ in ROWS:
        assert "`" in here or here.startswith("later: ") or here == "here", there


@pytest.mark.parametrize("code", [code for code in HERE if code not in NO_CODE])
def test_a_counterpart_exists_and_takes_what_the_table_gives_it(code):
    tree = ast.parse(code, mode="eval").body
    assert resolved(tree.func if isinstance(tree, ast.Call) else tree) is not None
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            bound(node)


@pytest.mark.parametrize("family", EARLIER_EVENTS)
def test_every_event_there_was_is_in_the_table_and_here(family):
    names = EARLIER_EVENTS[family].split()
    assert {(family, name) for name in names} <= set(constants.SEMANTIC_EVENTS.values())
    assert [name for name in names if not any(f"`{family}.{name}`" in here for _, here, *_ in ROWS)] == []


@pytest.mark.parametrize("snippet", SNIPPETS, ids=range(len(SNIPPETS)))
def test_the_snippets_run(snippet, monkeypatch):
    transport = testing.RecordingTransport()
    for name in ("CustomerIO", "AsyncCustomerIO"):
        client = getattr(cio_facade, name)
        recorded = type(name, (client,), {"__init__": recording(client, transport)})
        monkeypatch.setattr(cio_facade, name, recorded)
    monkeypatch.setenv("CIO_API_KEY", "key")
    exec(compile(snippet, "docs/migrating.md", "exec"), {"__name__": "snippet"})
    assert transport.calls


def recording(client, transport):
    def start(self, *args, **settings):
        client.__init__(self, *args, **settings, transport=transport, clock=testing.FakeClock())

    return start
