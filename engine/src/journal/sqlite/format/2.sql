-- Format 2, on top of format 1: messages corrected by a human, holds lifted in steps, counts kept with what they count.

-- What a message was before a human corrected it; `raw` of the message is what it is now. The audit chain tells the same.
CREATE TABLE edition (
    message INTEGER NOT NULL REFERENCES message (id),
    number  INTEGER NOT NULL,
    raw     INTEGER NOT NULL REFERENCES body (id),
    version INTEGER REFERENCES version (id),
    -- Until when it was what the message is, who corrected it, why.
    until   INTEGER NOT NULL,
    author  TEXT NOT NULL,
    reason  TEXT,
    PRIMARY KEY (message, number)
) WITHOUT ROWID;

-- Where a delivery stands in its ordering key: its number, or that of the one it takes the place of.
ALTER TABLE delivery ADD COLUMN place INTEGER;
DROP INDEX delivery_order;
CREATE INDEX delivery_order ON delivery (sink, ordering, coalesce(place, id), id) WHERE state < 4 AND ordering IS NOT NULL;

-- Lifted, and its last deliveries and messages are being given back: it is gone when they all are.
ALTER TABLE hold ADD COLUMN lifted_at INTEGER;

-- When the lane of a partner was last given back: what waited for it ages from then on.
CREATE TABLE resumed (
    sink TEXT PRIMARY KEY,
    at   INTEGER NOT NULL
) WITHOUT ROWID;

-- How many are open, kept by triggers in the transaction of each change: a look costs the lanes there are, never what waits.
-- kind 0: messages that are not routed, by route (empty before any); kind 1: deliveries that have not ended, by lane.
CREATE TABLE tally (
    kind  INTEGER NOT NULL,
    name  TEXT NOT NULL,
    state INTEGER NOT NULL,
    n     INTEGER NOT NULL,
    PRIMARY KEY (kind, name, state)
) WITHOUT ROWID;
-- The same, counted. One term per partial index.
CREATE VIEW counted (kind, name, state, n) AS
    SELECT 0, coalesce(route, ''), state, count(*) FROM message WHERE state = 0 GROUP BY route
    UNION ALL SELECT 0, coalesce(route, ''), state, count(*) FROM message WHERE state = 4 GROUP BY route
    UNION ALL SELECT 0, coalesce(route, ''), state, count(*) FROM message WHERE state = 6 GROUP BY route
    UNION ALL SELECT 1, sink, state, count(*) FROM delivery WHERE state < 4 GROUP BY state, sink;
INSERT INTO tally SELECT * FROM counted;

CREATE TRIGGER message_comes AFTER INSERT ON message WHEN new.state IN (0, 4, 6) BEGIN
    INSERT INTO tally VALUES (0, coalesce(new.route, ''), new.state, 1) ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER message_moves AFTER UPDATE OF state, route ON message
    WHEN old.state <> new.state OR old.route IS NOT new.route BEGIN
    UPDATE tally SET n = n - 1 WHERE kind = 0 AND name = coalesce(old.route, '') AND state = old.state;
    INSERT INTO tally SELECT 0, coalesce(new.route, ''), new.state, 1 WHERE new.state IN (0, 4, 6)
        ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER message_goes AFTER DELETE ON message WHEN old.state IN (0, 4, 6) BEGIN
    UPDATE tally SET n = n - 1 WHERE kind = 0 AND name = coalesce(old.route, '') AND state = old.state;
END;
CREATE TRIGGER delivery_comes AFTER INSERT ON delivery WHEN new.state < 4 BEGIN
    INSERT INTO tally VALUES (1, new.sink, new.state, 1) ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER delivery_moves AFTER UPDATE OF state ON delivery WHEN old.state <> new.state BEGIN
    UPDATE tally SET n = n - 1 WHERE kind = 1 AND name = old.sink AND state = old.state;
    INSERT INTO tally SELECT 1, new.sink, new.state, 1 WHERE new.state < 4 ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER delivery_goes AFTER DELETE ON delivery WHEN old.state < 4 BEGIN
    UPDATE tally SET n = n - 1 WHERE kind = 1 AND name = old.sink AND state = old.state;
END;
