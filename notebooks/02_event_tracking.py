# %% [markdown]
# # Event tracking
#
# What people did, and when: events with properties, events of the past, events that come late or twice, events with a
# class of their own, events of somebody who is not known yet, and what can go wrong with them.
#
# The example is a town's bike hire.

# %% [markdown]
# ## Imports

# %%
import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from random import Random

import matplotlib.pyplot as plt
import pandas as pd

from cio_facade import RefusedError, ValidationError, messages
from cio_facade.events import ecommerce, mobile
from cio_facade.sandbox.notebook import Table, open_workspace

# %% [markdown]
# ## The workspace
#
# The sandbox, or the workspace of `CIO_API_KEY` where that is set.

# %%
workspace = open_workspace()
cio = workspace.client
ann, ben, cleo = (workspace.id(name) for name in ("u1", "u2", "u3"))
workspace

# %% [markdown]
# ## An event
#
# A person, a name and properties. The name is yours to choose; a verb in the past reads well, and the same name every
# time is what campaigns and segments count on. `track` waits for the server's answer and gives a receipt.

# %%
cio.track(ann, "Bike Rented", {"station": "Harbour", "bike": 417, "electric": True})

# %% [markdown]
# What arrived. A person whom nobody had named before is made by the event:

# %%
workspace.received()

# %% [markdown]
# ## Properties
#
# Python values become JSON. What has no counterpart there is written in the usual way: decimals as numbers, dates as
# text, sets as lists; not-a-number becomes null.

# %%
values = {
    "bike": 417,
    "price": Decimal("2.40"),
    "day": date(2026, 3, 9),
    "unlocked": datetime(2026, 3, 9, 8, 4, tzinfo=timezone(timedelta(hours=1))),
    "passed": {"Market", "Old Mill"},
    "start": {"latitude": 48.21, "longitude": 16.37},
    "rating": float("nan"),
}
cio.track(ann, "Bike Returned", values)

# %% [markdown]
# Each value beside the JSON that arrived (a real workspace does not tell):

# %%
arrived = next((row["says"] for row in workspace.received(event="Bike Returned")), {})
pairs = [(name, repr(values[name]), json.dumps(said)) for name, said in arrived.items()]
Table([{"property": name, "in Python": given, "arrived as": said} for name, given, said in pairs])

# %% [markdown]
# What JSON has no way to say is refused before anything is sent. The error names the property, never its value.

# %%
try:
    cio.track(ann, "Bike Returned", {"bike": 417, "took": timedelta(minutes=23)})
except ValidationError as error:
    print(error)

# %% [markdown]
# ## When it happened
#
# Without a `timestamp` the server takes the time at which the call arrives. With one, it is when you say: a datetime
# with a time zone, or ISO 8601 text with an offset. All of these name the same moment.

# %%
vienna = timezone(timedelta(hours=1))
for moment in (
    datetime(2026, 3, 9, 8, 4, tzinfo=vienna),
    datetime(2026, 3, 9, 7, 4, tzinfo=UTC),
    "2026-03-09T07:04:00Z",
):
    cio.track(ben, "Bike Rented", {"station": "Market", "bike": 88}, timestamp=moment)
workspace.sql("SELECT user_id, event, timestamp FROM calls WHERE user_id = ?", [ben])

# %% [markdown]
# A datetime without a time zone could be any of two dozen moments, so it is refused. A client can be told what it
# means instead: `naive_timestamps="utc"` or `"local"`.

# %%
try:
    cio.track(ben, "Bike Rented", {"bike": 88}, timestamp=datetime(2026, 3, 9, 8, 4))
except ValidationError as error:
    print(error)
with workspace.connect(naive_timestamps="utc") as in_utc:
    receipt = in_utc.track(ben, "Bike Rented", {"bike": 88}, timestamp=datetime(2026, 3, 9, 8, 4))
receipt

# %% [markdown]
# ## Backfill
#
# Events of the past go the same way, each with its own timestamp. Here are the nine hundred rides of a week in
# March: to work and back on weekdays, in the afternoon at the weekend.


# %%
def rides(number):
    chance, monday = Random(2), datetime(2026, 3, 9, tzinfo=UTC)
    weekday = [0, 0, 0, 0, 1, 3, 9, 24, 30, 12, 6, 6, 9, 8, 6, 7, 14, 28, 22, 11, 6, 4, 2, 1]
    weekend = [2, 1, 1, 0, 0, 0, 1, 2, 4, 8, 12, 15, 17, 19, 20, 19, 16, 12, 9, 7, 5, 4, 3, 2]
    for _ in range(number):
        day, who = chance.randrange(7), workspace.id(f"rider-{chance.randrange(120)}")
        hour = chance.choices(range(24), weekend if day > 4 else weekday)[0]
        start = monday + timedelta(days=day, hours=hour, minutes=chance.randrange(60))
        minutes = 4 + int(chance.expovariate(1 / 14))
        bike = {"bike": chance.randrange(1, 500), "electric": chance.random() < 0.3}
        yield messages.track(who, "Bike Rented", bike, timestamp=start)
        end = start + timedelta(minutes=minutes)
        yield messages.track(who, "Bike Returned", {**bike, "minutes": minutes}, timestamp=end)


# %% [markdown]
# `send_many` puts them into batches. The limit of the API is the same for the past and the present; the client keeps
# to it.

# %%
week = list(rides(900))
report = cio.send_many(week)
report

# %% [markdown]
# By the day of the ride, which is not that of arrival. The last row is a ride that ended after midnight.

# %%
workspace.sql("""
    SELECT substr(timestamp, 1, 10) AS day,
           count(*) FILTER (WHERE event = 'Bike Rented') AS rented,
           count(*) FILTER (WHERE event = 'Bike Returned') AS returned,
           round(avg(body ->> '$.properties.minutes'), 1) AS minutes
    FROM calls WHERE user_id LIKE 'rider-%' GROUP BY day ORDER BY day
""")

# %% [markdown]
# Rides a day by the hour at which they began, from what arrived (in a real workspace, from what was sent):

# %%
calls = [row["call"] for row in workspace.received(event="Bike Rented")] or [one.to_dict() for one in week]
frame = pd.DataFrame(call for call in calls if "rider-" in call["userId"] and call["event"] == "Bike Rented")
begun = pd.to_datetime(frame["timestamp"], utc=True).dt
day = begun.day_of_week.gt(4).map({False: "weekday", True: "weekend"}).rename("day")
hourly = frame.groupby([begun.hour.rename("hour"), day]).size().unstack(fill_value=0).reindex(range(24), fill_value=0)
hourly = hourly / [5, 2]
hourly.loc[7:9]

# %% [markdown]
# Two peaks on weekdays, and one at the weekend:

# %%
axes = hourly.plot(figsize=(7, 2.8), drawstyle="steps-mid", color=["tab:blue", "tab:orange"], legend=False)
for name, hour, line in zip(hourly, (10, 12.5), axes.lines, strict=True):
    axes.text(hour, hourly[name].max() + 0.6, name, ha="center", color=line.get_color())
axes.set(title="Bikes rented by hour of the day", ylabel="rides a day", xlabel="", xticks=range(0, 24, 3), ylim=(0, 25))
axes.set_xticklabels([f"{hour:02}:00" for hour in range(0, 24, 3)])
axes.spines[["top", "right"]].set_visible(False)
plt.show()

# %% [markdown]
# ## Late events
#
# A lock without signal reports when it has signal again: the return of 08:27 arrives after the rental of 08:40. The
# timestamps give the order in which it happened, whatever the order of sending.

# %%
lock = [
    ("Bike Rented", 412, "2026-03-16T08:02:00Z"),
    ("Bike Rented", 95, "2026-03-16T08:40:00Z"),
    ("Bike Returned", 412, "2026-03-16T08:27:00Z"),
    ("Bike Returned", 95, "2026-03-16T08:55:00Z"),
]
for event, bike, moment in lock:
    cio.track(cleo, event, {"bike": bike}, timestamp=moment)
query = """
    SELECT row_number() OVER (ORDER BY id) AS arrived, row_number() OVER (ORDER BY timestamp) AS happened,
           event, body ->> '$.properties.bike' AS bike, timestamp FROM calls WHERE user_id = ? ORDER BY id
"""
workspace.sql(query, [cleo])

# %% [markdown]
# ## Events that come twice
#
# The same lock may report the same return again. A message id made of what is reported, rather than of chance, lets
# whoever reads the calls tell a repeat from a second return. The client uses the same id in each retry of its own.

# %%
seen = workspace.id("lock-95-2026-03-16-0855")
for _ in range(2):
    cio.track(cleo, "Lock Reported", {"bike": 95}, timestamp="2026-03-16T08:55:00Z", message_id=seen)
workspace.sql("SELECT event, message_id, repeat FROM calls WHERE event = 'Lock Reported'")

# %% [markdown]
# The sandbox keeps a repeat and marks it. What the service does with one is not documented, so count on nothing: an
# event that must not count twice should say in its properties what makes it the same.

# %% [markdown]
# ## Events with a class
#
# Events whose name and properties the API and its destinations know have a class: an editor completes them, and a
# wrong property is an error on the spot. What else you know goes beside. All of them are in
# [08](08_semantic_events.ipynb).

# %%
pass_ = ecommerce.Product(product_id="day-pass", name="Day pass", price=6.5, quantity=1)
cio.track(ann, mobile.ApplicationOpened(version="4.2.0", from_background=False))
cio.track(ann, ecommerce.OrderCompleted(order_id="o-1", total=6.5, currency="EUR", products=[pass_]), {"zone": "A"})
Table(workspace.received(user_id=ann)[-2:], title="received", columns=("type", "who", "what", "says"))

# %% [markdown]
# ## Events of a visitor
#
# Somebody who has not signed up has an anonymous id: from a cookie, or made by the app. Their events are nobody's for
# the time being (`person` is empty) and make no person.

# %%
visitor = workspace.id("visitor-3")
cio.track(None, "Station Searched", {"near": "Opera"}, anonymous_id=visitor)
cio.track(None, "Prices Viewed", anonymous_id=visitor)
workspace.sql("SELECT event, user_id, anonymous_id, person FROM calls WHERE anonymous_id = ?", [visitor])

# %% [markdown]
# An `identify` with both ids makes them the person's. [06](06_page_screen_tracking.ipynb) follows a visitor until then,
# [07](07_profile_aliasing.ipynb) has the other ways.

# %%
cio.identify(workspace.id("u4"), {"email": workspace.email("dan")}, anonymous_id=visitor)
query = """
    SELECT event, people.user_id AS belongs_to FROM calls JOIN people ON people.id = calls.person
    WHERE anonymous_id = ? AND type = 'track'
"""
workspace.sql(query, [visitor])

# %% [markdown]
# ## Circumstances, and who else gets it
#
# `context` says how something was done: the address, the app, the device, the campaign that led there. `integrations`
# says which destinations get the event; `All` stands for those that are not named.

# %%
message = messages.track(
    ann,
    "Bike Rented",
    {"station": "Harbour", "bike": 12},
    context={
        "channel": "mobile",
        "ip": "192.0.2.10",
        "locale": "de-AT",
        "app": {"name": "Bikes", "version": "4.2.0"},
        "campaign": {"name": "Spring", "source": "poster", "medium": "qr"},
    },
    integrations={"All": False, "Data warehouse": True},
)
message

# %% [markdown]
# It arrives as it was said, and can be asked for:

# %%
cio.send(message)
workspace.sql("""
    SELECT event, body ->> '$.context.locale' AS locale, body ->> '$.context.app.version' AS app,
           body ->> '$.context.campaign.name' AS campaign, body -> '$.integrations' AS integrations
    FROM calls WHERE body ->> '$.context.channel' = 'mobile'
""")

# %% [markdown]
# ## What the server refuses
#
# A client knows the rules that hold for every call. What a member may contain in detail, the server checks: it answers
# 400 in strict mode, which is the default here.

# %%
try:
    cio.track(ann, "Bike Rented", {"bike": 12}, context={"channel": "fax"})
except RefusedError as error:
    print(error.status, *error.reasons)

# %% [markdown]
# Without strict mode, which is how the API behaves when nobody asks for it, the answer to the same call is 200 and the
# event is lost. The sandbox tells:

# %%
with workspace.connect(strict=False) as permissive:
    receipt = permissive.track(ann, "Bike Rented", {"bike": 12}, context={"channel": "fax"})
print(receipt.status)
workspace.refusals()

# %% [markdown]
# ## Cleaning up
#
# Who made the events is deleted, and the sandbox ends.

# %%
workspace.close()
