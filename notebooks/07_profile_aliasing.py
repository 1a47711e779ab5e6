# %% [markdown]
# # Aliasing: one person, several ids
#
# How a visitor becomes somebody, how two people who are one are merged, what of each survives, and which mistakes
# cannot be undone.
#
# The example is an orchestra that sells subscriptions on its site and at the box office. What a merge does in detail,
# the vendor does not document: where this notebook says "in the sandbox", the sandbox had to choose a reading. Try it
# in a workspace for testing before you rely on it.

# %% [markdown]
# ## Imports

# %%
from datetime import UTC, datetime, timedelta
from random import Random

import pandas as pd

from cio_facade import ValidationError, devices, messages, objects, people
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
# ## From anonymous to known, by identify
#
# The usual way, at the moment somebody signs up or logs in: one call with both ids. What was done under the anonymous
# id is Ann's afterwards, and the id leads to her.

# %%
laptop = workspace.id("cookie-laptop")
cio.page(None, "Programme", anonymous_id=laptop)
cio.track(None, "Concert Viewed", {"concert": "Spring serenade"}, anonymous_id=laptop)
cio.identify(ann, {"email": workspace.email("ann"), "first_name": "Ann"}, anonymous_id=laptop)
workspace.person(ann)

# %% [markdown]
# ## From anonymous to known, by alias
#
# `alias(user_id, previous_id)`: the first id stays, the second leads to it. For an id that is nobody's this links it
# as an anonymous id, without saying anything of Ann. Here it is the cookie of her telephone.

# %%
telephone = workspace.id("cookie-telephone")
cio.track(None, "Concert Viewed", {"concert": "Evening of quartets"}, anonymous_id=telephone)
cio.alias(ann, telephone)
workspace.person(ann)

# %% [markdown]
# What each call did. The events of both cookies are hers now:

# %%
query = """
    SELECT type, coalesce(event, body ->> '$.name') AS what, calls.user_id, anonymous_id, previous_id,
           people.user_id AS person, effect
    FROM calls LEFT JOIN people ON people.id = calls.person ORDER BY calls.id
"""
workspace.sql(query)

# %% [markdown]
# ## Two people who are one
#
# Ben has an account on the site. At the box office he is a customer with a number of its own, with a device, a
# subscription and a purchase. Where both sides know something, they do not agree.

# %%
desk, season = workspace.id("desk-4711"), workspace.id("season-2026")
site = {"email": workspace.email("ben"), "first_name": "Ben", "city": "", "seat": "stalls"}
box_office = {"first_name": "Benjamin", "city": "Graz", "phone": "+1 555 0100", "seat": "balcony"}
cio.send_many(
    [
        messages.identify(ben, site),
        messages.identify(desk, box_office),
        messages.track(desk, "Ticket Bought", {"concert": "Spring serenade", "seats": 2}),
        devices.register(desk, workspace.id("token-1"), "ios"),
        objects.relate(desk, season, {"since": "2024", "rows": "A-C"}),
        objects.relate(ben, season, {"since": "2026"}),
    ]
)
workspace.people()

# %% [markdown]
# ## Merging
#
# `people.merge(primary, secondary)` is the same call as `alias`, with names that say who stays. What both are is kept
# first: afterwards nobody can ask for it any more.

# %%
before = {who: workspace.person(who) for who in (ben, desk)}
message = people.merge(ben, desk)
cio.send(message)
message

# %% [markdown]
# Of the two, one is left:

# %%
workspace.people()

# %% [markdown]
# ## What survived
#
# Side by side, trait by trait. In the sandbox the traits of who stays hold, also where the other's are newer; what is
# missing or empty there is filled in. So the city and the telephone came over, the first name and the seat did not.

# %%
versions = {**before, "now": workspace.person(ben)}
known = {who: {row["is"]: row["value"] for row in rows} for who, rows in versions.items()}
names = dict.fromkeys(name for said in known.values() for name in said if name.startswith("traits."))
Table([{"trait": name.removeprefix("traits."), **{who: known[who].get(name) for who in known}} for name in names])

# %% [markdown]
# All else that was the other's goes over: the device, the relationship (its own `since` holds, `rows` is filled in),
# and the merged id itself.

# %%
Table([row for row in workspace.person(ben) if not row["is"].startswith("traits.")], title="of Ben, besides traits")

# %% [markdown]
# So do the events: the purchase was tracked for the box office's number, and is Ben's.

# %%
workspace.sql("""
    SELECT event, calls.user_id AS tracked_for, people.user_id AS belongs_to
    FROM calls JOIN people ON people.id = calls.person WHERE event = 'Ticket Bought'
""")

# %% [markdown]
# ## The id that went
#
# A merged id is kept with the person, yet it is free. A system that goes on using it makes a new person, in the
# sandbox as soon as it is named:

# %%
cio.track(desk, "Ticket Bought", {"concert": "Evening of quartets", "seats": 1})
workspace.people()

# %% [markdown]
# The remedy is to merge again, and to teach the box office the id that stays.

# %%
cio.send(people.merge(ben, desk))
workspace.sql("""
    SELECT event, calls.user_id AS tracked_for, people.user_id AS belongs_to
    FROM calls JOIN people ON people.id = calls.person WHERE event = 'Ticket Bought'
""")

# %% [markdown]
# ## What cannot be undone
#
# There is no call that takes two people apart. Naming the id again makes somebody new who knows nothing; traits,
# device and events stay where they went.

# %%
cio.identify(desk, {"note": "was merged by mistake"})
workspace.people()

# %% [markdown]
# What helps is a copy from before the merge, such as `before`: who was merged by mistake can be given their traits
# again, and a device can be registered anew. Their events cannot be given back.

# %%
copy = {row["is"].removeprefix("traits."): row["value"] for row in before[desk] if row["is"].startswith("traits.")}
cio.identify(desk, copy)
cio.send(devices.register(desk, workspace.id("token-1"), "ios"))
workspace.person(desk)

# %% [markdown]
# ## A mistake: both ids the same
#
# A loop over pairs in which a pair is one id twice. The API's schema allows it, so the answer is 200. In the sandbox
# nothing happens: nobody is merged away, and `effect` is empty.

# %%
cio.alias(ben, ben)
workspace.sql("SELECT user_id, previous_id, verdict, effect FROM calls WHERE previous_id = user_id")

# %% [markdown]
# Nothing tells that from success but the calls themselves. A guard is a line in your code:


# %%
def merge(primary, secondary):
    if primary == secondary:
        raise ValueError("a person cannot be merged into themselves")
    return people.merge(primary, secondary)


try:
    cio.send(merge(ben, ben))
except ValueError as error:
    print(error)

# %% [markdown]
# ## A mistake: the wrong way round
#
# The guest was to become part of Cleo, a subscriber. With the ids exchanged it is Cleo who goes: her address fills in
# what the guest had not said, the plan is the guest's, and the id that other systems know of her is gone.

# %%
guest = workspace.id("guest-9")
cio.identify(cleo, {"email": workspace.email("cleo"), "plan": "subscriber"})
cio.identify(guest, {"plan": "guest"})
cio.alias(guest, cleo)
workspace.people()

# %% [markdown]
# ## A mistake: no id at all
#
# An empty id would be anybody's, and one that is too long nobody's. Both are found before anything is sent.

# %%
for previous in ("", None, "x" * 151):
    try:
        cio.alias(ann, previous)
    except ValidationError as error:
        print(error)

# %% [markdown]
# ## A mistake: somebody who may not come back
#
# Nobody who was suppressed returns by a merge: in the sandbox the call is taken, and does nothing.

# %%
gone = workspace.id("u7")
cio.identify(gone, {"phone": "+1 555 0101"})
cio.send(people.suppress(gone))
cio.send(people.merge(ann, gone))
Table(workspace.sql("SELECT type, event, user_id, previous_id, effect FROM calls ORDER BY id DESC LIMIT 3")[::-1])

# %% [markdown]
# ## Many doubles
#
# Two lists of customers were put together, and some people came twice: with the same address, under two ids. First the
# sixty of them.

# %%
chance, start = Random(7), datetime(2025, 1, 1, tzinfo=UTC)
frame = pd.DataFrame({"user_id": [workspace.id(f"list-{number:02}") for number in range(60)]})
frame["email"] = [workspace.email(f"guest-{number if number < 45 else number - 45}") for number in range(60)]
frame["createdAt"] = [start + timedelta(hours=chance.randrange(9000)) for _ in range(60)]
frame["source"] = ["site" if number < 45 else "box office" for number in range(60)]
report = cio.send_many(people.identify(row.pop("user_id"), row) for row in frame.to_dict("records"))
report

# %% [markdown]
# Whoever was there first stays. Each other id with the same address goes.

# %%
frame = frame.sort_values("createdAt")
frame["stays"] = frame.groupby("email")["user_id"].transform("first")
doubles = frame[frame["user_id"] != frame["stays"]]
doubles.head(3)

# %% [markdown]
# `send_many` keeps the order for both ids of an alias, so nothing that was said of either overtakes the merge.

# %%
report = cio.send_many(merge(row.stays, row.user_id) for row in doubles.itertuples())
report

# %% [markdown]
# Sixty ids, forty-five people, fifteen merged ids:

# %%
workspace.sql("""
    SELECT count(*) AS people, count(DISTINCT email) AS addresses,
           (SELECT count(*) FROM merges WHERE previous_id LIKE 'list-%') AS merged_ids
    FROM people WHERE user_id LIKE 'list-%'
""")

# %% [markdown]
# Some of them, with where they went and what holds there:

# %%
workspace.sql("""
    SELECT previous_id, user_id AS went_to, email, traits ->> 'source' AS source
    FROM merges JOIN people ON people.id = merges.person WHERE previous_id LIKE 'list-%'
    ORDER BY previous_id LIMIT 4
""")

# %% [markdown]
# ## Cleaning up
#
# The people, devices and objects of this notebook are deleted, a suppressed id is let in again, and the sandbox ends.

# %%
workspace.close()
