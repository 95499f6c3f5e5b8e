-- name: command_counts
SELECT state, server, count FROM command_counts WHERE count > 0;

-- name: count_held
SELECT COALESCE(SUM(count), 0) FROM held_counts;

-- name: oldest_waiting
SELECT MIN(created_at) FROM (
    SELECT created_at FROM (SELECT created_at FROM commands WHERE state = 'planned' AND server = :server ORDER BY id LIMIT 1)
    UNION ALL SELECT created_at FROM commands WHERE state = 'sending' AND server = :server);

-- Commands that need a person, by kind, each with its newest one.
-- name: troubles
SELECT t.state, t.hold, t.origin, t.perk, t.server, t.count, t.newest_id, c.text, c.reason, c.reply
FROM (
    SELECT state, hold, origin, perk, server, COUNT(*) AS count, MAX(id) AS newest_id FROM commands
    WHERE superseded = 0 AND state IN ('unknown', 'refused', 'answered', 'blocked')
        AND (state <> 'blocked' OR hold NOT IN ('brake', 'step'))
    GROUP BY state, hold, origin, perk, server) t JOIN commands c ON c.id = t.newest_id
ORDER BY t.newest_id DESC;

-- name: being_sent
SELECT id, server, text, sent_at FROM commands INDEXED BY commands_sending WHERE state = 'sending' ORDER BY sent_at;

-- Whoever the game said is not there and nobody saw since.
-- name: unseen
SELECT m.player, COALESCE(c.name, '') AS name, m.server, COUNT(*) AS count, MIN(m.created_at) AS since
FROM commands m INDEXED BY commands_absent LEFT JOIN customers c ON c.customer_id = m.customer_id
WHERE m.state = 'planned' AND m.absent = 1 AND m.superseded = 0 AND m.created_at < :absent_before
GROUP BY m.player, c.name, m.server ORDER BY since;

-- name: item_troubles
SELECT 'usable' AS kind, slug AS product, product_id, state AS word, COUNT(*) AS count, MAX(customer_id) AS customer_id
FROM items WHERE state = 'usable' AND expirable = 1 AND missing_since IS NULL AND first_seen_at < :usable_before
GROUP BY slug, product_id
UNION ALL
SELECT 'state', slug, product_id, state, COUNT(*), MAX(customer_id) FROM items
WHERE state NOT IN ('usable', 'active', 'used', 'revoked', 'renewed') AND revoked_at IS NULL GROUP BY slug, product_id, state
UNION ALL
SELECT 'missing', slug, product_id, state, COUNT(*), MAX(customer_id) FROM items i
WHERE missing_since IS NOT NULL
    AND EXISTS (SELECT 1 FROM supports s WHERE s.customer_id = i.customer_id AND s.item_id = i.item_id AND s.live = 1)
GROUP BY slug, product_id
UNION ALL
SELECT 'returned', i.slug, i.product_id, i.state, COUNT(*), MAX(i.customer_id)
FROM holdings h JOIN items i ON i.item_id = h.item_id
WHERE h.kind = 'once' AND h.state = 'ended' AND h.delivered_at IS NOT NULL
    AND i.state <> 'revoked' AND i.revoked_at IS NULL AND i.missing_since IS NULL
GROUP BY i.slug, i.product_id
UNION ALL
SELECT 'moved', slug, product_id, bound, COUNT(*), MAX(customer_id) FROM (
    SELECT i.*, CAST(s.product_id AS TEXT) AS bound FROM slugs s CROSS JOIN items i
        ON i.slug = s.slug AND i.product_id < s.product_id
    UNION ALL SELECT i.*, CAST(s.product_id AS TEXT) FROM slugs s CROSS JOIN items i
        ON i.slug = s.slug AND i.product_id > s.product_id)
WHERE state <> 'revoked' AND revoked_at IS NULL AND missing_since IS NULL AND NOT (expirable = 1 AND state = 'used')
GROUP BY slug, product_id, bound;

-- name: orphans
SELECT h.perk, h.server, h.count FROM held_counts h
WHERE h.count > 0 AND h.kind = 'lasting' AND NOT EXISTS (
    SELECT 1 FROM perks p JOIN servers s ON s.removed_at IS NULL AND (h.server LIKE 'chosen:%' OR s.name IN (
        SELECT server FROM places WHERE label = h.server))
    WHERE p.name = h.perk AND p.removed_at IS NULL)
ORDER BY h.perk, h.server;

-- name: absent_servers
SELECT DISTINCT server FROM commands INDEXED BY commands_blocked WHERE state = 'blocked' AND hold = 'server';

-- name: duplicate_tokens
SELECT customer_id, COUNT(*) AS count FROM tokens WHERE removed_at IS NULL AND customer_id IS NOT NULL
GROUP BY customer_id HAVING COUNT(*) > 1;

-- name: commands
SELECT id, origin, place, server, customer_id, player, perk, item_id, step, generation, position, text, state, hold, reason,
    reply, cause, end_reason, repeatable, online_us, superseded, absent, attempts, created_at, due_at, sent_at, settled_at,
    holding_id
FROM commands WHERE id IN (SELECT value FROM json_each(:ids)) ORDER BY id DESC;

-- name: command_detail
SELECT c.*, COALESCE(h.effect, '') AS effect, MAX(1, (SELECT COUNT(*) FROM commands e
        WHERE e.holding_id = c.holding_id AND e.step = c.step AND e.created_at = c.created_at)) AS step_size
FROM commands c LEFT JOIN holdings h ON h.id = c.holding_id WHERE c.id = :id;

-- A list: the ids of one state on one server, of one customer, or of all; newest first.
-- name: ids_of_state
SELECT id FROM commands WHERE state = :state AND server = :server AND id < :before ORDER BY id DESC LIMIT :limit;

-- name: ids_of_customer
SELECT id FROM commands WHERE customer_id = :customer_id AND id < :before
    AND state IN (SELECT value FROM json_each(:states))
    AND (:servers IS NULL OR server IN (SELECT value FROM json_each(:servers)))
ORDER BY id DESC LIMIT :limit;

-- name: ids
SELECT id FROM commands WHERE id < :before ORDER BY id DESC LIMIT :limit;

-- name: command_events
SELECT at, kind, was, became, detail FROM events WHERE command_id = :command_id ORDER BY id;

-- name: token_ids
SELECT id FROM tokens WHERE id < :before ORDER BY id DESC LIMIT :limit;

-- name: token_ids_of
SELECT id FROM tokens WHERE customer_id = :customer_id AND id < :before ORDER BY id DESC LIMIT :limit;

-- name: customers
SELECT t.id AS token_id, t.customer_id, c.name, t.label, t.note, t.source, t.added_at, t.removed_at, r.read_at,
    (SELECT COUNT(*) FROM items i WHERE i.customer_id = t.customer_id) AS items,
    (SELECT COUNT(DISTINCT s.holding_id) FROM supports s WHERE s.customer_id = t.customer_id AND s.live = 1) AS holdings
FROM tokens t LEFT JOIN customers c ON c.customer_id = t.customer_id
    LEFT JOIN readings r ON r.customer_id = t.customer_id
WHERE t.id IN (SELECT value FROM json_each(:ids)) ORDER BY t.id DESC;
