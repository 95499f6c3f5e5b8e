-- The ledger's first shape. Times are microseconds since 1970 UTC, ids of the store are 64-bit integers, truth values 0 or 1.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- Who perkd may read. The ledger is the list; `source` says who put the token here.
CREATE TABLE tokens (
    id          INTEGER PRIMARY KEY,
    token       TEXT    NOT NULL UNIQUE,
    customer_id INTEGER,                    -- NULL until the store said whose it is
    source      TEXT    NOT NULL CHECK (source IN ('file', 'operator', 'enrolled')),
    label       TEXT,                       -- the owner's own name for it
    note        TEXT,
    added_at    INTEGER NOT NULL,
    removed_at  INTEGER,                    -- no longer polled
    removed_by  TEXT CHECK (removed_by IN ('file', 'operator', 'replaced'))
) STRICT;
CREATE INDEX tokens_by_customer ON tokens (customer_id);

-- Customers the store made no token for, and when it is asked again.
CREATE TABLE unenrolled (
    customer_id INTEGER PRIMARY KEY,
    tries       INTEGER NOT NULL,
    again_at    INTEGER NOT NULL,
    reason      TEXT    NOT NULL
) STRICT;
CREATE INDEX unenrolled_by_time ON unenrolled (again_at);

CREATE TABLE customers (
    customer_id INTEGER PRIMARY KEY,
    store_id    INTEGER NOT NULL,
    profile     TEXT    NOT NULL,           -- JSON: what the store says of him, as Adapter.identify takes it
    name        TEXT    NOT NULL,           -- for people
    first_seen_at INTEGER NOT NULL,
    profile_at  INTEGER NOT NULL,           -- when the profile was last read
    digest      BLOB,                       -- of the newest inventory, all pages; stored with what it led to (law 20)
    etag        TEXT,
    catalogue   TEXT    NOT NULL DEFAULT '',-- fingerprint of the config it was compared with
    recheck_at  INTEGER,                    -- from when a read may change the outcome though the body is the same
    deadline_at INTEGER                     -- when time alone changes it
) STRICT;

-- When a customer's newest complete inventory was read, changed or not: far more often than all else is written, so it
-- stands alone, where hundreds share a page.
CREATE TABLE readings (
    customer_id INTEGER PRIMARY KEY REFERENCES customers,
    read_at     INTEGER NOT NULL
) STRICT;

CREATE TABLE items (
    item_id       INTEGER PRIMARY KEY,
    customer_id   INTEGER NOT NULL REFERENCES customers,
    product_id    INTEGER NOT NULL,
    slug          TEXT    NOT NULL,
    product_name  TEXT    NOT NULL,
    state         TEXT    NOT NULL,         -- the store's word, also one perkd does not know
    expirable     INTEGER NOT NULL CHECK (expirable IN (0, 1)),
    gift          INTEGER NOT NULL CHECK (gift IN (0, 1)),
    added_at      INTEGER NOT NULL,
    ends_at       INTEGER,
    revoked_at    INTEGER,
    revoke_reason TEXT,
    order_id      INTEGER,
    subscription_id INTEGER,
    gameserver_id INTEGER,
    quantity_index INTEGER,
    first_seen_at INTEGER NOT NULL,
    seen_live     INTEGER NOT NULL CHECK (seen_live IN (0, 1)),
    renewed_at    INTEGER,
    missing_since INTEGER
) STRICT;
CREATE INDEX items_by_customer ON items (customer_id);

-- A slug stays with the product it was first seen with.
CREATE TABLE slugs (
    slug       TEXT PRIMARY KEY,
    product_id INTEGER NOT NULL,
    bound_at   INTEGER NOT NULL
) STRICT;

-- What was configured. A row stays when its line leaves the config: holdings end by the last definition (law 13).
CREATE TABLE servers (
    name       TEXT PRIMARY KEY,
    game       TEXT NOT NULL,
    removed_at INTEGER
) STRICT;
CREATE TABLE perks (
    name       TEXT PRIMARY KEY,
    kind       TEXT NOT NULL,
    definition TEXT NOT NULL,               -- JSON
    removed_at INTEGER
) STRICT;
CREATE TABLE pairs (                        -- the cut-offs of law 10
    perk   TEXT    NOT NULL,
    server TEXT    NOT NULL,                -- as places.pair has it
    since  INTEGER NOT NULL,
    PRIMARY KEY (perk, server)
) STRICT, WITHOUT ROWID;

-- Which servers each place means: itself, or those in its label. Written anew with every config.
CREATE TABLE places (
    label  TEXT NOT NULL,
    server TEXT NOT NULL,
    PRIMARY KEY (label, server)
) STRICT, WITHOUT ROWID;
CREATE INDEX places_by_server ON places (server);

CREATE TABLE holdings (
    id          INTEGER PRIMARY KEY,
    player      TEXT    NOT NULL,
    effect      TEXT    NOT NULL,
    server      TEXT    NOT NULL,           -- a place
    item_id     INTEGER NOT NULL DEFAULT 0, -- 0 for a lasting perk
    kind        TEXT    NOT NULL CHECK (kind IN ('lasting', 'once')),
    perk        TEXT    NOT NULL,           -- that granted
    customer_id INTEGER NOT NULL,           -- whose item opened it
    state       TEXT    NOT NULL CHECK (state IN ('held', 'ended', 'adopted')),
    identity    TEXT    NOT NULL,           -- JSON: the identity values stored at the grant
    opened      INTEGER NOT NULL,           -- generation of the grant in force
    ended       INTEGER NOT NULL DEFAULT 0, -- generation of the revoke that followed, 0: none
    opened_at   INTEGER NOT NULL,
    delivered_at INTEGER,
    ended_at    INTEGER,
    UNIQUE (player, effect, server, item_id)
) STRICT;
CREATE INDEX holdings_by_item ON holdings (item_id) WHERE item_id <> 0;

CREATE TABLE supports (
    holding_id  INTEGER NOT NULL REFERENCES holdings ON DELETE CASCADE,
    item_id     INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    perk        TEXT    NOT NULL,
    live        INTEGER NOT NULL CHECK (live IN (0, 1)),
    joined_at   INTEGER NOT NULL,
    started_at  INTEGER,                    -- perkd's own clock
    ends_at     INTEGER,
    PRIMARY KEY (holding_id, item_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX supports_by_customer ON supports (customer_id);

-- The states and what leads from one to another: TRANSITIONS in daemon/core/model.py; a test compares both.
CREATE TABLE commands (
    id          INTEGER PRIMARY KEY,
    holding_id  INTEGER NOT NULL REFERENCES holdings,
    place       TEXT    NOT NULL,           -- a server, or the label of one of several
    server      TEXT    NOT NULL,           -- the place until one of its servers took the step, then that server
    customer_id INTEGER NOT NULL,
    player      TEXT    NOT NULL,
    perk        TEXT    NOT NULL,
    item_id     INTEGER NOT NULL,           -- whose values it carries
    key_item    INTEGER NOT NULL,           -- part of the key: the once-item, 0 for a lasting perk
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
    UNIQUE (player, perk, place, key_item, step, generation, position)
) STRICT;
CREATE INDEX commands_by_state ON commands (state, server, id);
CREATE INDEX commands_by_holding ON commands (holding_id, id);
CREATE INDEX commands_by_customer ON commands (customer_id, id);

-- The lines of the store's command queues that perkd answers for. A row is written before the store hears of it, so that
-- nothing is done twice. A command's own state says whether its line may be acknowledged.
CREATE TABLE attempts (
    attempt_id  INTEGER PRIMARY KEY,
    server      TEXT    NOT NULL,           -- who was handed it last, and acknowledges it
    command_id  INTEGER REFERENCES commands,-- NULL: a line for perkd, nothing is sent
    decided_at  INTEGER NOT NULL,
    acknowledged_at INTEGER                 -- NULL: the store was not told yet, or handed it out again
) STRICT;
CREATE INDEX attempts_owed ON attempts (server) WHERE acknowledged_at IS NULL;
CREATE INDEX attempts_by_command ON attempts (command_id) WHERE command_id IS NOT NULL;

CREATE TABLE events (
    id          INTEGER PRIMARY KEY,
    at          INTEGER NOT NULL,
    kind        TEXT    NOT NULL,
    customer_id INTEGER,
    holding_id  INTEGER,
    item_id     INTEGER,
    command_id  INTEGER,
    was         TEXT,
    became      TEXT,
    detail      TEXT
) STRICT;
CREATE INDEX events_by_time ON events (at);
CREATE INDEX events_by_command ON events (command_id) WHERE command_id IS NOT NULL;
CREATE INDEX events_by_customer ON events (customer_id, id) WHERE customer_id IS NOT NULL;

CREATE TABLE brakes (
    id          INTEGER PRIMARY KEY,
    on_at       INTEGER NOT NULL,
    reason      TEXT    NOT NULL,
    released_at INTEGER
) STRICT;
