"""The main job, whole: a sample of people, companies and orders from files into an API that checks every call.

``embedded.run`` loads it into a sandbox and compares what arrived with the files; ``live.run`` takes a small part of it
to the real API and deletes it afterwards. Both use nothing but public names, so this is also an example of a program
that loads tables. It needs the extras ``cli`` and ``sandbox``.
"""
