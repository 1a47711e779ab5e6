"""What the sandbox's file holds: the tables, in words that people may query them by.

``received`` has a row for every call that came, whatever became of it, and one for a request of which no call could be
read; the view ``calls`` has those that were accepted. The tables below them are the workspace: what the accepted calls
made of it. They change in the transaction that keeps the call.
"""

from typing import Final

from cio_facade.sandbox.records import COLUMNS

__all__ = ["APPLICATION", "FORM", "SCHEMA", "TABLES"]

# Kept in the file, so that the file of another program, or one with tables of another form, is not touched.
APPLICATION: Final = int.from_bytes(b"cios")
FORM: Final = 2

_NAMED: Final = "".join(f"{column} TEXT, " for column in COLUMNS)

# Rows are forgotten in this order.
TABLES: Final = (
    "problems",
    "received",
    "requests",
    "tallies",
    "devices",
    "relationships",
    "objects",
    "anonymous",
    "merges",
    "suppressed",
    "delivery_reports",
    "content_reports",
    "people",
)

SCHEMA: Final = f"""
BEGIN;
CREATE TABLE requests (
    id INTEGER PRIMARY KEY,
    time TEXT NOT NULL,
    path TEXT NOT NULL,
    strict INTEGER NOT NULL,
    request_id TEXT,
    retry_count INTEGER,
    key TEXT,
    bytes INTEGER NOT NULL,
    status INTEGER NOT NULL,
    accepted INTEGER NOT NULL,
    lost INTEGER NOT NULL,
    dropped INTEGER NOT NULL,
    fault TEXT,
    verdict TEXT NOT NULL,
    reason TEXT
);
CREATE TABLE received (
    id INTEGER PRIMARY KEY,
    request INTEGER NOT NULL REFERENCES requests (id),
    position INTEGER NOT NULL,
    time TEXT NOT NULL,
    type TEXT,
    {_NAMED}
    bytes INTEGER NOT NULL,
    verdict TEXT NOT NULL,
    reason TEXT,
    repeat INTEGER NOT NULL DEFAULT 0,
    person INTEGER,
    effect TEXT,
    body TEXT NOT NULL
);
CREATE INDEX received_by_message ON received (message_id) WHERE message_id IS NOT NULL AND verdict = 'accepted';
CREATE INDEX received_by_person ON received (person) WHERE person IS NOT NULL;
CREATE INDEX received_anonymously ON received (anonymous_id) WHERE person IS NULL AND anonymous_id IS NOT NULL;
CREATE VIEW calls AS SELECT * FROM received WHERE verdict = 'accepted';
CREATE TABLE problems (
    id INTEGER PRIMARY KEY,
    request INTEGER NOT NULL REFERENCES requests (id),
    position INTEGER,
    status INTEGER NOT NULL,
    reason TEXT NOT NULL,
    field TEXT NOT NULL,
    message TEXT NOT NULL
);
CREATE TABLE tallies (
    second INTEGER NOT NULL,
    type TEXT NOT NULL,
    event TEXT NOT NULL,
    verdict TEXT NOT NULL,
    calls INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (second, type, event, verdict)
) WITHOUT ROWID;
CREATE TABLE people (
    id INTEGER PRIMARY KEY,
    user_id TEXT UNIQUE,
    email TEXT,
    traits TEXT NOT NULL,
    first_seen TEXT NOT NULL,
    last_seen TEXT NOT NULL
);
CREATE INDEX people_by_email ON people (email) WHERE email IS NOT NULL;
CREATE TABLE anonymous (
    anonymous_id TEXT PRIMARY KEY,
    person INTEGER,
    traits TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX anonymous_by_person ON anonymous (person) WHERE person IS NOT NULL;
CREATE TABLE merges (
    previous_id TEXT PRIMARY KEY,
    person INTEGER NOT NULL,
    time TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX merges_by_person ON merges (person);
CREATE TABLE suppressed (
    user_id TEXT PRIMARY KEY,
    time TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE devices (
    token TEXT PRIMARY KEY,
    person INTEGER NOT NULL,
    type TEXT,
    attributes TEXT NOT NULL,
    updated TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX devices_by_person ON devices (person);
CREATE TABLE objects (
    type_id TEXT NOT NULL,
    object_id TEXT NOT NULL,
    attributes TEXT NOT NULL,
    first_seen TEXT NOT NULL,
    last_seen TEXT NOT NULL,
    PRIMARY KEY (type_id, object_id)
) WITHOUT ROWID;
CREATE TABLE relationships (
    person INTEGER NOT NULL,
    type_id TEXT NOT NULL,
    object_id TEXT NOT NULL,
    attributes TEXT NOT NULL,
    updated TEXT NOT NULL,
    PRIMARY KEY (person, type_id, object_id)
) WITHOUT ROWID;
CREATE INDEX relationships_by_object ON relationships (type_id, object_id);
CREATE TABLE delivery_reports (
    id INTEGER PRIMARY KEY,
    delivery_id TEXT,
    metric TEXT,
    recipient TEXT,
    reason TEXT,
    action_value TEXT,
    href TEXT,
    time TEXT NOT NULL
);
CREATE TABLE content_reports (
    id INTEGER PRIMARY KEY,
    action_type TEXT,
    content_id TEXT,
    template_id TEXT,
    time TEXT NOT NULL
);
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {FORM};
COMMIT;
"""  # noqa: S608 - names of this package, no input
