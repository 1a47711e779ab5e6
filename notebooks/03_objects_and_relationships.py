# %% [markdown]
# # Objects and relationships
#
# Things that people have to do with, such as companies and courses, and what each person is to each of them: adding,
# updating, relating, removing, and the traps of an object's type.
#
# The example is a school for professionals: companies send people, people take courses.

# %% [markdown]
# ## Imports

# %%
from random import Random

import matplotlib.pyplot as plt
import pandas as pd

from cio_facade import RefusedError, ValidationError, messages, objects
from cio_facade.sandbox.notebook import Table, open_workspace

# %% [markdown]
# ## The workspace
#
# The sandbox, or the workspace of `CIO_API_KEY` where that is set. The names here are made for it.

# %%
workspace = open_workspace()
cio = workspace.client
ann, ben, cleo = (workspace.id(name) for name in ("u1", "u2", "u3"))
acme, willow = workspace.id("acme"), workspace.id("willow")
pottery, welding = workspace.id("pottery"), workspace.id("welding")
workspace

# %% [markdown]
# ## Types
#
# An object is known by its type and its id. Types are numbers that a workspace gives when they are set up there; the
# first is 1, and is meant where none is named. A real workspace has to have them before it takes objects of them; the
# sandbox takes any.

# %%
COMPANY, COURSE = 1, 2

# %% [markdown]
# ## Adding an object
#
# The functions of `objects` build messages; `send` sends one. An object comes with a person who is related to it, and
# travels as a `group` call: its type goes as text among the attributes.

# %%
message = objects.create(ann, acme, {"name": "Acme Tools", "seats": 40, "terms": "30 days"}, COMPANY)
message

# %% [markdown]
# The object is there after it, and so is the relationship:

# %%
cio.send(message)
workspace.objects()

# %% [markdown]
# ## Updating
#
# The same call again: what is given changes, the rest stays, and an empty text removes an attribute.

# %%
cio.send(objects.update(ann, acme, {"seats": 55, "terms": ""}, COMPANY))
workspace.objects()

# %% [markdown]
# ## What a person is to an object
#
# Attributes of the relationship belong to the two together: Ann pays for Acme, and Ben, who works for both companies,
# is another thing to each. An object that is not known is added.

# %%
cio.send_many(
    [
        objects.relate(ann, acme, {"role": "pays"}, COMPANY),
        objects.relate(ben, acme, {"role": "learns", "since": "2026-02-01"}, COMPANY),
        objects.relate(ben, willow, {"role": "teaches"}, COMPANY),
        objects.update(cleo, willow, {"name": "Willow Lane Workshop", "seats": 6}, COMPANY),
    ]
)
workspace.relationships()

# %% [markdown]
# From the side of the person:

# %%
workspace.person(ben)

# %% [markdown]
# ## Another type
#
# Courses are objects of type 2. Four of them, and forty people who take some, each with a progress of their own; the
# order of calls is kept for each person and each object.

# %%
lessons = {"pottery": 8, "welding": 10, "bookbinding": 12, "first-aid": 4}
lessons_done = {"pottery": [5, 6, 7, 8], "welding": range(2, 9), "bookbinding": [1, 2, 2, 12], "first-aid": [0, 1]}


def enrolments():
    chance = Random(3)
    for course, number in lessons.items():
        attributes = {"name": course.replace("-", " ").capitalize(), "lessons": number}
        yield objects.create(ann, workspace.id(course), attributes, COURSE)
        for who in range(40):
            if chance.random() < 0.6:
                said = {"progress": round(chance.choice(lessons_done[course]) / number, 2)}
                yield objects.relate(workspace.id(f"learner-{who:02}"), workspace.id(course), said, COURSE)


# %% [markdown]
# One report for all:

# %%
enrolled = list(enrolments())
report = cio.send_many(enrolled)
report

# %% [markdown]
# The objects of both types now, with the number of people related to each:

# %%
workspace.sql("""
    SELECT type_id, object_id, objects.attributes ->> 'name' AS name, count(person) AS people
    FROM objects LEFT JOIN relationships USING (type_id, object_id) GROUP BY type_id, object_id
""")

# %% [markdown]
# How far people are, as it arrived (in a real workspace, as it was sent):

# %%
calls = [row["call"] for row in workspace.received("group")] or [message.to_dict() for message in enrolled]
rows = [(call["groupId"], call["traits"].get("relationshipAttributes", {})) for call in calls]
steps = [(course.removeprefix(workspace.prefix), said["progress"]) for course, said in rows if "progress" in said]
progress = pd.DataFrame(steps, columns=["course", "progress"]).groupby("course")["progress"]
progress.agg(["count", "mean"]).round(2).sort_values("mean")

# %% [markdown]
# The mean of bookbinding hides that most stop after the second lesson and the others finish. The larger a dot, the more
# people:

# %%
figure, axes = plt.subplots(figsize=(7, 2.4))
order = progress.mean().sort_values()
for place, course in enumerate(order.index):
    people = progress.get_group(course).value_counts()
    axes.scatter(people.index, [place] * len(people), s=20 * people, color="tab:blue", alpha=0.6, linewidth=0)
axes.scatter(order, range(len(order)), marker="|", s=300, color="tab:orange", label="mean")
axes.set_yticks(range(len(order)), order.index)
axes.set(title="Progress in each course", xlim=(-0.05, 1.05), ylim=(-0.6, len(order) - 0.4))
axes.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
axes.legend(frameon=False, loc="lower right", markerscale=0.6)
axes.spines[["top", "right"]].set_visible(False)
plt.show()

# %% [markdown]
# ## An event of an object
#
# A `track` with a `group_id` and nobody's id is of the object itself.

# %%
cio.track(None, "Invoice Paid", {"amount": 1320, "currency": "EUR"}, group_id=acme)
workspace.sql("SELECT event, group_id, user_id, body -> '$.properties' AS says FROM calls WHERE type = 'track'")

# %% [markdown]
# ## Removing
#
# `unrelate` ends one relationship; person and object stay. `delete` removes an object with all of its relationships;
# the people stay.

# %%
cio.send(objects.unrelate(ben, willow, COMPANY))
cio.send(objects.delete(welding, COURSE))
workspace.sql("""
    SELECT event, user_id, body -> '$.properties' AS says, effect FROM calls
    WHERE event IN ('Relationship Deleted', 'Object Deleted') ORDER BY id
""")

# %% [markdown]
# Ben has one company left:

# %%
workspace.person(ben)

# %% [markdown]
# ## Traps of the type: text here, a number there
#
# In a `group` call the type is text, `traits.object_type_id`. In the two events that delete it is a whole number,
# `properties.objectTypeId`. The functions of `objects` take either and send what belongs there; whoever builds the
# calls by hand is told by the server, since the client asks for strict mode.

# %%
by_hand = [
    messages.group(ann, acme, {"object_type_id": 1}),
    messages.track(ann, "Relationship Deleted", {"objectId": acme, "objectTypeId": "1"}),
]
for message in by_hand:
    try:
        cio.send(message)
    except RefusedError as error:
        print(error.status, *error.reasons)

# %% [markdown]
# `objects` sends both as they belong, whichever you give:

# %%
for kind in (2, "2"):
    related, ended = objects.relate(ann, pottery, None, kind), objects.unrelate(ann, pottery, kind)
    print(related.to_dict()["traits"], ended.to_dict()["properties"])

# %% [markdown]
# ## Traps of the type: the wrong place
#
# A type at the top level of the call is ignored: no error, and the object lands in type 1. `kiln` was to be a course:

# %%
kiln = workspace.id("kiln")
call = {"type": "group", "userId": ann, "groupId": kiln, "objectTypeId": str(COURSE), "traits": {"name": "Kiln"}}
cio.send(messages.Message(call))
workspace.sql("SELECT type_id, object_id, attributes FROM objects WHERE object_id = ?", [kiln])

# %% [markdown]
# ## Traps of the type: one id in two types
#
# Ids are unique within a type only. Here a course is called like the company, and the company is deleted because
# nobody said which one was meant: without a type it is 1.

# %%
cio.send(objects.create(ann, acme, {"name": "Working at Acme"}, COURSE))
before = workspace.sql("SELECT type_id, object_id, attributes FROM objects WHERE object_id = ?", [acme])
cio.send(objects.delete(acme))
after = workspace.sql("SELECT type_id, object_id, attributes FROM objects WHERE object_id = ?", [acme])
Table([{"when": when, **row} for when, rows in (("before", before), ("after", after)) for row in rows])

# %% [markdown]
# The sandbox says what the deletion did; deleting what is not there is no error either.

# %%
cio.send(objects.delete(acme))
workspace.sql("SELECT body -> '$.properties' AS says, effect FROM calls WHERE event = 'Object Deleted' ORDER BY id")

# %% [markdown]
# ## What never leaves
#
# An object needs an id, and somebody who is related to it. Both are checked before anything is sent.

# %%
for message in (objects.create(ann, "", {"name": "Nameless"}), objects.create(None, willow, {"seats": 8})):
    try:
        cio.send(message)
    except ValidationError as error:
        print(error)

# %% [markdown]
# ## The object's page
#
# The sandbox shows each object at an address of its own, by type and id, with its attributes and the people who are
# related to it. It is there until the workspace is closed.

# %%
if workspace.page:
    print(f"{workspace.page}objects/{COMPANY}/{willow}")
    print(f"{workspace.page}objects/{COURSE}/{pottery}")

# %% [markdown]
# The same as a table: all that was said of the company, and what each call did.

# %%
query = """
    SELECT coalesce(event, type) AS call, user_id, effect FROM calls
    WHERE group_id = :id OR body ->> '$.properties.objectId' = :id ORDER BY id
"""
workspace.sql(query, {"id": willow})

# %% [markdown]
# ## Cleaning up
#
# Objects and people of this notebook are deleted, and the sandbox ends.

# %%
workspace.close()
