# %% [markdown]
# # Semantic events
#
# Some events have a name and properties that the API and its destinations know: an order, an opened e-mail, a played
# video. Each is a class here, made from the specification, so that an editor completes its properties and a wrong one
# is found before it is sent.

# %% [markdown]
# ## Imports

# %%
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from inspect import getdoc

import attrs
import jedi
import matplotlib.pyplot as plt
import pandas as pd

from cio_facade import RefusedError, ValidationError, deliveries, events, load, messages
from cio_facade.events import ab_test, ecommerce, email, live_chat, mobile, video
from cio_facade.sandbox.notebook import Table, open_workspace

# %% [markdown]
# ## The workspace
#
# The sandbox, or the workspace of `CIO_API_KEY` where that is set.

# %%
workspace = open_workspace()
cio = workspace.client
ann, bob, cleo, dan = (workspace.id(name) for name in ("u1", "u2", "u3", "u4"))
workspace

# %% [markdown]
# ## The families
#
# Each family is a module of `cio_facade.events`. None of it is written by hand: what the next specification adds is
# here with the next `make generate`. On the command line, `cio-facade events` lists them all.

# %%
by_name = {}
for family in events.__all__:
    module = getattr(events, family)
    classes = [getattr(module, name) for name in module.__all__]
    by_name |= {event.event_name: event for event in classes if hasattr(event, "event_name")}
rows = [{"family": event.event_family, "event": name} for name, event in by_name.items()]
by_family = pd.DataFrame(rows).groupby("family")["event"]
Table(by_family.agg(events="count", such_as=lambda names: ", ".join(names[:3])).reset_index().to_dict("records"))

# %% [markdown]
# ## What the specification says of an event
#
# The docstring of its class has it, for people and editors (and `cio-facade events "Email Link Clicked"`):

# %%
print(getdoc(email.EmailLinkClicked))

# %% [markdown]
# Its fields have it for programs. Those without a default are required:


# %%
def described(event):
    fields = [field for field in attrs.fields(event) if field.name != "additional_properties"]
    required = {field.name: field.default is attrs.NOTHING for field in fields}
    types = {field.name: field.type.removesuffix(" | Unset") for field in fields}
    rows = [{"property": name, "type": types[name], "required": required[name]} for name in types]
    return Table(rows, title=event.event_name)


described(email.EmailLinkClicked)

# %% [markdown]
# Of an order everything is optional, and `products` are of a class of their own:

# %%
described(ecommerce.OrderCompleted)

# %% [markdown]
# ## Completion
#
# The Tab key gives the events of a family, and within the brackets their properties. This asks the engine behind it:

# %%
for line in ("ecommerce.Order", "ecommerce.OrderCompleted(c", "email.EmailOpened("):
    found = [one.name for one in jedi.Interpreter(line, [globals()]).complete()]
    print(f"{line:28}", *found)

# %% [markdown]
# ## E-commerce: a day of a shop
#
# The clicks of a small shop's day are in a file, its orders in another. Each row becomes the class of its event, with
# the properties that the row has; a name or a property that the specification does not know would stop here.


# %%
def click(row):
    given = row[["product_id", "quantity"]].dropna().to_dict()
    return messages.track(workspace.id(row["customer_id"]), by_name[row["event"]](**given), timestamp=row["at"])


def order(row):
    given = row[["order_id", "currency", "coupon", "shipping", "total"]].dropna().to_dict()
    lines = [ecommerce.Product(**line) for line in row["products"]]
    bought = ecommerce.OrderCompleted(**given, products=lines)
    return messages.track(workspace.id(row["customer_id"]), bought, timestamp=row["ordered_at"])


# %% [markdown]
# The first order, as the call that it becomes:

# %%
clicks = pd.read_csv("data/clicks.csv", dtype={"quantity": "Int64"})
orders = pd.read_parquet("data/orders.parquet")
sent = [click(row) for _, row in clicks.iterrows()] + [order(row) for _, row in orders.iterrows()]
sent[-len(orders)]

# %% [markdown]
# One report for all of them:

# %%
report = cio.send_many(sent)
report

# %% [markdown]
# ## The checkout as a funnel
#
# How many people came to each step, from the events that arrived (a real workspace does not tell, so there it is from
# those that were sent). The most are lost between looking and choosing.

# %%
calls = [row["call"] for row in workspace.received("track")] or [message.to_dict() for message in sent]
people = pd.DataFrame(calls).groupby("event")["userId"].nunique().sort_values()
figure, axes = plt.subplots(figsize=(7, 3))
bars = axes.barh(people.index, people, color="tab:blue")
axes.bar_label(bars, [f"{number}  ({number / people.max():.0%})" for number in people], padding=4)
axes.set(xlabel="people", xlim=(0, people.max() * 1.2), title="From looking to buying")
axes.spines[["top", "right"]].set_visible(False)
figure.tight_layout()
plt.show()

# %% [markdown]
# The same calls, asked for what sold (a query over what the sandbox keeps):

# %%
workspace.sql(
    "SELECT line.value ->> 'name' AS product, sum(line.value ->> 'quantity') AS pieces, "
    "round(sum((line.value ->> 'price') * (line.value ->> 'quantity')), 2) AS worth "
    "FROM calls, json_each(calls.body, '$.properties.products') AS line "
    "WHERE event = 'Order Completed' GROUP BY product ORDER BY worth DESC LIMIT 5"
)

# %% [markdown]
# The family has what else happens in a shop: searches, lists, wishes, coupons, reviews, refunds.

# %%
pot = {"product_id": "p-09", "name": "Cast Iron Pot", "price": 54.0}
shop = [
    ecommerce.ProductsSearched(query="iron pot"),
    ecommerce.ProductListViewed(category="ware", products=[ecommerce.Product(**pot, position=1)]),
    ecommerce.ProductAddedToWishlist(**pot),
    ecommerce.WishlistProductAddedToCart(**pot, quantity=1),
    ecommerce.CouponDenied(coupon_id="WINTER10", reason="expired"),
    ecommerce.CouponApplied(coupon_id="SPRING10", discount=5.4),
    ecommerce.ProductReviewed(product_id="p-09", rating=4, review_body="Heavy, and keeps its heat."),
    ecommerce.OrderRefunded(order_id="o-8712", total=24.5, currency="EUR"),
]
cio.send_many(messages.track(dan, event) for event in shop)
workspace.received(user_id=dan)

# %% [markdown]
# ## E-mail and live chat
#
# What other tools did, so that a campaign can act upon it. E-mail events also add to the call's context: who acted,
# and from where.

# %%
about = {"email_id": "e-81", "campaign_name": "Spring tasting", "email_subject": "Six teas to try"}
reader = email.EmailActivityTraits(email=workspace.email("ann"), user_agent="Mail/16.0")
where = email.EmailActivityContext(traits=reader)
chat = {"conversation_id": "chat-7", "agent_name": "Support"}
cio.send_many(
    [
        messages.track(ann, email.EmailDelivered(**about)),
        messages.track(ann, email.EmailOpened(**about, context=where)),
        messages.track(ann, email.EmailLinkClicked(**about, context=where, link_url="https://shop.example.com/spring")),
        messages.track(ann, live_chat.LiveChatConversationStarted(**chat)),
        messages.track(ann, live_chat.LiveChatMessageReceived(**chat, message_id="m-1")),
        messages.track(ann, live_chat.LiveChatConversationEnded(**chat, conversation_duration=240)),
    ]
)

# %% [markdown]
# They arrived in their order, which is kept for each person:

# %%
workspace.received(user_id=ann)

# %% [markdown]
# ## Mobile, and an experiment
#
# Life of an app on a telephone, from its installation to a push that is tapped. The last event says which variation
# of an A/B test was seen.

# %%
push = mobile.PushCampaign(name="Spring tasting", medium="Push", content="Six teas to try")
app = [
    mobile.ApplicationInstalled(version="2.1.0", build="340"),
    mobile.ApplicationOpened(version="2.1.0", build="340", from_background=False),
    mobile.ApplicationBackgrounded(),
    mobile.PushNotificationReceived(campaign=push),
    mobile.PushNotificationTapped(campaign=push, action="open"),
    ab_test.ExperimentViewed(experiment_name="Start page", variation_name="large pictures"),
]
cio.send_many(messages.track(bob, event) for event in app)
workspace.received(user_id=bob)

# %% [markdown]
# ## Video
#
# One playback: `session_id` ties its events together, `position` says how far it has come.

# %%
film = {"session_id": "s-12", "total_length": 300}
start = datetime(2026, 3, 14, 18, 30, tzinfo=UTC)
played = [
    (0, video.VideoPlaybackStarted(**film, position=0, quality="1080p", video_player="html5")),
    (1, video.VideoContentStarted(**film, asset_id="brewing", title="How to brew green tea")),
    (90, video.VideoPlaybackPaused(**film, position=89)),
    (150, video.VideoPlaybackResumed(**film, position=89)),
    (200, video.VideoContentPlaying(**film, asset_id="brewing", position=139)),
    (361, video.VideoPlaybackCompleted(**film, position=300)),
]
cio.send_many(messages.track(cleo, event, timestamp=start + timedelta(seconds=after)) for after, event in played)
workspace.received(user_id=cleo)

# %% [markdown]
# ## A wrong property
#
# The class knows its properties. A wrong name, or a required one that is missing, is an error on the spot (and in an
# editor before that, like a text where a number belongs):

# %%
for wrong in (lambda: ecommerce.OrderCompleted(totl=99.9), lambda: email.EmailOpened(campaign_name="Spring")):
    try:
        wrong()
    except TypeError as error:
        print(error)

# %% [markdown]
# Properties of your own go beside the event, where nobody can take them for a slip of the pen:

# %%
gift = ecommerce.OrderCompleted(order_id="o-9001", total=31.6)
messages.track(dan, gift, {"gift_wrap": True})

# %% [markdown]
# `load` looks at the columns of a table in the same way, before anything is sent. What it finds odd and cannot
# decide, such as a number that is text, it notes.

# %%
try:
    load([{"user_id": dan, "totl": 31.6}], "Order Completed", client=cio)
except ValidationError as error:
    print(error)
trial = load([{"user_id": dan, "total": "31,60"}], "Order Completed", client=cio, dry_run=True)
print(trial.notes[0])

# %% [markdown]
# ## A name that nobody knows
#
# Events of your own may have any name: `"Tasting Booked"` is as good as any. So a text that is almost the name of a
# semantic event goes through, and no destination will know it. The class cannot be misspelt unnoticed:

# %%
try:
    ecommerce.OrderComplete
except AttributeError as error:
    print(error)
try:
    load([{"user_id": dan}], "Order Complete", dry_run=True)
except ValidationError as error:
    print(error)

# %% [markdown]
# Names that were sent before can be searched for what was probably meant:

# %%
folded = {name.casefold(): name for name in by_name}
for name in ("Order Complete", "Product viewed", "Tasting Booked"):
    close = get_close_matches(name.casefold(), folded, n=1, cutoff=0.85)
    print(f"{name!r}:", f"did you mean {folded[close[0]]!r}?" if close else "an event of your own")

# %% [markdown]
# ## Reports of deliveries
#
# The seventh family acts inside Customer.io: deleted and suppressed people, devices, objects
# ([01](01_people_management.ipynb), [03](03_objects_and_relationships.ipynb), [04](04_device_management.ipynb)), and
# what became of Customer.io's own messages. Functions build these; a report needs no person.

# %%
link = "https://shop.example.com/spring"
cio.send_many(
    [
        deliveries.report("dlv-1", "delivered", recipient=workspace.email("ann")),
        deliveries.report("dlv-1", "opened", recipient=workspace.email("ann")),
        deliveries.report("dlv-1", "clicked", recipient=workspace.email("ann"), href=link),
        deliveries.report("dlv-1", "converted", user_id=ann),
        deliveries.report_content("viewed_content", content_id=12, template_id=3),
    ]
)
workspace.deliveries()

# %% [markdown]
# There are four metrics. The server checks them, since a fifth would do nothing:

# %%
try:
    cio.send(deliveries.report("dlv-1", "bounced"))
except RefusedError as error:
    print(error.status, *error.reasons)

# %% [markdown]
# ## Clean up

# %%
workspace.close()
