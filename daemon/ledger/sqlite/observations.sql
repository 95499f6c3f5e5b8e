-- One row, also for a customer who is not there: then all that is known is what waits for a value.
-- name: profile
SELECT (SELECT store_id FROM customers WHERE customer_id = :customer_id) AS store_id,
    (SELECT profile FROM customers WHERE customer_id = :customer_id) AS profile,
    EXISTS (SELECT 1 FROM commands WHERE customer_id = :customer_id AND state = 'blocked' AND hold = 'value') AS incomplete;

-- name: items
SELECT * FROM items WHERE customer_id = :customer_id;

-- Shared by player, or held by one of the customer's items, or a once-item of theirs. One row for each item behind a holding, and one
-- for a holding that has none.
-- name: holdings
SELECT h.id, h.player, h.effect, h.server, h.item_id, h.kind, h.perk, h.customer_id, h.state, h.identity, EXISTS (
        SELECT 1 FROM commands m WHERE m.holding_id = h.id AND m.step = 'grant' AND m.generation >= h.opened
        AND m.state IN ('sending', 'delivered', 'answered', 'unknown')) AS touched,
    s.item_id, s.customer_id, s.perk, s.live, s.joined_at, s.started_at, s.ends_at
FROM holdings h LEFT JOIN supports s ON s.holding_id = h.id
WHERE h.id IN (
    SELECT id FROM holdings WHERE player IN (SELECT value FROM json_each(:players)) AND kind = 'lasting'
    UNION ALL SELECT holding_id FROM supports WHERE customer_id = :customer_id
    UNION ALL SELECT o.id FROM items i JOIN holdings o ON o.item_id = i.item_id
        WHERE i.customer_id = :customer_id AND o.item_id <> 0)
ORDER BY h.id, s.item_id;

-- An item that is known with this slug and product: its slug was bound then. No index holds what changes.
-- name: update_item
UPDATE items SET product_name = :product_name, state = :state, expirable = :expirable, gift = :gift, added_at = :added_at,
    ends_at = :ends_at, revoked_at = :revoked_at, revoke_reason = :revoke_reason, order_id = :order_id,
    subscription_id = :subscription_id, gameserver_id = :gameserver_id, quantity_index = :quantity_index,
    seen_live = :seen_live, renewed_at = :renewed_at, missing_since = :missing_since
WHERE item_id = :item_id AND customer_id = :customer_id AND product_id = :product_id AND slug = :slug;

-- name: put_item
INSERT INTO items (item_id, customer_id, product_id, slug, product_name, state, expirable, gift, added_at, ends_at,
    revoked_at, revoke_reason, order_id, subscription_id, gameserver_id, quantity_index, first_seen_at, seen_live,
    renewed_at, missing_since)
VALUES (:item_id, :customer_id, :product_id, :slug, :product_name, :state, :expirable, :gift, :added_at, :ends_at,
    :revoked_at, :revoke_reason, :order_id, :subscription_id, :gameserver_id, :quantity_index, :first_seen_at, :seen_live,
    :renewed_at, :missing_since)
ON CONFLICT (item_id) DO UPDATE SET customer_id = excluded.customer_id, product_id = excluded.product_id,
    slug = excluded.slug, product_name = excluded.product_name, state = excluded.state, expirable = excluded.expirable, gift = excluded.gift,
    added_at = excluded.added_at, ends_at = excluded.ends_at, revoked_at = excluded.revoked_at,
    revoke_reason = excluded.revoke_reason, order_id = excluded.order_id, subscription_id = excluded.subscription_id,
    gameserver_id = excluded.gameserver_id, quantity_index = excluded.quantity_index, seen_live = excluded.seen_live,
    renewed_at = excluded.renewed_at, missing_since = excluded.missing_since;

-- blocked → planned: the item had vanished, and now the store says it is revoked
-- name: plan_absent
UPDATE commands SET state = 'planned', hold = NULL, reason = NULL, due_at = :now
WHERE state = 'blocked' AND hold = 'absent' AND item_id = :item_id AND superseded = 0 RETURNING id;

-- name: bind_slug
INSERT INTO slugs (slug, product_id, bound_at) VALUES (:slug, :product_id, :now) ON CONFLICT DO NOTHING;

-- name: compared
UPDATE customers SET digest = COALESCE(:digest, digest),
    etag = CASE WHEN :digest IS NULL THEN etag ELSE :etag END, catalogue = :catalogue, recheck_at = :recheck_at,
    deadline_at = :deadline_at
WHERE customer_id = :customer_id;

-- name: put_reading
INSERT INTO readings (customer_id, read_at) VALUES (:customer_id, :read_at)
ON CONFLICT (customer_id) DO UPDATE SET read_at = excluded.read_at;

-- One statement for all: a list of [customer, time] as JSON.
-- name: sighted
INSERT INTO readings (customer_id, read_at)
SELECT json_extract(seen.value, '$[0]'), json_extract(seen.value, '$[1]') FROM json_each(:seen) AS seen WHERE true
ON CONFLICT (customer_id) DO UPDATE SET read_at = excluded.read_at WHERE readings.read_at < excluded.read_at;

-- With the generation of its next step, where that is for a perk: as `next_generation`.
-- name: holding
SELECT h.id, h.state, h.identity, h.opened, h.ended, CASE WHEN :perk IS NULL THEN 1 ELSE (
        SELECT COALESCE(MAX(m.generation), 0) + 1 FROM commands m WHERE m.holding_id = h.id
        OR (m.player = h.player AND m.perk = :perk AND m.place = h.server AND m.key_item = h.item_id)) END AS generation
FROM holdings h
WHERE h.player = :player AND h.effect = :effect AND h.server = :server AND h.item_id = :item_id;

-- Above those of every command of the holding, and of every command with its key.
-- name: next_generation
SELECT COALESCE(MAX(generation), 0) + 1 FROM commands
WHERE holding_id = :holding_id OR (player = :player AND perk = :perk AND place = :place AND key_item = :key_item);

-- name: commands_since
SELECT id, step, generation, state, server, place, superseded FROM commands
WHERE holding_id = :holding_id AND generation >= :generation ORDER BY id;

-- name: put_holding
INSERT INTO holdings (player, effect, server, item_id, kind, perk, customer_id, state, identity, opened, opened_at)
VALUES (:player, :effect, :server, :item_id, :kind, :perk, :customer_id, :state, :identity, 0, :now) RETURNING id;

-- name: reopen_holding
UPDATE holdings SET state = 'held', ended = 0, ended_at = NULL WHERE id = :id;

-- name: open_holding
UPDATE holdings SET state = 'held', perk = :perk, customer_id = :customer_id, identity = :identity, opened = :generation,
    ended = 0, opened_at = :now, delivered_at = NULL, ended_at = NULL
WHERE id = :id;

-- What only the removal uses has another value now: nothing is sent, the removal will know.
-- name: learn_identity
UPDATE holdings SET identity = :identity, customer_id = :customer_id WHERE id = :id;

-- name: end_holding
UPDATE holdings SET state = 'ended', ended = :generation, ended_at = :now WHERE id = :id;

-- planned, blocked → void: the opposite change came
-- name: void
UPDATE commands SET state = 'void', reason = :reason, hold = NULL, superseded = 1, settled_at = :now WHERE id = :id;

-- name: supersede
UPDATE commands SET superseded = 1
WHERE holding_id = :holding_id AND step = :step AND generation >= :generation AND superseded = 0;

-- name: want_again
UPDATE commands SET superseded = 0 WHERE holding_id = :holding_id AND step = 'grant' AND generation >= :generation;

-- name: put_command
INSERT INTO commands (origin, holding_id, place, server, customer_id, player, perk, item_id, key_item, step, generation, position,
    text, source, identity, state, hold, reason, cause, end_reason, filled, repeatable, online_us, strict, success, failure, after_us,
    created_at, due_at)
VALUES (:origin, :holding_id, :place, :server, :customer_id, :player, :perk, :item_id, :key_item, :step, :generation, :position,
    :text, :source, :identity, :state, :hold, :reason, :cause, :end_reason, :filled, :repeatable, :online_us, :strict, :success, :failure,
    :after_us, :now, :due_at)
ON CONFLICT DO NOTHING RETURNING id;

-- name: put_support
INSERT INTO supports (holding_id, item_id, customer_id, perk, live, joined_at, started_at, ends_at)
VALUES (:holding_id, :item_id, :customer_id, :perk, :live, :joined_at,
    COALESCE(:started_at, CASE WHEN :live = 1 AND (SELECT delivered_at FROM holdings WHERE id = :holding_id) IS NOT NULL
        THEN :now END), :ends_at)
ON CONFLICT (holding_id, item_id) DO UPDATE SET perk = excluded.perk, live = excluded.live,
    joined_at = excluded.joined_at, started_at = COALESCE(supports.started_at, excluded.started_at),
    ends_at = excluded.ends_at
WHERE supports.customer_id = excluded.customer_id;

-- An item that is another customer's now.
-- name: move_support
UPDATE supports SET customer_id = :customer_id WHERE holding_id = :holding_id AND item_id = :item_id;

-- name: put_event
INSERT INTO events (at, kind, customer_id, holding_id, item_id, command_id, was, became, detail)
VALUES (:at, :kind, :customer_id, :holding_id, :item_id, :command_id, :was, :became, :detail);

-- For the brake at start: what everybody read since holds, and how many removals that count they had.
-- name: window
WITH removed AS (
    SELECT customer_id, COUNT(*) AS removals FROM events
    WHERE at >= :since AND at > COALESCE((SELECT MAX(released_at) FROM brakes), 0) AND kind = 'removal'
        AND was IN ('stated', 'absent')
    GROUP BY customer_id)
SELECT r.customer_id, r.read_at, COALESCE(removed.removals, 0) AS removals,
    (SELECT COUNT(DISTINCT s.holding_id) FROM supports s WHERE s.customer_id = r.customer_id AND s.live = 1)
        + (SELECT COUNT(*) FROM items i JOIN holdings h ON h.item_id = i.item_id
           WHERE i.customer_id = r.customer_id AND h.item_id <> 0 AND h.kind = 'once' AND h.state = 'held') AS held
FROM readings r LEFT JOIN removed ON removed.customer_id = r.customer_id WHERE r.read_at >= :since;

-- name: items_listed
SELECT item_id FROM items WHERE item_id IN (SELECT value FROM json_each(:items));
