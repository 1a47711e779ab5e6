"""What the sandbox's file holds: the tables, in words that people may query them by.

``received`` has a row for every call that came, whatever became of it, and one for a request of which no call could be
read; the view ``calls`` has those that were accepted. The tables below them are the workspace: what the accepted calls
made of it. They change in the transaction that keeps the call.
"""

import sqlite3
from typing import Final

from cio_facade.sandbox.records import COLUMNS

__all__ = ["TABLES", "check_form", "is_empty", "make"]

# Kept in the file, so that the file of another program, or one with tables of another form, is not touched.
_APPLICATION: Final = int.from_bytes(b"cios")
_FORM: Final = 4

_NAMED: Final = "".join(f"{column} TEXT, " for column in COLUMNS)

# Rows are forgotten in this order.
TABLES: Final = (
    "problems",
    "received",
    "requests",
    "tallies",
    "periods",
    "totals",
    "devices",
    "relationships",
    "anonymous_relationships",
    "objects",
    "anonymous",
    "merges",
    "suppressed",
    "delivery_reports",
    "content_reports",
    "people",
)

# SQLite is told how narrow the indices are, as it would find by ANALYZE once there are many calls: without that, it
# takes any of them, and looks for a message id among all accepted calls. The figures are rows, and rows a value.
_SCHEMA: Final = f"""
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
    unread TEXT,
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
CREATE INDEX received_without_person ON received (user_id) WHERE person IS NULL AND user_id IS NOT NULL;
CREATE INDEX received_by_event ON received (event) WHERE event IS NOT NULL;
CREATE INDEX received_by_type ON received (type);
CREATE INDEX received_not_accepted ON received (verdict) WHERE verdict <> 'accepted';
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
CREATE TABLE periods (
    period INTEGER NOT NULL,
    type TEXT NOT NULL,
    event TEXT NOT NULL,
    verdict TEXT NOT NULL,
    calls INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (period, type, event, verdict)
) WITHOUT ROWID;
CREATE TABLE totals (
    verdict TEXT PRIMARY KEY,
    calls INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    repeats INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE people (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id TEXT UNIQUE,
    email TEXT COLLATE NOCASE,
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
    email TEXT COLLATE NOCASE,
    time TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX suppressed_by_email ON suppressed (email) WHERE email IS NOT NULL;
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
CREATE TABLE anonymous_relationships (
    anonymous_id TEXT NOT NULL,
    type_id TEXT NOT NULL,
    object_id TEXT NOT NULL,
    attributes TEXT NOT NULL,
    updated TEXT NOT NULL,
    PRIMARY KEY (anonymous_id, type_id, object_id)
) WITHOUT ROWID;
CREATE INDEX anonymous_relationships_by_object ON anonymous_relationships (type_id, object_id);
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
    content_id,
    template_id,
    time TEXT NOT NULL
);
ANALYZE sqlite_master;
INSERT INTO sqlite_stat1 VALUES
    ('received', 'received_by_message', '1000000 1'),
    ('received', 'received_without_person', '100000 10'),
    ('received', 'received_anonymously', '100000 10'),
    ('received', 'received_by_person', '1000000 100'),
    ('received', 'received_not_accepted', '20000 5000'),
    ('received', 'received_by_event', '1000000 20000'),
    ('received', 'received_by_type', '1000000 150000');
ANALYZE sqlite_master;
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = {_FORM};
"""  # noqa: S608 - names of this package, no input


def is_empty(connection: sqlite3.Connection) -> bool:
    """Whether there are no tables at all yet.

    Raises
    ------
    ValueError
        It is no database.
    """
    try:
        tables: int = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise
        raise ValueError("the file is no SQLite database: name another file") from None
    return tables == 0


def make(connection: sqlite3.Connection) -> None:
    """Make the tables, within a transaction."""
    for statement in _SCHEMA.split(";"):
        connection.execute(statement)


def check_form(connection: sqlite3.Connection) -> None:
    """Make sure that these are tables of this module.

    Raises
    ------
    ValueError
        They are another program's, or of another version's form.
    """
    if is_empty(connection):
        raise ValueError("the file is empty: no sandbox has written it")
    application, form = (
        connection.execute(f"PRAGMA {mark}").fetchone()[0] for mark in ("application_id", "user_version")
    )
    if application != _APPLICATION:
        raise ValueError("the file holds a database that is not this sandbox's: name another file")
    if form != _FORM:
        raise ValueError(
            f"the file is of form {form}, which another version of the sandbox wrote; this one has form {_FORM}: "
            "name another file"
        )
