-- Format 1. Times are milliseconds since 1970, states are the integers of state.rs.
-- Clear text of a person stands in `body` only; hashes are HMAC-SHA256, 16 bytes.
CREATE TABLE store (
    name  TEXT PRIMARY KEY,
    value ANY NOT NULL
) WITHOUT ROWID;

-- Bytes, once, by SHA-256 of their clear text. `bytes` is NULL when they stand in bodies/ab/cdef…, and once they are destroyed (purged_at).
-- `owner`: the message that brought them; other messages that refer to them are in body_user.
-- `key` is the name of what they are sealed with, NULL when they are in clear.
CREATE TABLE body (
    id        INTEGER PRIMARY KEY,
    hash      BLOB NOT NULL UNIQUE,
    length    INTEGER NOT NULL,
    owner     INTEGER NOT NULL,
    purged_at INTEGER,
    key       BLOB,
    bytes     BLOB
);
CREATE TABLE body_user (
    body    INTEGER NOT NULL REFERENCES body (id),
    message INTEGER NOT NULL,
    PRIMARY KEY (body, message)
) WITHOUT ROWID;

-- Files of destroyed bodies: taken away once their destruction is durable.
CREATE TABLE doomed (
    hash BLOB PRIMARY KEY
) WITHOUT ROWID;

-- What no purge may destroy. `number`: that of the row of the audit chain, which says by whom and why.
CREATE TABLE legal_hold (
    number  INTEGER PRIMARY KEY,
    kind    INTEGER,
    hash    BLOB,
    message INTEGER
);

-- What the balance says of messages whose rows are gone: JSON of both lines, by day (its midnight in French legal time).
CREATE TABLE kept_total (
    day       INTEGER NOT NULL,
    route     TEXT NOT NULL,
    structure TEXT NOT NULL,
    lines     TEXT NOT NULL,
    PRIMARY KEY (day, route, structure)
) WITHOUT ROWID;

-- Names of the keys that bodies may be sealed with; empty: bodies may be in clear.
CREATE TABLE body_key (
    name BLOB PRIMARY KEY
) WITHOUT ROWID;

-- Route file, steps and versions that served messages.
CREATE TABLE version (
    id   INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    text TEXT NOT NULL
);

-- Numbers are never given twice: a purge must keep the row of the highest one.
CREATE TABLE message (
    id             INTEGER PRIMARY KEY,
    received_at    INTEGER NOT NULL,
    partner        TEXT NOT NULL,
    peer           TEXT NOT NULL,
    state          INTEGER NOT NULL,
    kind           TEXT NOT NULL,
    profile        TEXT NOT NULL,
    control_id     TEXT,
    application    TEXT NOT NULL,
    facility       TEXT NOT NULL,
    raw            INTEGER NOT NULL REFERENCES body (id),
    reply          INTEGER NOT NULL REFERENCES body (id),
    repeat_key     BLOB,
    digest         BLOB,
    findings       TEXT,
    error          TEXT,
    route          TEXT,
    version        INTEGER REFERENCES version (id),
    routed_at      INTEGER,
    commit_us      INTEGER,
    filtered_by    TEXT,
    route_findings TEXT,
    patient        BLOB,
    owed           INTEGER NOT NULL DEFAULT 0,
    purged_at      INTEGER,
    -- For a recall: the message whose document is taken back.
    recalls        INTEGER REFERENCES message (id)
);
CREATE INDEX message_received ON message (received_at);
CREATE INDEX message_control ON message (control_id) WHERE control_id IS NOT NULL;
CREATE INDEX message_repeat ON message (repeat_key) WHERE repeat_key IS NOT NULL;
CREATE INDEX message_waiting ON message (id) WHERE state = 0;
CREATE INDEX message_parked ON message (id) WHERE state = 4;
CREATE INDEX message_recalls ON message (recalls) WHERE recalls IS NOT NULL;
CREATE INDEX message_held ON message (route) WHERE state = 6;

CREATE TABLE repetition (
    id          INTEGER PRIMARY KEY,
    message     INTEGER NOT NULL REFERENCES message (id),
    received_at INTEGER NOT NULL,
    partner     TEXT NOT NULL,
    peer        TEXT NOT NULL
);
CREATE INDEX repetition_message ON repetition (message);
CREATE INDEX repetition_received ON repetition (received_at);

CREATE TABLE shape (
    message  INTEGER NOT NULL REFERENCES message (id),
    position INTEGER NOT NULL,
    name     TEXT NOT NULL,
    body     INTEGER NOT NULL REFERENCES body (id),
    PRIMARY KEY (message, position)
) WITHOUT ROWID;

-- What humans hold back: 0 route, 1 partner (names), 2 recipient, 3 patient (keyed hashes).
CREATE TABLE hold (
    kind    INTEGER NOT NULL,
    target  ANY NOT NULL,
    at      INTEGER NOT NULL,
    author  TEXT NOT NULL,
    reason  TEXT,
    finding TEXT NOT NULL,
    PRIMARY KEY (kind, target)
) WITHOUT ROWID;

-- `next_at` is set on the head of each ordering key only, and on what has no key: claiming is one range of one index.
CREATE TABLE delivery (
    id            INTEGER PRIMARY KEY,
    message       INTEGER NOT NULL REFERENCES message (id),
    shape         INTEGER NOT NULL,
    sink          TEXT NOT NULL,
    ordering      BLOB,
    state         INTEGER NOT NULL,
    next_at       INTEGER,
    attempts      INTEGER NOT NULL DEFAULT 0,
    after_unknown INTEGER NOT NULL DEFAULT 0,
    part          INTEGER NOT NULL REFERENCES body (id),
    artefact      TEXT,
    cause         INTEGER REFERENCES delivery (id),
    barred        INTEGER NOT NULL DEFAULT 0,
    created_at    INTEGER NOT NULL,
    since         INTEGER NOT NULL,
    ended_at      INTEGER,
    error         TEXT,
    finding       TEXT,
    report_code   TEXT
);
CREATE INDEX delivery_message ON delivery (message);
CREATE INDEX delivery_due ON delivery (sink, next_at, id) WHERE state < 2 AND next_at IS NOT NULL;
CREATE INDEX delivery_order ON delivery (sink, ordering, id) WHERE state < 4 AND ordering IS NOT NULL;
CREATE INDEX delivery_open ON delivery (state, sink, since) WHERE state < 4;

CREATE TABLE attempt (
    delivery    INTEGER NOT NULL REFERENCES delivery (id),
    number      INTEGER NOT NULL,
    started_at  INTEGER NOT NULL,
    duration_us INTEGER,
    outcome     INTEGER NOT NULL,
    code        TEXT,
    peer        TEXT,
    bytes_sent  INTEGER NOT NULL DEFAULT 0,
    detail      TEXT,
    error       TEXT,
    finding     TEXT,
    notes       TEXT,
    PRIMARY KEY (delivery, number)
) WITHOUT ROWID;

-- delivery 0: the key is the message's.
CREATE TABLE key (
    kind     INTEGER NOT NULL,
    hash     BLOB NOT NULL,
    message  INTEGER NOT NULL,
    delivery INTEGER NOT NULL,
    PRIMARY KEY (kind, hash, message, delivery)
) WITHOUT ROWID;

-- What people and the process itself did. `hash` covers the row and the hash before it (order/audit.rs); the end of the
-- chain also stands in `store` (audit-count, audit-head), so that a cut shows.
CREATE TABLE audit (
    number   INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    author   TEXT NOT NULL,
    reason   TEXT,
    act      TEXT NOT NULL,
    message  INTEGER,
    delivery INTEGER,
    detail   TEXT,
    hash     BLOB NOT NULL
);
INSERT INTO store (name, value) VALUES ('audit-count', 0), ('audit-head', zeroblob(32));
