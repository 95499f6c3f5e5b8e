-- The rows of `tests/bigledger.py`, which runs these sections. n is a customer's number, :now and the like microseconds.

-- section: people
-- A player's id is no order of customers: 2654435761 spreads the numbers over 32 bits.
CREATE TEMP TABLE people AS
WITH RECURSIVE c(n) AS (VALUES (0) UNION ALL SELECT n + 1 FROM c WHERE n + 1 < :customers)
SELECT n, :first_customer + n AS customer_id, printf('Player%06d', n) AS name,
    printf('%08x-%04x-4%03x-8%03x-%012x', n * 2654435761 & 0xffffffff, n * 40503 & 0xffff, n & 0xfff, n * 7 & 0xfff,
        n * 2246822519 & 0xffffffffffff) AS uuid,
    :now - n * 7919 % 400 * 86400000000 - n * 104729 % 86400000000 AS seen_at
FROM c;

INSERT INTO tokens (id, token, customer_id, source, label, added_at)
SELECT n + 1, token(n), customer_id, 'operator', name, seen_at FROM people;

INSERT INTO customers (customer_id, store_id, profile, name, first_seen_at, profile_at)
SELECT customer_id, :store,
    replace(replace('{"customer_name": "{name}", "minecraft_id": "{uuid}", "minecraft_name": "{name}", '
        || '"minecraft_platform": "java", "minecraft_uuid": "{uuid}", "profile_id": "{uuid}", "profile_name": "{name}", '
        || '"profile_platform": "minecraft"}', '{name}', name), '{uuid}', uuid),
    name, seen_at, :now
FROM people;

-- section: inventories
UPDATE customers SET digest = digest(customer_id - :first_customer), recheck_at = :ends, catalogue = :catalogue;

-- No two at the same time, as in life.
INSERT INTO readings SELECT customer_id, :now + n FROM people;

INSERT INTO items (item_id, customer_id, product_id, slug, product_name, state, expirable, gift, added_at, ends_at,
    order_id, gameserver_id, quantity_index, first_seen_at, seen_live, missing_since)
WITH RECURSIVE i(place) AS (VALUES (0) UNION ALL SELECT place + 1 FROM i WHERE place + 1 < :items)
SELECT :first_item + n * 1000 + place, customer_id, 700 + place, 'product-' || place, 'Product ' || place,
    CASE n % 1000 * 10 + place WHEN 0 THEN 'usable' WHEN 10 THEN 'paused' WHEN 20 THEN 'used' ELSE 'active' END,
    1, 0, :added, :ends, :first_item + n * 1000 + place - 7, :first_gameserver + n % 4, 0, seen_at, 1,
    CASE n % 1000 * 10 + place WHEN 30 THEN :now END
FROM people, i ORDER BY n, place;

INSERT INTO slugs SELECT slug, product_id, :born FROM items WHERE customer_id = :first_customer;

-- section: history
-- What each customer holds: vip on two servers, builder where they were; 98 in a hundred a kit where they chose.
CREATE TEMP TABLE slots (slot, perk, kind, place, item, share);
INSERT INTO slots VALUES (0, 'vip', 'lasting', 'survival', 0, 100), (1, 'vip', 'lasting', 'creative', 0, 100),
    (2, 'kit', 'once', '', 1, 98), (3, 'builder', 'lasting', 'online:creative,lobby', 2, 100);
CREATE TEMP TABLE chosen (number, server);
INSERT INTO chosen VALUES (0, 'survival'), (1, 'creative'), (2, 'lobby'), (3, 'skyblock');
-- Two in five kits wait for their player. A few builders have theirs no more.
CREATE TEMP TABLE held AS
SELECT n * 4 + slot + 1 AS id, n, slot, perk, kind, :first_item + n * 1000 + item AS item_id, customer_id, uuid, name,
    iif(place = '', server, place) AS place, seen_at, slot = 3 AND n % 100 < 3 AS over, slot = 2 AND n % 5 < 2 AS waits,
    iif(kind = 'once', :first_item + n * 1000 + item, 0) AS key_item,
    printf('{"name": "%s", "uuid": "%s", "uuid_plain": "%s"}', name, uuid, replace(uuid, '-', '')) AS identity
FROM people CROSS JOIN slots CROSS JOIN chosen WHERE n < :holders AND n % 100 < share AND number = n % 4;

INSERT INTO holdings
SELECT id, uuid, perk, place, key_item, kind, perk, customer_id, iif(over, 'ended', 'held'), identity,
    iif(slot < 2, 3, 1), iif(over, 2, 0), seen_at, iif(waits, NULL, seen_at + 2100000),
    iif(over, seen_at + 86400000000, NULL)
FROM held;

INSERT INTO holdings
SELECT n * 4 + 3, uuid, 'kit', 'survival', :first_item + n * 1000 + 1, 'once', 'kit', customer_id, 'adopted', '{}', 0, 0,
    seen_at, NULL, NULL
FROM people WHERE n < :holders AND n % 100 >= 98;

INSERT INTO supports
SELECT id, item_id, customer_id, perk, NOT over, seen_at, seen_at, :ends FROM held WHERE kind = 'lasting';

CREATE TEMP TABLE steps (number, slot, step, generation, position, source, filled, reply, superseded);
INSERT INTO steps VALUES
    (1, 0, 'grant', 1, 0, 'lp user {uuid} parent add vip', 'uuid', '{name} now inherits permissions from vip.', 1),
    (2, 0, 'revoke', 2, 0, 'lp user {uuid} parent remove vip', 'uuid', '{name} no longer inherits from vip.', 1),
    (3, 0, 'grant', 3, 0, 'lp user {uuid} parent add vip', 'uuid', '{name} now inherits permissions from vip.', 0),
    (4, 1, 'grant', 1, 0, 'lp user {uuid} parent add vip', 'uuid', '{name} now inherits permissions from vip.', 1),
    (5, 1, 'revoke', 2, 0, 'lp user {uuid} parent remove vip', 'uuid', '{name} no longer inherits from vip.', 1),
    (6, 1, 'grant', 3, 0, 'lp user {uuid} parent add vip', 'uuid', '{name} now inherits permissions from vip.', 0),
    (7, 2, 'grant', 1, 0, 'give {name} iron_sword 1', 'name', 'Gave 1 [Iron Sword] to {name}', 0),
    (8, 2, 'grant', 1, 1, 'give {name} bread 16', 'name', 'Gave 16 [Bread] to {name}', 0),
    (9, 3, 'grant', 1, 0, 'lp user {uuid} parent add builder', 'uuid', '{name} now inherits from builder.', 0),
    (10, 3, 'revoke', 2, 0, 'lp user {uuid} parent remove builder', 'uuid', '{name} no longer is a builder.', 0);

-- Three in twenty customers were given vip only once.
INSERT INTO commands
SELECT n * 10 + number, id, place, iif(slot = 3, iif(n % 2, 'creative', 'lobby'), place), customer_id, uuid, perk,
    item_id, key_item, step, generation, position, replace(replace(source, '{uuid}', uuid), '{name}', name), source,
    identity, iif(waits, 'planned', 'delivered'), NULL, NULL, iif(waits, NULL, replace(reply, '{name}', name)),
    iif(step = 'grant', 'grant', 'stated'), iif(step = 'grant', NULL, 'expired'),
    printf('{"%s": "%s"}', filled, iif(filled = 'uuid', uuid, name)), kind = 'lasting', iif(slot = 2, 0, NULL), 0, '',
    '', 0, superseded, waits AND n % 20 = 0, NOT waits OR n % 20 = 0, 0, 0, at, at, iif(waits, NULL, at + 2000000),
    iif(waits, NULL, at + 2100000)
FROM (
    SELECT *, seen_at + (generation - 1) * 86400000 AS at FROM held CROSS JOIN steps USING (slot)
    WHERE (number < 10 OR over) AND (n % 20 < 17 OR slot > 1 OR generation = 3));

-- Lines of the store: each with a holding that nothing ends. A few wait for the operator; older attempts are purged.
CREATE TEMP TABLE lines AS
SELECT n, :first_attempt + n * 1000 AS attempt_id, customer_id, uuid, name, seen_at, server,
    :customers * 4 + n + 1 AS holding_id, :customers * 10 + n + 1 AS command_id,
    CASE n % 50 WHEN 0 THEN 'line' WHEN 1 THEN 'backlog' END AS hold
FROM people JOIN chosen ON number = n % 4 WHERE n < :lines;

INSERT INTO holdings
SELECT holding_id, uuid, 'store command', server, attempt_id, 'once', 'store command', customer_id, 'ended', '{}', 1, 0,
    seen_at, iif(hold IS NULL, seen_at + 2100000, NULL), seen_at
FROM lines;

INSERT INTO commands
SELECT command_id, holding_id, server, server, customer_id, uuid, 'store command', 0, attempt_id, 'grant', 1, 0,
    'broadcast Thank you, ' || name, 'broadcast Thank you, ' || name, '{}', iif(hold IS NULL, 'delivered', 'blocked'),
    hold, 'blocked: ' || hold, iif(hold IS NULL, '', NULL), 'grant', NULL, '{}', 0, iif(n % 2, 0, NULL), 0, '', '', 0, 0,
    0, hold IS NULL, 0, 0, seen_at, seen_at, iif(hold IS NULL, seen_at + 2000000, NULL),
    iif(hold IS NULL, seen_at + 2100000, NULL)
FROM lines;

INSERT INTO attempts
SELECT attempt_id, server, command_id, seen_at, iif(hold IS NULL, seen_at + 5000000, NULL) FROM lines WHERE n % 4;
INSERT INTO attempts SELECT attempt_id + 1, server, NULL, seen_at, seen_at + 5000000 FROM lines;

INSERT INTO brakes (on_at, reason, released_at) VALUES (:born, 'many removals', :born + 3600000000);

-- section: events
INSERT INTO events (at, kind, customer_id, detail)
SELECT seen_at, 'token_added', customer_id, 'operator' FROM people
UNION ALL SELECT seen_at, 'customer_identified', customer_id, name FROM people;

INSERT INTO events (at, kind, customer_id, item_id, detail)
SELECT first_seen_at, 'item_seen', customer_id, item_id, slug || ': ' || state FROM items;

INSERT INTO events (at, kind, command_id, was, became, detail)
SELECT created_at, 'command', id, NULL, iif(state = 'blocked', state, 'planned'), reason FROM commands
UNION ALL SELECT sent_at, 'command', id, 'planned', 'sending', NULL FROM commands WHERE sent_at IS NOT NULL
UNION ALL SELECT COALESCE(settled_at, :now), 'command', id, 'sending', state, reply FROM commands
WHERE state NOT IN ('planned', 'blocked', 'sending');
