-- Format 3, on top of format 2: what comes back of a delivery after its end; sums.

-- What a message said of a delivery of another one. stage 0: submission, 1: delivery, 2: reading; standing 0: pending,
-- 1: good, 2: failed.
CREATE TABLE answer (
    delivery INTEGER NOT NULL REFERENCES delivery (id),
    number   INTEGER NOT NULL,
    message  INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    stage    INTEGER NOT NULL,
    standing INTEGER NOT NULL,
    code     TEXT,
    detail   TEXT NOT NULL,
    PRIMARY KEY (delivery, number)
) WITHOUT ROWID;
CREATE INDEX answer_message ON answer (message);

-- Answers that were asked for and have not come, since when the delivery was first sent.
CREATE TABLE awaited (
    stage    INTEGER NOT NULL,
    since    INTEGER NOT NULL,
    delivery INTEGER NOT NULL REFERENCES delivery (id),
    PRIMARY KEY (stage, since, delivery)
) WITHOUT ROWID;
CREATE INDEX awaited_delivery ON awaited (delivery);

-- Sums of what a row says is sent, and to whom (sums.rs). None on rows of older formats.
ALTER TABLE message ADD COLUMN sum BLOB;
ALTER TABLE delivery ADD COLUMN sum BLOB;
ALTER TABLE delivery ADD COLUMN artefact_sum BLOB;
