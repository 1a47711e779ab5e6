# %% [markdown]
# # People
#
# Adding and updating people, looking at what is known of them, devices, many people at once, and the ways in which
# somebody leaves: unsubscribed, deleted, suppressed.

# %% [markdown]
# ## Imports

# %%
from datetime import UTC, datetime

import matplotlib.pyplot as plt
import pandas as pd

from cio_facade import RefusedError, ValidationError, devices, people
from cio_facade.sandbox.notebook import open_workspace

# %% [markdown]
# ## A workspace
#
# The sandbox, or the workspace of `CIO_API_KEY`.

# %%
workspace = open_workspace()
cio = workspace.client
workspace

# %% [markdown]
# ## Adding a person
#
# `identify` adds a person, or updates the one who has the id. Traits are what is known of them; datetimes need a time
# zone.

# %%
ann = workspace.id("u1")
traits = {
    "email": workspace.email("ann"),
    "first_name": "Ann",
    "plan": "free",
    "createdAt": datetime(2026, 3, 2, 9, 30, tzinfo=UTC),
}
cio.identify(ann, traits)

# %% [markdown]
# What the sandbox knows of her now:

# %%
workspace.person(ann)

# %% [markdown]
# ## Updating
#
# Only what is given changes; the other traits stay. `None` removes a trait.

# %%
cio.identify(ann, {"plan": "pro", "seats": 3, "first_name": None})
workspace.person(ann)

# %% [markdown]
# ## Before somebody has an id
#
# A visitor is known by an anonymous id. Once they sign up, one call with both ids joins what they did to the person.

# %%
visitor = workspace.id("visitor-7")
cio.page(None, "Pricing", {"path": "/pricing"}, anonymous_id=visitor)
cio.identify(workspace.id("u2"), {"email": workspace.email("ben")}, anonymous_id=visitor)
workspace.person(workspace.id("u2"))

# %% [markdown]
# ## Devices
#
# A device belongs to a person and is known by its token. Registering it again updates it. These are messages: `send`
# sends one, `send_many` several.

# %%
token = workspace.id("token-1")
cio.send(devices.register(ann, token, "ios", {"app_version": "4.1"}))
cio.send(devices.update(ann, token, "ios", {"app_version": "4.2"}))
workspace.devices()

# %% [markdown]
# ## Many people
#
# `send_many` takes any iterable, so a column of a frame or a generator over a file will do. Here are 240 people who
# signed up within twelve weeks. `people.identify` builds a message and sends nothing.

# %%
weeks = pd.date_range("2026-01-05", periods=12, freq="W-MON", tz="UTC")
frame = pd.DataFrame({"number": range(240)})
frame["user_id"] = ("member-" + frame["number"].astype(str)).map(workspace.id)
frame["email"] = ("member-" + frame["number"].astype(str)).map(workspace.email)
frame["plan"] = frame["number"].map(lambda number: "pro" if number % 5 == 0 else "free")
frame["createdAt"] = frame["number"].map(lambda number: weeks[int((number / 240) ** 0.6 * 12)])
frame.head(3)

# %% [markdown]
# The report says what became of each: accepted is delivered, rejected, failed and pending together.

# %%
rows = frame.drop(columns="number").to_dict("records")
report = cio.send_many(people.identify(row.pop("user_id"), row) for row in rows)
report

# %% [markdown]
# The sandbox answers SQL, so what arrived can be counted, and plotted:

# %%
counted = workspace.sql("""
    SELECT substr(json_extract(traits, '$.createdAt'), 1, 10) AS week,
           count(*) FILTER (WHERE json_extract(traits, '$.plan') = 'pro') AS pro,
           count(*) FILTER (WHERE json_extract(traits, '$.plan') = 'free') AS free
    FROM people WHERE user_id LIKE 'member-%' GROUP BY week ORDER BY week
""")
by_week = pd.DataFrame(counted, columns=["week", "pro", "free"]).set_index("week")
by_week.head(3)

# %% [markdown]
# Sign-ups by week and plan. In a real workspace the sandbox has nothing to plot.

# %%
if not workspace.live:
    axes = by_week.plot.bar(stacked=True, figsize=(6.4, 2.6), width=0.85, color=["#2563eb", "#cbd5e1"])
    axes.set(title="People by week of sign-up", xlabel="", ylabel="people")
    plt.xticks(rotation=45, ha="right")
    plt.show()

# %% [markdown]
# ## What is wrong with a person
#
# A call that the API could not use is refused before it is sent. The error names the field and never the value.

# %%
try:
    cio.identify(ann, {"createdAt": datetime(2026, 3, 2, 9, 30)})
except ValidationError as error:
    print(error)

# %% [markdown]
# In `send_many` one faulty row costs one row. It is counted as rejected, and its letter says where it stood and what
# was wrong.

# %%
rows = [(workspace.id("u3"), {"plan": "free"}), ("", {"plan": "free"}), (workspace.id("u4"), {"plan": "pro"})]
report = cio.send_many(people.identify(user_id, traits) for user_id, traits in rows)
report

# %% [markdown]
# What only the server knows, it says itself: a platform that it does not know is refused with a reason.

# %%
try:
    cio.send(devices.register(ann, workspace.id("token-2"), "toaster"))
except (ValidationError, RefusedError) as error:
    print(type(error).__name__, error)

# %% [markdown]
# ## Leaving
#
# Three ways, and they are not the same. Unsubscribed people stay, and get no messages:

# %%
cio.identify(workspace.id("u3"), {"unsubscribed": True})
workspace.person(workspace.id("u3"))

# %% [markdown]
# Deleted people are gone. A later call with the same id adds them anew.

# %%
cio.send(people.delete(workspace.id("u4")))
workspace.person(workspace.id("u4"))

# %% [markdown]
# Suppressed people are gone, and their id cannot be added again: what a data protection law may ask for. The server
# answers 200 to a call for a suppressed id and drops what it says.

# %%
cio.send(people.suppress(ann))
cio.identify(ann, {"plan": "pro"})
workspace.person(ann)

# %% [markdown]
# The id can be let in again. What was known does not come back.

# %%
cio.send(people.unsuppress(ann))
cio.identify(ann, {"email": workspace.email("ann")})
workspace.person(ann)

# %% [markdown]
# ## Cleaning up
#
# All that this notebook made is deleted, and the sandbox ends.

# %%
workspace.close()
