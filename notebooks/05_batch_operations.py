# %% [markdown]
# # Batch operations
#
# Many messages at once: from any iterable, in bodies that the API takes, with an account that balances. A bad message
# costs one message, and a load that was interrupted goes on where it was.

# %% [markdown]
# ## Imports

# %%
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import matplotlib.pyplot as plt
import pandas as pd

from cio_facade import CustomerIOError, Limits, deliveries, load, messages
from cio_facade.events import ecommerce
from cio_facade.observing import Observer
from cio_facade.sandbox.notebook import open_workspace

# %% [markdown]
# ## The workspace
#
# The sandbox, or the workspace of `CIO_API_KEY` where that is set. A folder takes the files that this notebook
# writes.

# %%
workspace = open_workspace()
cio = workspace.client
here = Path("files-05")
shutil.rmtree(here, ignore_errors=True)
here.mkdir()
workspace

# %% [markdown]
# ## A stream of any length
#
# `send_many` takes any iterable: a list, a generator, a cursor. Here a generator invents the orders of five months.
# It is read as fast as its messages can be sent, so memory stays flat however long it is. Each order names its message,
# so that one that is handed over twice is known by its id. The first of them:

# %%
catalogue = pd.read_csv("data/products.csv").to_dict("records")
JANUARY = datetime(2025, 1, 1, tzinfo=UTC)


def orders(number):
    chance = Random(5)
    for n in range(number):
        lines = [ecommerce.Product(**line, quantity=1 + n % 3) for line in chance.sample(catalogue, 1 + n % 5)]
        total = round(sum(line.price * line.quantity for line in lines), 2)
        order = ecommerce.OrderCompleted(order_id=f"o-{n}", total=total, products=lines)
        customer, message_id = workspace.id(f"c-{1 + n % 150:03}"), workspace.id(f"order-{n}")
        yield messages.track(customer, order, timestamp=JANUARY + timedelta(minutes=n * 40), message_id=message_id)


next(orders(1))

# %% [markdown]
# An observer is told of each request, and this one keeps what it is told. So that each run of this notebook looks the
# same, its client sends one request at a time, and the sandbox holds the first answer back until all orders are read.
# Otherwise several requests are under way at once when the server is slow, and what is in each depends on the moment.


# %%
class Requests(Observer):
    def __init__(self):
        self.seen = []

    def on_request(self, request):
        self.seen.append(request)


requests, one_by_one = Requests(), Limits(in_flight=1, window_requests=60)
watched = workspace.connect(observer=requests, limits=one_by_one)
workspace.faults("slow:2s@1")
report = watched.send_many(orders(6_000))
report

# %% [markdown]
# The report is the account. It always balances, and says so:

# %%
assert report.balanced
outcomes = ("delivered", "rejected", "failed", "pending")
print(report.accepted, "accepted =", " + ".join(f"{getattr(report, name)} {name}" for name in outcomes))

# %% [markdown]
# ## Batch sizes against the limit
#
# A body may have 500 000 bytes. Each message is encoded once and its bytes are counted, so bodies are filled to just
# below the limit, and none is above it. The last has what was left.

# %%
limit = Limits().batch_bytes / 1000
figure, axes = plt.subplots(figsize=(7, 3))
numbers = range(1, len(requests.seen) + 1)
bars = axes.bar(numbers, [request.bytes / 1000 for request in requests.seen], color="tab:blue")
labels = [f"{request.calls} calls" for request in requests.seen]
axes.bar_label(bars, labels, label_type="center", fontsize=8, color="white")
axes.axhline(limit, color="tab:red", linestyle="--")
axes.text(0.6, limit + 20, "limit of the API", color="tab:red", fontsize=9)
axes.set(xlabel="request", ylabel="kilobytes", ylim=(0, 600), title="Size of each body")
axes.set_xticks(numbers)
figure.tight_layout()
plt.show()

# %% [markdown]
# The sandbox counts on its side, and came to the same:

# %%
workspace.requests()

# %% [markdown]
# Smaller bodies can be asked for, by bytes or by calls. What does not fit into one body goes into the next; nothing
# has to be split by hand.

# %%
hundreds, seen = Limits(batch_calls=100, in_flight=1, window_requests=60), Requests()
with workspace.connect(observer=seen, limits=hundreds) as few:
    few.send_many(orders(450))
pd.DataFrame([{"calls": one.calls, "status": one.status} for one in seen.seen])

# %% [markdown]
# ## One bad message costs one message
#
# Rows as they come: an id that is missing, an address that is none, a note of 40 KB where a call has at most 32 KB.
# Each is rejected before anything of it is sent, and the others are delivered.

# %%
rows = [
    (workspace.id("c-001"), {"email": workspace.email("ann"), "city": "Lyon"}),
    (float("nan"), {"email": workspace.email("bob"), "city": "Leeds"}),
    (workspace.id("c-003"), {"email": "asked in the shop", "city": "Turin"}),
    (workspace.id("c-004"), {"email": workspace.email("dan"), "note": "long " * 8_000}),
    (workspace.id("c-005"), {"email": workspace.email("eva"), "city": "Ghent"}),
]
report = cio.send_many(messages.identify(who, traits) for who, traits in rows)
report

# %% [markdown]
# Each message that was not delivered has a letter, with its place in what was handed over. So the rows can be found,
# mended and sent:

# %%
rows[1] = (workspace.id("c-002"), rows[1][1])
rows[2][1]["email"] = workspace.email("cleo")
rows[3][1]["note"] = "long"
cio.send_many(messages.identify(*rows[letter.index]) for letter in report.dead_letters)

# %% [markdown]
# ## A batch that the server refuses
#
# Some faults only the server finds: a delivery cannot be reported as `bounced`. It refuses the whole batch of 100.
# The client halves it until the culprit is alone, and the other 99 arrive.

# %%
metrics = ["delivered"] * 100
metrics[37] = "bounced"
requests.seen.clear()
report = watched.send_many(
    deliveries.report(f"spring-{n:03}", metric, message_id=workspace.id(f"report-{n:03}"))
    for n, metric in enumerate(metrics)
)
watched.close()
report

# %% [markdown]
# The requests in the order of their answers: in a refused one is the culprit, and each half without it is delivered.

# %%
figure, axes = plt.subplots(figsize=(7, 3))
calls = [request.calls for request in requests.seen]
colours = ["tab:green" if request.status == 200 else "tab:red" for request in requests.seen]
bars = axes.bar(range(1, len(calls) + 1), calls, color=colours)
axes.bar_label(bars, calls, fontsize=9)
for colour, label in (("tab:red", "refused"), ("tab:green", "delivered")):
    axes.bar(1, 0, color=colour, label=label)
axes.set(xlabel="request", ylabel="calls in it", ylim=(0, 112), title="One culprit among 100")
axes.set_xticks(range(1, len(calls) + 1))
axes.legend(frameon=False)
figure.tight_layout()
plt.show()

# %% [markdown]
# What the server said each time, with the field:

# %%
workspace.refusals()

# %% [markdown]
# ## Progress and dead letters as they happen
#
# An observer is told of messages too, and `on_dead_letter` gets each letter as soon as it is known, however many
# there are. Here every thousandth order has lost its customer.


# %%
class Progress(Observer):
    delivered = 0

    def on_count(self, what, number):
        if what == "delivered":
            self.delivered += number
            print(f"{self.delivered:6,} delivered")


lost, nobody = [], messages.track(None, "Order Lost")
workspace.faults("slow:2s@1")
stream = (nobody if n % 1000 == 999 else order for n, order in enumerate(orders(5_000)))
with workspace.connect(observer=Progress(), limits=one_by_one) as told:
    report = told.send_many(stream, on_dead_letter=lambda letter: lost.append(letter.index))
print("not delivered:", lost, *report.reasons)

# %% [markdown]
# A source may break off: a cursor that loses its connection. What it gave before is delivered first, and the error
# has the report.


# %%
def cursor():
    yield from orders(250)
    raise ConnectionError("the database has gone away")


try:
    cio.send_many(cursor())
except ConnectionError as error:
    print(f"{error}; {error.report.delivered} of {error.report.accepted} were delivered")

# %% [markdown]
# ## Load a frame
#
# `load` makes a call of each row of a table: a file, a query, a frame. A dry run sends nothing: it validates all
# rows, and shows what would be sent.

# %%
customers = pd.read_csv("data/customers.csv")
for column in ("customer_id", "email"):
    customers[column] = workspace.prefix + customers[column]
names = {"customer_id": "user_id", "joined_at": "createdAt"}
load(customers, "identify", mapping=names, dry_run=True)

# %% [markdown]
# Then for good. The rejected rows go into a file with their reasons, to be mended and loaded.

# %%
report = load(customers, "identify", client=cio, mapping=names, rejected=here / "rejected.csv")
report

# %% [markdown]
# The file is a table with two columns more, which are not sent when it is loaded. Mended, it is a table like any
# other:

# %%
mended = pd.read_csv(report.rejected_path)
mended.loc[0, "customer_id"] = workspace.id("c-151")
mended.loc[1, "email"] = workspace.email("vito.152")
again = load(mended, "identify", client=cio, mapping=names)
print(again.delivered, "delivered,", again.rejected, "rejected")
mended[["customer_id", "email", "cio_row", "cio_reason"]]

# %% [markdown]
# ## Interrupted, and resumed
#
# A load that has a name and a folder remembers what was acknowledged. Here the key is refused from the third request
# on (in the sandbox; a real workspace lets it finish), so the load ends with an error that carries the account. What
# was under way then has failed, the rest is pending.

# %%
clicks = pd.read_csv("data/clicks.csv")
clicks["customer_id"] = workspace.prefix + clicks["customer_id"]
how = {"mapping": {"customer_id": "user_id", "at": "timestamp"}, "name": "clicks"}
how["state"] = here / "state"
small = workspace.connect(limits=hundreds)
workspace.faults("401@3-")
try:
    runs = [load(clicks, "track", client=small, **how)]
except CustomerIOError as error:
    runs = [error.report]
    print(type(error).__name__, error)
workspace.faults()

# %% [markdown]
# The same call again goes on with the rows that are not settled; `earlier` counts those that were. Once more, and
# there is nothing to do: nothing is sent.

# %%
runs += [load(clicks, "track", client=small, **how) for _ in range(2)]
small.close()
names = ["state", "rows", "delivered", "failed", "pending", "earlier", "requests"]
table = [{name: getattr(run, name) for name in names} for run in runs]
pd.DataFrame(table, index=["first", "again", "once more"])

# %% [markdown]
# No row arrived twice: as many message ids as rows (only the sandbox can tell).

# %%
workspace.sql(
    "SELECT event, count(*) AS calls, count(DISTINCT message_id) AS message_ids FROM calls "
    "WHERE timestamp LIKE '2026-03-14%' GROUP BY event ORDER BY calls DESC"
)

# %% [markdown]
# ## Clean up
#
# What was made is deleted, the folder too.

# %%
shutil.rmtree(here)
workspace.close()
