# %% [markdown]
# # Device management
#
# The telephones and tablets that push messages go to: registering them, what is known of each, a token that moves to
# another person, removing them, and what is refused.
#
# The example is the app of a newspaper.

# %% [markdown]
# ## Imports

# %%
from datetime import UTC, datetime, timedelta
from random import Random

import matplotlib.pyplot as plt
import pandas as pd

from cio_facade import RefusedError, ValidationError, devices, messages, people
from cio_facade.events import mobile
from cio_facade.sandbox.notebook import Table, open_workspace

# %% [markdown]
# ## The workspace
#
# The sandbox, or the workspace of `CIO_API_KEY` where that is set. Two readers, and the tokens that their apps were
# given for push messages.

# %%
workspace = open_workspace()
cio = workspace.client
ann, ben = workspace.id("u1"), workspace.id("u2")
phone, tablet = workspace.id("token-phone"), workspace.id("token-tablet")
cio.identify(ann, {"email": workspace.email("ann")})
cio.identify(ben, {"email": workspace.email("ben")})
workspace

# %% [markdown]
# ## Registering
#
# The functions of `devices` build messages; `send` sends one. A device travels as an event: token and platform in its
# context, what else is known of the device as properties.

# %%
message = devices.register(ann, phone, "ios", {"app_version": "4.1", "last_used": "2026-03-02", "language": "en"})
message

# %% [markdown]
# Ann has a device after it:

# %%
cio.send(message)
workspace.devices()

# %% [markdown]
# ## Updating
#
# The same call with the same token: what is given changes, and the rest stays. An app may well send it at each start.

# %%
cio.send(devices.update(ann, phone, "ios", {"app_version": "4.2", "last_used": "2026-03-14"}))
workspace.devices()

# %% [markdown]
# ## Platforms
#
# `ios` or `android`; a person may have devices of both. Without a platform a device is kept, yet a push message needs
# to know one: it can be given later.

# %%
cio.send(devices.register(ann, tablet, attributes={"app_version": "4.2", "language": "en"}))
without = workspace.devices()
cio.send(devices.update(ann, tablet, "android"))
Table([{"when": when, **row} for when, rows in (("before", without), ("after", workspace.devices())) for row in rows])

# %% [markdown]
# Which app on which device an event came from is another thing. That goes into the event's own context, and changes no
# device:

# %%
where = {"app": {"name": "Morning Post", "version": "4.2"}, "device": {"token": phone, "type": "ios"}}
cio.track(ann, mobile.ApplicationOpened(version="4.2", from_background=True), context=where)
workspace.person(ann)

# %% [markdown]
# ## A token that moves
#
# A token belongs to one person at a time. The tablet is shared: Ann logs out without a word of it, Ben logs in, and
# the app registers the token it has. In the sandbox the device moves to him, with what was known of it.

# %%
cio.send(devices.register(ben, tablet, "android", {"app_version": "4.3"}))
workspace.devices()

# %% [markdown]
# Afterwards Ann's app catches up and takes the tablet off her. It is not hers any more, so nothing happens: in the
# sandbox only the owner's removal counts. Whether the service sees it so is not documented; an app is on the safe side
# when it removes the device before somebody else logs in.

# %%
cio.send(devices.delete(ann, tablet, "android"))
workspace.sql("""
    SELECT user_id, event, body ->> '$.context.device.token' AS token, effect
    FROM calls WHERE event LIKE 'Device%' ORDER BY id
""")

# %% [markdown]
# ## Removing
#
# Ben logs out, and the app removes the device as it should. Push messages to him end; he himself stays.

# %%
cio.send(devices.delete(ben, tablet, "android"))
workspace.person(ben)

# %% [markdown]
# ## What is refused
#
# A device without a token could never be reached. That is found before anything is sent, whether the token is empty or
# forgotten:

# %%
nameless = [
    devices.register(ann, "", "ios"),
    messages.track(ann, "Device Created or Updated", context={"device": {"type": "ios"}}),
]
for message in nameless:
    try:
        cio.send(message)
    except ValidationError as error:
        print(error)

# %% [markdown]
# A platform that the API does not know is refused by the server:

# %%
try:
    cio.send(devices.register(ann, workspace.id("token-watch"), "watchos"))
except RefusedError as error:
    print(error.status, *error.reasons)
workspace.refusals()

# %% [markdown]
# ## Devices from a list
#
# The backend of the app knows 240 devices, some of which have not been used for months. A column of platforms and one
# of versions become calls, and the report says what became of them.

# %%
chance, today = Random(4), datetime(2026, 3, 15, tzinfo=UTC)
frame = pd.DataFrame({"user_id": [workspace.id(f"reader-{number % 200:03}") for number in range(240)]})
frame["token"] = [workspace.id(f"token-{number:03}") for number in range(240)]
frame["platform"] = chance.choices(["ios", "android"], [3, 2], k=240)
frame["app_version"] = chance.choices(["4.2", "4.1", "3.9"], [6, 3, 1], k=240)
days = [int(chance.expovariate(1 / 12) if number % 4 else chance.uniform(0, 240)) for number in range(240)]
frame["last_used"] = [(today - timedelta(days=ago)).date() for ago in days]
frame.head(3)

# %% [markdown]
# Each row is one device; whoever is not known yet is added with it.


# %%
def device(row):
    said = {"app_version": row.app_version, "last_used": row.last_used}
    return devices.register(row.user_id, row.token, row.platform, said)


report = cio.send_many(device(row) for row in frame.itertuples())
report

# %% [markdown]
# What arrived, by platform and version of the app (in a real workspace there is nothing to count):

# %%
workspace.sql("""
    SELECT type AS platform, count(*) AS devices, count(DISTINCT person) AS people,
           count(*) FILTER (WHERE attributes ->> 'app_version' = '4.2') AS "4.2",
           count(*) FILTER (WHERE attributes ->> 'app_version' = '4.1') AS "4.1",
           count(*) FILTER (WHERE attributes ->> 'app_version' = '3.9') AS "3.9"
    FROM devices WHERE token LIKE 'token-___' GROUP BY type
""")

# %% [markdown]
# ## Devices that nobody uses
#
# Push messages to a telephone in a drawer only cost. When were the devices used last, and where to draw the line?

# %%
age = (pd.Timestamp(today.date()) - pd.to_datetime(frame["last_used"])).dt.days
figure, axes = plt.subplots(figsize=(7, 2.6))
platforms = ["ios", "android"]
axes.hist([age[frame["platform"] == name] for name in platforms], range(0, 255, 15), stacked=True, label=platforms)
axes.axvline(90, color="tab:red", linestyle="--")
axes.text(93, axes.get_ylim()[1] * 0.85, f"{(age > 90).sum()} devices beyond 90 days", color="tab:red")
axes.legend(frameon=False)
axes.set(title="Days since a device was used", ylabel="devices", xticks=range(0, 255, 30))
axes.spines[["top", "right"]].set_visible(False)
plt.show()

# %% [markdown]
# Those beyond the line are removed, each from its owner:

# %%
unused = frame[age > 90]
report = cio.send_many(devices.delete(row.user_id, row.token, row.platform) for row in unused.itertuples())
report

# %% [markdown]
# What is left, and the oldest of them:

# %%
workspace.sql("""
    SELECT count(*) AS devices, min(attributes ->> 'last_used') AS longest_unused
    FROM devices WHERE token LIKE 'token-___'
""")

# %% [markdown]
# ## A person who leaves
#
# With a deleted person the devices go too.

# %%
cio.send(people.delete(ann))
workspace.sql("SELECT count(*) AS devices_of_ann FROM devices WHERE token = ?", [phone])

# %% [markdown]
# ## Cleaning up
#
# Devices and people of this notebook are deleted, and the sandbox ends.

# %%
workspace.close()
