-- A line of the store is a command without a holding. What reports and the loops ask often is counted, or found by an
-- index that holds only the few rows in question.

CREATE TABLE commands_0002 (
    id          INTEGER PRIMARY KEY,
    origin      TEXT    NOT NULL CHECK (origin IN ('perk', 'store')),
    holding_id  INTEGER REFERENCES holdings,-- NULL: a line of the store
    place       TEXT    NOT NULL,           -- a server, or the label of one of several
    server      TEXT    NOT NULL,           -- the place until one of its servers took the step, then that server
    customer_id INTEGER NOT NULL,           -- 0: a line whose customer perkd does not know
    player      TEXT    NOT NULL,
    perk        TEXT    NOT NULL,           -- '' for a line of the store
    item_id     INTEGER NOT NULL,           -- whose values it carries
    key_item    INTEGER NOT NULL,           -- part of the key: the once-item or the store's attempt, 0 for a lasting perk
    step        TEXT    NOT NULL,           -- grant, revoke, replay:ID
    generation  INTEGER NOT NULL,
    position    INTEGER NOT NULL,
    text        TEXT    NOT NULL,
    source      TEXT    NOT NULL,           -- the template as the owner wrote it: a retry looks for it in today's config
    identity    TEXT    NOT NULL,           -- JSON: who the player was when it was rendered
    state       TEXT    NOT NULL CHECK (state IN
                ('planned', 'blocked', 'sending', 'delivered', 'refused', 'answered', 'unknown', 'void')),
    hold        TEXT,                       -- why it is blocked, as a word; the sentence is `reason`
    reason      TEXT,
    reply       TEXT,
    cause       TEXT    NOT NULL,
    end_reason  TEXT,                       -- what {reason} says: expired, admin, refund, chargeback, …
    filled      TEXT    NOT NULL,           -- JSON: the values as they stand in `text`
    repeatable  INTEGER NOT NULL CHECK (repeatable IN (0, 1)),
    online_us   INTEGER,                    -- waits until the player has been there this long; NULL: for nobody
    strict      INTEGER NOT NULL CHECK (strict IN (0, 1)),
    success     TEXT    NOT NULL,
    failure     TEXT    NOT NULL,
    after_us    INTEGER NOT NULL,           -- waits this long after the command before it
    superseded  INTEGER NOT NULL DEFAULT 0 CHECK (superseded IN (0, 1)), -- the opposite change came
    absent      INTEGER NOT NULL DEFAULT 0 CHECK (absent IN (0, 1)),     -- waits for the player's next sighting
    attempts    INTEGER NOT NULL DEFAULT 0, -- claims
    refusals    INTEGER NOT NULL DEFAULT 0,
    doubts      INTEGER NOT NULL DEFAULT 0, -- times it became unknown
    created_at  INTEGER NOT NULL,
    due_at      INTEGER NOT NULL,
    sent_at     INTEGER,
    settled_at  INTEGER,
    UNIQUE (player, perk, place, key_item, step, generation, position),
    CHECK ((origin = 'store') = (holding_id IS NULL))
) STRICT;
INSERT INTO commands_0002
SELECT id, CASE perk WHEN 'store command' THEN 'store' ELSE 'perk' END,
    CASE perk WHEN 'store command' THEN NULL ELSE holding_id END, place, server, customer_id, player,
    CASE perk WHEN 'store command' THEN '' ELSE perk END, item_id, key_item, step, generation, position, text, source,
    identity, state, hold, reason, reply, cause, end_reason, filled, repeatable, online_us, strict, success, failure,
    after_us, superseded, absent, attempts, refusals, doubts, created_at, due_at, sent_at, settled_at
FROM commands;
DROP TABLE commands;
ALTER TABLE commands_0002 RENAME TO commands;
DELETE FROM holdings WHERE perk = 'store command';

CREATE INDEX commands_by_state ON commands (state, server, id);
CREATE INDEX commands_by_holding ON commands (holding_id, id) WHERE holding_id IS NOT NULL;
CREATE INDEX commands_by_customer ON commands (customer_id, id);
CREATE UNIQUE INDEX commands_by_attempt ON commands (key_item) WHERE origin = 'store';
-- What may be sent now: whatever waits for nobody, and what waits for each player.
CREATE INDEX commands_free ON commands (server, id, due_at) WHERE state = 'planned' AND absent = 0 AND online_us IS NULL;
CREATE INDEX commands_by_player ON commands (server, player, id) WHERE state = 'planned';
CREATE INDEX commands_due ON commands (server, due_at) WHERE state = 'planned';
CREATE INDEX commands_again ON commands (server, due_at) WHERE state = 'unknown' AND settled_at IS NULL;
-- What needs attention.
CREATE INDEX commands_sending ON commands (sent_at) WHERE state = 'sending';
CREATE INDEX commands_blocked ON commands (hold, item_id) WHERE state = 'blocked';
CREATE INDEX commands_incomplete ON commands (customer_id) WHERE state = 'blocked' AND hold = 'value';
CREATE INDEX commands_absent ON commands (created_at) WHERE state = 'planned' AND absent = 1;
CREATE INDEX commands_odd ON commands (state, hold, origin, perk, server, superseded)
    WHERE superseded = 0 AND state IN ('unknown', 'refused', 'answered', 'blocked');
CREATE INDEX items_usable ON items (slug, product_id, first_seen_at)
    WHERE state = 'usable' AND expirable = 1 AND missing_since IS NULL;
CREATE INDEX items_of_unknown_state ON items (slug, product_id, state)
    WHERE state NOT IN ('usable', 'active', 'used', 'revoked', 'renewed') AND revoked_at IS NULL;
CREATE INDEX items_missing ON items (slug, product_id) WHERE missing_since IS NOT NULL;
CREATE INDEX items_by_slug ON items (slug, product_id);
CREATE INDEX holdings_returned ON holdings (item_id)
    WHERE kind = 'once' AND state = 'ended' AND delivered_at IS NOT NULL;
CREATE INDEX tokens_in_use ON tokens (customer_id) WHERE removed_at IS NULL;

-- How many commands each state and server has, and how many holdings each perk and place.
CREATE TABLE command_counts (
    state  TEXT    NOT NULL,
    server TEXT    NOT NULL,
    count  INTEGER NOT NULL,
    PRIMARY KEY (state, server)
) STRICT, WITHOUT ROWID;
INSERT INTO command_counts SELECT state, server, COUNT(*) FROM commands GROUP BY state, server;
CREATE TABLE held_counts (
    perk   TEXT    NOT NULL,
    server TEXT    NOT NULL,                -- a place
    kind   TEXT    NOT NULL,
    count  INTEGER NOT NULL,
    PRIMARY KEY (perk, server, kind)
) STRICT, WITHOUT ROWID;
INSERT INTO held_counts SELECT perk, server, kind, COUNT(*) FROM holdings WHERE state = 'held' GROUP BY perk, server, kind;

CREATE TRIGGER command_comes AFTER INSERT ON commands BEGIN
    INSERT INTO command_counts VALUES (new.state, new.server, 1)
    ON CONFLICT DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER command_moves AFTER UPDATE OF state, server ON commands
WHEN new.state <> old.state OR new.server <> old.server BEGIN
    UPDATE command_counts SET count = count - 1 WHERE state = old.state AND server = old.server;
    INSERT INTO command_counts VALUES (new.state, new.server, 1)
    ON CONFLICT DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER command_goes AFTER DELETE ON commands BEGIN
    UPDATE command_counts SET count = count - 1 WHERE state = old.state AND server = old.server;
END;
CREATE TRIGGER holding_comes AFTER INSERT ON holdings WHEN new.state = 'held' BEGIN
    INSERT INTO held_counts VALUES (new.perk, new.server, new.kind, 1)
    ON CONFLICT DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER holding_opens AFTER UPDATE OF state, perk, server ON holdings WHEN new.state = 'held' BEGIN
    INSERT INTO held_counts VALUES (new.perk, new.server, new.kind, 1)
    ON CONFLICT DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER holding_ends AFTER UPDATE OF state, perk, server ON holdings WHEN old.state = 'held' BEGIN
    UPDATE held_counts SET count = count - 1 WHERE perk = old.perk AND server = old.server AND kind = old.kind;
END;
CREATE TRIGGER holding_goes AFTER DELETE ON holdings WHEN old.state = 'held' BEGIN
    UPDATE held_counts SET count = count - 1 WHERE perk = old.perk AND server = old.server AND kind = old.kind;
END;
