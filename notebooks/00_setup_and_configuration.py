# %% [markdown]
# # Setup and configuration
#
# From an installed package to a first call that is known to have arrived: where calls go, how a client is
# configured, what comes back, and what an error says.
#
# No account is needed. The notebook starts the sandbox, a local stand-in for the API that checks every call. With
# `CIO_API_KEY` set it runs against that workspace instead, under ids of its own, and deletes what it made. Use a
# workspace for testing.
#
# `pip install 'cio-facade[notebooks]'` installs all that the notebooks need.

# %% [markdown]
# ## Imports

# %%
import os
from unittest.mock import patch

from cio_facade import AuthenticationError, CustomerIO, Limits, Retry, ValidationError, __version__, messages
from cio_facade.sandbox.notebook import open_workspace

# %% [markdown]
# ## Where calls go
#
# Every notebook starts like this. The link leads to the sandbox's page, which shows calls as they arrive; it is
# there until the workspace is closed.

# %%
workspace = open_workspace()
cio = workspace.client
workspace

# %% [markdown]
# ## A first call
#
# A client has six verbs: `identify`, `track`, `page`, `screen`, `group`, `alias`. Each waits for the server's answer
# and gives a receipt. In a real workspace `workspace.id` and `workspace.email` make names that nobody else has; in the
# sandbox they leave them as they are.

# %%
ann = workspace.id("u1")
cio.identify(ann, {"email": workspace.email("ann"), "plan": "pro"})

# %% [markdown]
# What the API received, as the sandbox kept it:

# %%
workspace.received()

# %% [markdown]
# And what it changed: there is a person now.

# %%
workspace.person(ann)

# %% [markdown]
# ## Messages
#
# A message is a call that is not yet made: a value that can be looked at, compared and sent later. A notebook shows its
# fields, and a saved notebook keeps what it shows. In logs and tracebacks, which use `repr`, there are none of them.

# %%
message = messages.track(ann, "Course Started", {"title": "Intro", "lessons": 12})
print(repr(message))
message

# %% [markdown]
# `send` sends one message, `send_many` any number of them, in batches. Its report balances:
# `accepted = delivered + rejected + failed + pending`.

# %%
lessons = (messages.track(ann, "Lesson Completed", {"lesson": number}) for number in range(1, 13))
report = cio.send_many([message, *lessons])
report

# %% [markdown]
# ## A client of your own
#
# In a program the key comes from the environment: `CIO_API_KEY`, and if need be `CIO_REGION` (`us` or `eu`) and
# `CIO_BASE_URL`. A key never shows in a `repr`, a log or an error.

# %%
variables = {"CIO_API_KEY": "key-of-an-example", "CIO_REGION": "eu"}
with patch.dict(os.environ, variables), CustomerIO.from_env(base_url=None) as europe:
    print(europe)

# %% [markdown]
# All settings have defaults that follow the API's documentation. These limit this client to half of the requests that
# the API allows, and have it give up on a call after ten seconds.

# %%
with workspace.connect(limits=Limits(share=0.5), retry=Retry(budget=10), timeout=5) as careful:
    receipt = careful.track(ann, "Course Completed", {"title": "Intro"})
receipt

# %% [markdown]
# ## When something is wrong
#
# What the API could not use is refused before it is sent. The error names the field and the rule, never the value.

# %%
try:
    cio.track(ann, "x" * 101)
except ValidationError as error:
    print(error)

# %% [markdown]
# A setting that cannot be right is found when the client is made.

# %%
try:
    CustomerIO("key-of-an-example", region="mars")
except ValidationError as error:
    print(error)

# %% [markdown]
# What the server refuses is an error too. A key that it does not know is the most frequent of them; the sandbox takes
# any key, and answers as it is told: here 401 to the next request.

# %%
workspace.faults("401@1")
try:
    cio.identify(ann, {"plan": "pro"})
except AuthenticationError as error:
    print(error)

# %% [markdown]
# A server that is busy is asked again, with the same message id. The sandbox fails on demand: here the next two
# requests. The receipt counts the attempts.

# %%
workspace.faults("503@1-2")
cio.track(ann, "Certificate Issued", {"title": "Intro"})

# %% [markdown]
# The sandbox shows all three requests; in a real workspace nothing failed.

# %%
workspace.sql("SELECT path, status, retry_count, fault FROM requests ORDER BY id DESC LIMIT 3")

# %% [markdown]
# ## Cleaning up
#
# `close` deletes what the notebook made, and ends the sandbox.

# %%
print("cio_facade", __version__)
workspace.close()
