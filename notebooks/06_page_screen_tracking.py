# %% [markdown]
# # Page and screen tracking
#
# Views of a site's pages and of an app's screens: what is known of each, the path of a visitor, the paths of many, and
# what becomes of views from before somebody signed up.
#
# The example is a museum that sells tickets.

# %% [markdown]
# ## Imports

# %%
from datetime import UTC, datetime, timedelta
from random import Random

import matplotlib.pyplot as plt
import pandas as pd

from cio_facade import RefusedError, ValidationError, messages
from cio_facade.sandbox.notebook import open_workspace

# %% [markdown]
# ## The workspace
#
# The sandbox, or the workspace of `CIO_API_KEY` where that is set.

# %%
workspace = open_workspace()
cio = workspace.client
ann, ben = workspace.id("u1"), workspace.id("u2")
workspace

# %% [markdown]
# ## A page
#
# Who, the page's name, and properties. `url`, `path`, `title`, `referrer` and `search` are those that destinations
# know; `category` is a member of the call itself. Give pages names that last: addresses change.

# %%
tickets = {
    "url": "https://museum.example.com/tickets?day=sunday",
    "path": "/tickets",
    "search": "?day=sunday",
    "title": "Tickets - The Museum",
    "referrer": "https://museum.example.com/",
}
cio.page(ann, "Tickets", tickets, category="shop")
workspace.received()

# %% [markdown]
# ## A screen
#
# The same for an app. A screen has no address, so the properties are your own.

# %%
cio.screen(ann, "Floor plan", {"floor": 2, "language": "en"}, category="visit")
workspace.received("screen")

# %% [markdown]
# ## The context of a page
#
# `context` says how a view came about: the campaign that led there, the browser, the language. Its `page` is where the
# browser was, which a library for browsers adds to every call; on the server you know it from the request.

# %%
browser = {
    "channel": "browser",
    "ip": "192.0.2.10",
    "locale": "fr-FR",
    "userAgent": "Mozilla/5.0 (example)",
    "page": {"path": "/exhibitions/glass", "referrer": "https://news.example.com/"},
    "campaign": {"name": "Glass", "source": "newsletter", "medium": "email", "content": "picture"},
}
message = messages.page(ann, "Exhibition", {"exhibition": "Glass"}, category="visit", context=browser)
message

# %% [markdown]
# ## The context of a screen
#
# Here it is the app, the device, its system and its network.

# %%
telephone = {
    "channel": "mobile",
    "app": {"name": "The Museum", "version": "3.4.1", "namespace": "com.example.museum"},
    "device": {"type": "android", "manufacturer": "Example", "model": "E-10"},
    "os": {"name": "Android", "version": "16"},
    "network": {"wifi": True, "cellular": False},
}
cio.send(message)
cio.screen(ann, "Audio guide", {"exhibition": "Glass", "stop": 7}, context=telephone)

# %% [markdown]
# What arrived can be asked for, member by member:

# %%
workspace.sql("""
    SELECT type, body ->> '$.name' AS name, body ->> '$.category' AS category,
           body ->> '$.context.channel' AS channel, body ->> '$.context.campaign.name' AS campaign,
           body ->> '$.context.app.version' AS app, body ->> '$.context.os.name' AS os
    FROM calls WHERE type IN ('page', 'screen') ORDER BY id
""")

# %% [markdown]
# ## A visitor nobody knows
#
# Before somebody signs up there is an anonymous id, from a cookie for instance. The views have their timestamps, so
# they may be sent later than they were seen.

# %%
visitor, noon = workspace.id("visitor-12"), datetime(2026, 3, 14, 12, 0, tzinfo=UTC)
seen = [(0, "Home"), (25, "Exhibitions"), (70, "Exhibition"), (160, "Tickets"), (240, "Sign up")]
path = [
    messages.page(None, name, anonymous_id=visitor, timestamp=noon + timedelta(seconds=after)) for after, name in seen
]
cio.send_many(path)

# %% [markdown]
# The path, with the seconds that were spent on each page. `person` is empty: the views are nobody's as yet.

# %%
query = """
    SELECT body ->> '$.name' AS page, substr(timestamp, 12, 8) AS time,
           unixepoch(lead(timestamp) OVER (ORDER BY timestamp)) - unixepoch(timestamp) AS seconds,
           anonymous_id, people.user_id AS person
    FROM calls LEFT JOIN people ON people.id = calls.person
    WHERE anonymous_id = ? AND type = 'page' ORDER BY timestamp
"""
workspace.sql(query, [visitor])

# %% [markdown]
# ## The visitor signs up
#
# One `identify` with both ids joins them. All that was done under the anonymous id becomes the person's:

# %%
cio.identify(ben, {"email": workspace.email("ben"), "plan": "friend"}, anonymous_id=visitor)
workspace.sql(query, [visitor])

# %% [markdown]
# From then on the id leads to Ben, with or without his user id in the call: a view of the app of somebody who is not
# logged in is his as well. The service joins what is not older than some days; the sandbox joins all.

# %%
cio.page(ben, "Checkout", {"path": "/checkout", "tickets": 2})
cio.screen(None, "Floor plan", {"floor": 0}, anonymous_id=visitor, context=telephone)
workspace.sql("""
    SELECT type, body ->> '$.name' AS name, calls.user_id, anonymous_id, people.user_id AS person, effect
    FROM calls JOIN people ON people.id = calls.person WHERE people.email IS NOT NULL ORDER BY calls.id
""")

# %% [markdown]
# ## Two hundred visits
#
# Many views go by `send_many`, from any iterable. Each row says where visitors go from a page; `None` is the end of a
# visit.

# %%
LINKS = {
    "Home": {"Exhibitions": 45, "Tickets": 25, "Opening hours": 18, None: 12},
    "Exhibitions": {"Exhibition": 60, "Home": 12, "Tickets": 10, None: 18},
    "Exhibition": {"Exhibitions": 30, "Tickets": 30, None: 40},
    "Opening hours": {"Tickets": 20, "Home": 10, None: 70},
    "Tickets": {"Checkout": 42, "Opening hours": 18, None: 40},
    "Checkout": {"Thanks": 65, "Tickets": 15, None: 20},
    "Thanks": {None: 100},
}

# %% [markdown]
# A visit is drawn page by page:


# %%
def visits(number):
    chance = Random(6)
    for visit in range(number):
        page, who = "Home", workspace.id(f"visitor-{100 + visit}")
        at = datetime(2026, 3, 15, 9, tzinfo=UTC) + timedelta(minutes=3 * visit)
        while page is not None:
            yield messages.page(None, page, anonymous_id=who, timestamp=at)
            at += timedelta(seconds=5 + int(chance.expovariate(1 / 40)))
            page = chance.choices([*LINKS[page]], [*LINKS[page].values()])[0]


views = list(visits(200))
report = cio.send_many(views)
report

# %% [markdown]
# ## The path through the site
#
# From which page to which, of what arrived (in a real workspace, of what was sent). The order is that of the
# timestamps; the last view of a visit leads out.

# %%
calls = [row["call"] for row in workspace.received("page")] or [view.to_dict() for view in views]
wanted = [(call["anonymousId"], call["timestamp"], call["name"]) for call in calls if not call.get("userId")]
frame = pd.DataFrame(wanted, columns=["visit", "at", "page"])
frame = frame.assign(at=pd.to_datetime(frame["at"], utc=True)).sort_values(["visit", "at"])
frame["next"] = frame.groupby("visit")["page"].shift(-1).fillna("leaves")
steps = pd.crosstab(frame["page"], frame["next"])
steps = steps.reindex(index=[*LINKS], columns=[*LINKS, "leaves"], fill_value=0)
steps

# %% [markdown]
# As shares of those who were on the page, the crowded ways stand out, and where the museum loses its visitors:

# %%
share = steps.div(steps.sum(axis=1), axis=0)
figure, axes = plt.subplots(figsize=(7, 3.6))
axes.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
for (row, column), part in ((at, share.iat[at]) for at in zip(*share.to_numpy().nonzero(), strict=True)):
    axes.text(
        column, row, f"{part:.0%}", ha="center", va="center", color="white" if part > 0.5 else "black", fontsize=8
    )
axes.set_xticks(range(share.shape[1]), share.columns, rotation=30, ha="right")
axes.set_yticks(range(share.shape[0]), share.index)
axes.set(title="From a page (row) to the next (column)")
plt.show()

# %% [markdown]
# ## What is wrong with a view
#
# Somebody has to have seen it. A call without any id is found before it is sent; so is an empty id, which would be
# everybody's.

# %%
for who in (None, ""):
    try:
        cio.page(who, "Home", {"path": "/"})
    except ValidationError as error:
        print(error)

# %% [markdown]
# What a member of the context may hold, the server checks; in permissive mode it would answer 200 and lose the view.

# %%
try:
    cio.page(ann, "Home", context={"channel": "web", "page": "/"})
except RefusedError as error:
    print(error.status, *error.reasons, sep="\n")

# %% [markdown]
# ## Cleaning up
#
# The people of this notebook are deleted, and the sandbox ends. A real workspace keeps what visitors did who never
# signed up: there is nobody to delete.

# %%
workspace.close()
