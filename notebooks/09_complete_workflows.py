# %% [markdown]
# # Complete workflows: a day of a small shop
#
# A tea shop on 14 March, from the customers of the nightly export to the account at closing time: orders, a device, a
# company, a campaign's deliveries, an hour in which nothing gets through, and three people who want to be forgotten.
# At the end the book balances with what the API holds.

# %% [markdown]
# ## Imports

# %%
import json
import shutil
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from cio_facade import Outbox, Retry, ValidationError, devices, load, messages, objects, people
from cio_facade.events import ecommerce, mobile
from cio_facade.sandbox.notebook import Table, open_workspace

# %% [markdown]
# ## Opening
#
# The sandbox, or the workspace of `CIO_API_KEY` where that is set.

# %%
workspace = open_workspace()
cio = workspace.client
workspace

# %% [markdown]
# Each step of the day enters its report into a book, which is closed in the evening. A folder takes the files that
# this notebook writes; those that it reads are in `data`, and all in them is invented.

# %%
here = Path("files-09")
shutil.rmtree(here, ignore_errors=True)
here.mkdir()
book = []


def entered(step, report):
    made = report.rows if hasattr(report, "rows") else report.accepted
    sums = {name: getattr(report, name) for name in ("delivered", "rejected", "failed", "pending")}
    book.append({"step": step, "accepted": made, **sums})
    return report


# %% [markdown]
# Ids and addresses in the files are made this run's own, which changes them only in a real workspace.


# %%
def table(name):
    path = Path("data") / name
    rows = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    for column in {"customer_id", "email", "recipient"} & set(rows):
        rows[column] = workspace.prefix + rows[column]
    return rows.rename(columns={"customer_id": "user_id"})


customers, clicks, orders = table("customers.csv"), table("clicks.csv"), table("orders.parquet")
customers.head(3)

# %% [markdown]
# ## 06:00 The customers of the nightly export
#
# Each row becomes an `identify`. Two rows are not fit to be sent: they cost themselves, and wait in a file with the
# reason.

# %%
names = {"joined_at": "createdAt"}
export = load(customers, "identify", client=cio, mapping=names, rejected=here / "rejected.csv")
entered("customers", export)

# %% [markdown]
# Somebody mends the file by hand. It is loaded like any other table.

# %%
mended = pd.read_csv(export.rejected_path)
mended["user_id"] = [workspace.id("c-151"), workspace.id("c-152")]
mended["email"] = [workspace.email("una.151"), workspace.email("vito.152")]
entered("mended", load(mended, "identify", client=cio, mapping=names))

# %% [markdown]
# ## 08:20 A visitor becomes a customer
#
# Two pages are seen by nobody in particular. Then the visitor signs up: the call that names both ids joins them.

# %%
visitor, new = workspace.id("visitor-8"), workspace.id("c-153")
signed_up = [
    messages.page(None, "Spring tasting", anonymous_id=visitor, timestamp="2026-03-14T08:14:00Z"),
    messages.page(None, "Sign up", anonymous_id=visitor, timestamp="2026-03-14T08:18:00Z"),
    messages.identify(new, {"email": workspace.email("gina.153"), "city": "Lyon"}, anonymous_id=visitor),
]
entered("sign-up", cio.send_many(signed_up))

# %% [markdown]
# The new customer installs the app. The telephone's token is what a push will be sent to.

# %%
token = workspace.id("token-153")
app = [
    devices.register(new, token, "ios", {"app_version": "2.1.0"}),
    messages.track(new, mobile.ApplicationInstalled(version="2.1.0", build="340")),
    messages.track(new, mobile.ApplicationOpened(version="2.1.0", build="340")),
]
entered("device", cio.send_many(app))
workspace.person(new)

# %% [markdown]
# ## 09:30 A company
#
# An office orders for its staff. The company is an object, people are related to it, and what they are there belongs
# to the relationship.

# %%
office = workspace.id("willow-lane")
company = [
    objects.create(workspace.id("c-003"), office, {"name": "Willow Lane Office", "seats": 24, "terms": "30 days"}),
    objects.relate(workspace.id("c-003"), office, {"role": "pays"}),
    objects.relate(workspace.id("c-017"), office, {"role": "orders"}),
    objects.relate(workspace.id("c-052"), office, {"role": "orders"}),
]
entered("company", cio.send_many(company))
workspace.relationships()

# %% [markdown]
# ## 10:00 A campaign
#
# "Spring tasting" goes to all who take the newsletter, by a provider of the shop's own. Its log says what became of
# each e-mail, and every line is reported: the columns are called as the event's properties are.

# %%
log = table("deliveries.csv")
entered("deliveries", load(log, "Report Delivery Event", client=cio, mapping={"at": "timestamp"}))

# %% [markdown]
# Deliveries over time, from the reports that arrived (in a real workspace, from the log): the mails are out within
# half an hour, and are opened until the evening.

# %%
calls = [row["call"] for row in workspace.received(event="Report Delivery Event")]
rows = [{"at": call["timestamp"], "metric": call["properties"]["metric"]} for call in calls]
seen = pd.DataFrame(rows) if rows else log[["at", "metric"]]
seen = seen.assign(at=pd.to_datetime(seen["at"]))
figure, axes = plt.subplots(figsize=(7, 3.2))
for metric in ("delivered", "opened", "clicked", "converted"):
    times = seen.loc[seen["metric"] == metric, "at"].sort_values()
    line = axes.step(times, range(1, len(times) + 1), where="post")[0]
    last, look = (times.iloc[-1], len(times)), {"va": "center", "color": line.get_color()}
    axes.annotate(f"{metric} {len(times)}", last, (6, 0), textcoords="offset points", **look)
axes.xaxis.set_major_formatter(plt.matplotlib.dates.DateFormatter("%H:%M"))
axes.set(ylabel="e-mails", ylim=(0, None), title="Spring tasting: what became of the e-mails")
axes.set_xlim(seen["at"].min() - pd.Timedelta(minutes=15), seen["at"].max() + pd.Timedelta(hours=3))
figure.tight_layout()
plt.show()

# %% [markdown]
# ## The day's visits
#
# Clicks become typed events: a property that the specification does not know would be an error here. What happens
# between four and five o'clock is left out, since that hour is another story.

# %%
steps = [ecommerce.ProductViewed, ecommerce.ProductAdded, ecommerce.CartViewed]
steps += [ecommerce.CheckoutStarted, ecommerce.PaymentInfoEntered]
by_name = {event.event_name: event for event in steps}


def click(row):
    given = {"product_id": row.product_id, "quantity": row.quantity}
    event = by_name[row.event](**{name: value for name, value in given.items() if pd.notna(value)})
    return messages.track(row.user_id, event, timestamp=row.at)


in_the_bad_hour = clicks["at"].str.contains("T16:")
entered("visits", cio.send_many(click(row) for row in clicks[~in_the_bad_hour].itertuples()))

# %% [markdown]
# ## The day's orders
#
# They are loaded from their table, with the lines of each order.

# %%
late = orders["ordered_at"].dt.hour == 16
names = {"ordered_at": "timestamp"}
entered("orders", load(orders[~late], "Order Completed", client=cio, mapping=names))

# %% [markdown]
# What sold best, from the lines of the orders that arrived:

# %%
workspace.sql(
    "SELECT line.value ->> 'name' AS product, sum(line.value ->> 'quantity') AS pieces, "
    "round(sum((line.value ->> 'price') * (line.value ->> 'quantity')), 2) AS worth "
    "FROM calls, json_each(calls.body, '$.properties.products') AS line "
    "WHERE event = 'Order Completed' GROUP BY product ORDER BY worth DESC LIMIT 5"
)

# %% [markdown]
# ## 16:00 The bad hour
#
# Visits go on while the API is out of order: it answers 429, then connections are reset, then it answers 503, and of
# the first call that gets through the answer is lost. What happens now goes into an outbox: `put` returns when the
# message is on the disk, and delivery is its business. (A real workspace has no bad hours on demand; there the same
# cells see an ordinary hour.)

# %%
hour = [click(row) for row in clicks[in_the_bad_hour].itertuples()]
for row in orders[late].drop(columns="products").to_dict("records"):
    who, at = row.pop("user_id"), row.pop("ordered_at")
    known = {name: value for name, value in row.items() if pd.notna(value)}
    hour.append(messages.track(who, ecommerce.OrderCompleted(**known), timestamp=at))
hour.sort(key=lambda message: pd.Timestamp(message.call["timestamp"]))

# %% [markdown]
# Here the hour passes in steps of ten minutes. What happened in them is put, and the outbox gets a moment: `flush`
# waits until all is settled, or its time is up, and gives the account so far. (It would send by itself, half a second
# after a `put`. That it waits for `flush`, and sends one request at a time, makes each run look the same.)

# %%
hasty = workspace.connect(retry=Retry(base=0.1, cap=0.4))
outbox = Outbox(hasty, here / "outbox.db", flush_interval=60, lanes=1)
faults = {"16:10": "429", "16:20": "reset", "16:30": "503", "16:40": "drop-response@1"}
faults, steps = {} if workspace.live else faults, []
for begins in pd.date_range("2026-03-14 16:00", periods=6, freq="10min", tz="UTC"):
    fault, ends = faults.get(f"{begins:%H:%M}", ""), begins + pd.Timedelta(minutes=10)
    workspace.faults(*fault.split())
    for message in hour:
        if begins <= pd.Timestamp(message.call["timestamp"]) < ends:
            outbox.put(message)
    report = outbox.flush(timeout=0.5 if fault in ("429", "reset", "503") else 30)
    steps.append([f"{ends:%H:%M}\n{fault}", report.delivered, report.pending])

# %% [markdown]
# Messages wait while nothing gets through, and are delivered when it does:

# %%
passed = pd.DataFrame(steps, columns=["until", "delivered", "waiting"]).set_index("until")
axes = passed.plot.bar(stacked=True, figsize=(7, 3), width=0.8, rot=0, color=["tab:green", "tab:orange"])
axes.set(
    xlabel="", ylabel="messages", ylim=(0, 75), title="The bad hour: what was put by then, and how requests failed"
)
axes.legend(frameon=False, loc="upper left")
axes.spines[["top", "right"]].set_visible(False)
plt.show()

# %% [markdown]
# At the end of the hour the outbox is closed, and its account goes into the book: nothing was lost.

# %%
entered("bad hour", outbox.close(timeout=30))
Table(book[-1:])

# %% [markdown]
# One answer was lost after the calls had arrived, so they were sent again, with the same message ids: more calls than
# ids. That is what "at least once" means.

# %%
workspace.sql(
    "SELECT count(*) AS calls, count(DISTINCT message_id) AS message_ids, sum(repeat) AS repeats "
    "FROM calls WHERE timestamp LIKE '2026-03-14T16:%' AND event <> 'Report Delivery Event'"
)

# %% [markdown]
# ## 18:00 Three people want to be forgotten
#
# One wants to be deleted and may come back some day, two must never be added again. What is known of the first until
# now:

# %%
wishes = table("privacy.csv")
gone = wishes.loc[wishes["wish"] == "delete", "user_id"].tolist()
never_again = wishes.loc[wishes["wish"] == "suppress", ["user_id"]]
workspace.person(gone[0])

# %% [markdown]
# `people.delete` is a message like any other. Afterwards nobody has the id.

# %%
entered("deleted", cio.send_many(people.delete(who) for who in gone))
workspace.person(gone[0])

# %% [markdown]
# Suppressing by a table keeps a log of whom it concerned, and can ask somebody first. A no sends nothing:


# %%
def four_eyes(about):
    print(f"{about.kind} {about.rows} people?")
    return about.rows <= most


most = 1
try:
    load(never_again, "suppress", client=cio, confirm=four_eyes, audit=here / "audit.jsonl")
except ValidationError as error:
    print(error)

# %% [markdown]
# With a yes they are suppressed:

# %%
most = 2
done = load(never_again, "suppress", client=cio, confirm=four_eyes, audit=here / "audit.jsonl")
entered("suppressed", done)

# %% [markdown]
# The log says who did what to whom, and when; it is for its owner alone.

# %%
lines = [json.loads(line) for line in (here / "audit.jsonl").read_text().splitlines()]
Table(lines, title="audit.jsonl", columns=["event", "as", "rows", "id", "outcome", "totals"])

# %% [markdown]
# A call for one of them is still accepted, and does nothing: the id stays unknown.

# %%
who = never_again["user_id"].iloc[0]
calls = [messages.track(who, "Tasting Booked"), messages.identify(who, {"city": "Lyon"})]
entered("afterwards", cio.send_many(calls))
workspace.person(who)

# %% [markdown]
# ## 22:00 The account
#
# Everything that was handed over during the day, by step. In each row, and in all: `accepted = delivered + rejected +
# failed + pending`.

# %%
account = pd.DataFrame(book).set_index("step")
account.loc["the day"] = account.sum()
assert (account["accepted"] == account.drop(columns="accepted").sum(axis=1)).all()
account

# %% [markdown]
# And what the sandbox holds: as many message ids as were delivered.

# %%
held = workspace.sql(
    "SELECT coalesce(event, type) AS what, count(DISTINCT message_id) AS calls "
    "FROM calls GROUP BY what ORDER BY calls DESC"
)
delivered, there = account.loc["the day", "delivered"], sum(row["calls"] for row in held)
print(delivered, "delivered,", "a real workspace does not tell" if workspace.live else f"{there} in the sandbox")
assert workspace.live or delivered == there
held

# %% [markdown]
# The people balance too: those of the export, with the two that were mended and the one who signed up, without the
# three who are gone.

# %%
expected = export.delivered + 2 + 1 - len(gone) - len(never_again)
if not workspace.live:
    print(f"{expected} expected, {len(workspace.people())} there, {len(workspace.suppressed())} suppressed")
    assert expected == len(workspace.people())
workspace.suppressed()

# %% [markdown]
# ## Closing time
#
# What was made is deleted: in a real workspace nothing of the day is left.

# %%
hasty.close()
shutil.rmtree(here)
workspace.close()
