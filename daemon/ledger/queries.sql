-- Every statement perkd sends to its ledger, by name. `:name` parameters and plain SQL, so that PostgreSQL can read it too.

-- name: meta
SELECT value FROM meta WHERE key = :key;

-- ============ the config ============================================================================================

-- name: put_server
INSERT INTO servers (name, game) VALUES (:name, :game)
ON CONFLICT (name) DO UPDATE SET game = excluded.game, removed_at = NULL;

-- name: drop_servers
UPDATE servers SET removed_at = :now WHERE removed_at IS NULL AND name NOT IN (SELECT value FROM json_each(:names));

-- name: servers
SELECT name, game, removed_at FROM servers;

-- name: perk_kind
SELECT kind, definition FROM perks WHERE name = :name;

-- name: put_perk
INSERT INTO perks (name, kind, definition) VALUES (:name, :kind, :definition)
ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, definition = excluded.definition, removed_at = NULL;

-- name: drop_perks
UPDATE perks SET removed_at = :now WHERE removed_at IS NULL AND name NOT IN (SELECT value FROM json_each(:names));

-- name: retired_perks
SELECT name, definition FROM perks WHERE removed_at IS NOT NULL;

-- name: forget_perk
DELETE FROM perks WHERE name = :name;

-- name: put_pair
INSERT INTO pairs (perk, server, since) VALUES (:perk, :server, :since) ON CONFLICT DO NOTHING;

-- name: forget_pairs
DELETE FROM pairs WHERE perk = :perk;

-- name: pairs
SELECT perk, server, since FROM pairs;

-- name: slugs
SELECT slug, product_id FROM slugs;

-- name: forget_places
DELETE FROM places;

-- name: put_place
INSERT INTO places (label, server) VALUES (:label, :server) ON CONFLICT DO NOTHING;

-- name: places
SELECT label, server FROM places;

-- name: labels
SELECT DISTINCT server AS label FROM holdings WHERE server LIKE '%:%';

-- name: rename_pairs
UPDATE pairs SET perk = :name WHERE perk = :was;

-- name: rename_supports
UPDATE supports SET perk = :name WHERE perk = :was;

-- name: rename_commands
UPDATE commands SET perk = :name WHERE perk = :was;

-- name: rename_holdings
UPDATE holdings SET perk = :name, effect = CASE WHEN effect = :was AND NOT EXISTS (
        SELECT 1 FROM holdings o WHERE o.player = holdings.player AND o.effect = :effect AND o.server = holdings.server
        AND o.item_id = holdings.item_id) THEN :effect ELSE effect END
WHERE perk = :was;

-- name: move_effect
UPDATE holdings SET effect = :effect
WHERE perk = :name AND kind = 'lasting' AND effect = :was AND NOT EXISTS (
    SELECT 1 FROM holdings o WHERE o.player = holdings.player AND o.effect = :effect AND o.server = holdings.server
    AND o.item_id = holdings.item_id);

-- planned → blocked: the server left the config, or every server of the place
-- name: block_absent_servers
UPDATE commands SET state = 'blocked', hold = 'server',
    reason = 'server ' || server || ' is not in the config: put it back, or `perkd commands skip` this command'
WHERE state = 'planned' AND server IN (SELECT label FROM places) AND server NOT IN (
    SELECT p.label FROM places p JOIN servers s ON s.name = p.server AND s.removed_at IS NULL) RETURNING id;

-- blocked → planned: the server is back
-- name: unblock_servers
UPDATE commands SET state = 'planned', hold = NULL, reason = NULL, due_at = :now
WHERE state = 'blocked' AND hold = 'server' AND server IN (
    SELECT p.label FROM places p JOIN servers s ON s.name = p.server AND s.removed_at IS NULL) RETURNING id;

-- ============ customers and tokens ==================================================================================

-- name: tokens_from_file
SELECT id, token FROM tokens WHERE source = 'file' AND removed_at IS NULL;

-- name: put_token
INSERT INTO tokens (token, customer_id, source, label, note, added_at)
VALUES (:token, :customer_id, :source, :label, :note, :now)
ON CONFLICT (token) DO UPDATE SET
    source = CASE WHEN tokens.removed_at IS NULL AND excluded.source = 'file' THEN tokens.source ELSE excluded.source END,
    removed_at = NULL, removed_by = NULL, customer_id = COALESCE(excluded.customer_id, tokens.customer_id),
    label = COALESCE(excluded.label, tokens.label), note = COALESCE(excluded.note, tokens.note);

-- name: token
SELECT id, removed_at FROM tokens WHERE token = :token;

-- name: remove_token
UPDATE tokens SET removed_at = :now, removed_by = :by WHERE id = :id AND removed_at IS NULL;

-- Those of the customers' file are its owner's to take out.
-- name: replace_others
UPDATE tokens SET removed_at = :now, removed_by = 'replaced'
WHERE customer_id = :customer_id AND removed_at IS NULL AND source <> 'file' AND token <> :token;

-- name: remove_customer
UPDATE tokens SET removed_at = :now, removed_by = 'operator' WHERE customer_id = :customer_id AND removed_at IS NULL;

-- name: identify_token
UPDATE tokens SET customer_id = :customer_id
WHERE id = :id AND (customer_id IS NULL OR customer_id <> :customer_id);

-- name: put_customer
INSERT INTO customers (customer_id, store_id, profile, name, first_seen_at, profile_at)
VALUES (:customer_id, :store_id, :profile, :name, :now, :now)
ON CONFLICT (customer_id) DO UPDATE SET store_id = excluded.store_id, profile = excluded.profile, name = excluded.name,
    profile_at = excluded.profile_at;

-- A customer with several tokens is polled by the newest; one without any only while known ends still come.
-- name: polled
SELECT t.id AS token_id, t.token, t.customer_id, t.removed_at, COALESCE(c.name, t.label, 'token ' || t.id) AS label,
    c.profile_at, r.read_at, c.digest, c.etag, COALESCE(c.catalogue, '') AS catalogue, c.recheck_at, c.deadline_at,
    EXISTS (SELECT 1 FROM commands m WHERE m.customer_id = t.customer_id AND m.state = 'blocked' AND m.hold = 'value')
        AS incomplete, c.store_id, c.profile
FROM tokens t LEFT JOIN customers c ON c.customer_id = t.customer_id
    LEFT JOIN readings r ON r.customer_id = t.customer_id
WHERE t.id > :after AND t.removed_at IS NULL
    AND NOT EXISTS (SELECT 1 FROM tokens n WHERE n.customer_id = t.customer_id AND n.removed_at IS NULL AND n.id > t.id)
ORDER BY t.id LIMIT :most;

-- name: removed_with_ends
SELECT MAX(t.id) AS token_id, t.token, t.customer_id, t.removed_at, c.name AS label, c.profile_at, r.read_at, c.digest,
    c.etag, c.catalogue, c.recheck_at, c.deadline_at, 0 AS incomplete, c.store_id, c.profile
FROM tokens t JOIN customers c ON c.customer_id = t.customer_id
    LEFT JOIN readings r ON r.customer_id = t.customer_id
WHERE c.deadline_at IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM tokens n WHERE n.customer_id = t.customer_id AND n.removed_at IS NULL)
GROUP BY t.customer_id;

-- name: customers
SELECT t.id AS token_id, t.customer_id, c.name, t.label, t.note, t.source, t.added_at, t.removed_at, r.read_at,
    (SELECT COUNT(*) FROM items i WHERE i.customer_id = t.customer_id) AS items,
    (SELECT COUNT(DISTINCT s.holding_id) FROM supports s WHERE s.customer_id = t.customer_id AND s.live = 1) AS holdings
FROM tokens t LEFT JOIN customers c ON c.customer_id = t.customer_id
    LEFT JOIN readings r ON r.customer_id = t.customer_id ORDER BY t.id;

-- ============ loop 1: known and record ==============================================================================

-- One row, also for a customer who is not there: then all that is known is what waits for a value.
-- name: profile
SELECT (SELECT store_id FROM customers WHERE customer_id = :customer_id) AS store_id,
    (SELECT profile FROM customers WHERE customer_id = :customer_id) AS profile,
    EXISTS (SELECT 1 FROM commands WHERE customer_id = :customer_id AND state = 'blocked' AND hold = 'value') AS incomplete;

-- name: items
SELECT item_id, customer_id, product_id, slug, product_name, state, expirable, gift, added_at, ends_at, revoked_at,
    revoke_reason, order_id, subscription_id, gameserver_id, quantity_index, first_seen_at, seen_live, renewed_at,
    missing_since
FROM items WHERE customer_id = :customer_id;

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
        WHERE i.customer_id = :customer_id AND o.item_id <> 0 AND o.perk <> 'store command')
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

-- name: hold_again
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
INSERT INTO commands (holding_id, place, server, customer_id, player, perk, item_id, key_item, step, generation, position,
    text, source, identity, state, hold, reason, cause, end_reason, filled, repeatable, online_us, strict, success, failure, after_us,
    created_at, due_at)
VALUES (:holding_id, :place, :server, :customer_id, :player, :perk, :item_id, :key_item, :step, :generation, :position,
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

-- name: put_brake
INSERT INTO brakes (on_at, reason)
SELECT :now, :reason WHERE NOT EXISTS (SELECT 1 FROM brakes WHERE released_at IS NULL);

-- planned → blocked: the brake came on
-- name: brake_planned
UPDATE commands SET state = 'blocked', hold = 'brake', reason = :reason
WHERE state = 'planned' AND step = 'revoke' AND cause IN ('stated', 'absent')
    AND (:ids IS NULL OR id IN (SELECT value FROM json_each(:ids))) RETURNING id;

-- ============ loop 2: claim and settle ==============================================================================

-- unknown → planned: repeatable, due again, and still what is wanted
-- name: plan_unknown
UPDATE commands SET state = 'planned'
WHERE server = :server AND state = 'unknown' AND settled_at IS NULL AND due_at <= :now AND superseded = 0 RETURNING id;

-- Strict order inside one holding only: a command waits for earlier ones of its holding that are still wanted, and for
-- any that is being sent, earlier or later; across holdings whatever waits is passed over. `online`: player → since when.
-- A removal from "where the player is" that no server is bound to has nobody to wait for.
-- name: claimable
SELECT c.* FROM commands c
WHERE c.server = :place AND c.state = 'planned' AND c.due_at <= :now
    AND (c.absent = 0 AND c.online_us IS NULL AND (c.server NOT LIKE 'online:%' OR c.step = 'revoke')
        OR c.player IN (SELECT key FROM json_each(:online)) AND (COALESCE(c.online_us, 0) = 0 OR EXISTS (
            SELECT 1 FROM json_each(:online) WHERE key = c.player AND value + c.online_us <= :now)))
    AND NOT EXISTS (
        SELECT 1 FROM commands e WHERE e.holding_id = c.holding_id
        AND (e.state = 'sending' OR e.id < c.id AND e.superseded = 0 AND e.state IN ('planned', 'unknown', 'blocked')))
ORDER BY c.id LIMIT 1;

-- name: labels_of
SELECT label FROM places WHERE server = :server AND label <> :server;

-- planned → sending
-- name: send
UPDATE commands SET state = 'sending', attempts = attempts + 1, sent_at = :now WHERE id = :id;

-- One server took the first command of a step: the rest of the step goes there too.
-- name: bind
UPDATE commands SET server = :server
WHERE holding_id = :holding_id AND step = :step AND created_at = :created_at AND state IN ('planned', 'blocked', 'sending');

-- Nothing of the step reached that server, and no grant says where the removal belongs: any server of the place may take it.
-- name: unbind
UPDATE commands SET server = place
WHERE holding_id = :holding_id AND step = :step AND created_at = :created_at AND state IN ('planned', 'blocked')
    AND NOT (step = 'revoke' AND place LIKE 'online:%') AND NOT EXISTS (
        SELECT 1 FROM commands e WHERE e.holding_id = :holding_id AND e.step = :step AND e.created_at = :created_at
        AND (e.doubts > 0 OR e.state IN ('sending', 'delivered', 'answered', 'unknown')));

-- What becomes due by time: its own, or a player's who has not been there long enough yet.
-- name: next_due
SELECT MIN(at) FROM (
    SELECT due_at AS at FROM commands
    WHERE server IN (SELECT :server UNION ALL SELECT label FROM places WHERE server = :server)
        AND superseded = 0 AND state IN ('planned', 'unknown') AND (state = 'planned' OR settled_at IS NULL)
    UNION ALL
    SELECT json_each.value + c.online_us FROM commands c JOIN json_each(:online) ON json_each.key = c.player
    WHERE c.server IN (SELECT :server UNION ALL SELECT label FROM places WHERE server = :server)
        AND c.state = 'planned' AND c.online_us > 0)
WHERE at > :now;

-- name: command
SELECT * FROM commands WHERE id = :id;

-- name: settle
UPDATE commands SET state = :state, reply = COALESCE(:reply, reply), reason = :reason, hold = NULL,
    due_at = COALESCE(:due_at, due_at), absent = :absent, refusals = refusals + :refused, doubts = doubts + :doubted,
    settled_at = :settled_at
WHERE id = :id;

-- planned → blocked: an earlier command of its step was refused. One step is recorded at one moment (`created_at`);
-- its generation may differ within it after a retry.
-- name: block_rest
UPDATE commands SET state = 'blocked', hold = 'step', reason = :reason
WHERE holding_id = :holding_id AND step = :step AND created_at = :created_at AND position > :position
    AND state = 'planned' RETURNING id;

-- blocked → planned: what it waited behind is out of the way
-- name: free_rest
UPDATE commands SET state = 'planned', hold = NULL, reason = NULL, due_at = :now
WHERE holding_id = :holding_id AND step = :step AND created_at = :created_at AND position > :position
    AND superseded = 0 AND hold = 'step' AND state = 'blocked' AND NOT EXISTS (
        SELECT 1 FROM commands e WHERE e.holding_id = commands.holding_id AND e.step = commands.step
        AND e.created_at = commands.created_at AND e.position < commands.position AND e.superseded = 0
        AND (e.state = 'refused' OR e.state = 'answered' AND e.strict = 1)) RETURNING id;

-- name: delay_next
UPDATE commands SET due_at = MAX(due_at, :now + after_us)
WHERE holding_id = :holding_id AND step = :step AND created_at = :created_at AND position = :position + 1
    AND state = 'planned';

-- What was refused, waits behind that, or lacks a value does not make the rest of the perk last for ever.
-- name: mark_delivered
UPDATE holdings SET delivered_at = :now
WHERE id = :holding_id AND delivered_at IS NULL AND EXISTS (
    SELECT 1 FROM commands c WHERE c.holding_id = :holding_id AND c.step = 'grant' AND c.generation >= holdings.opened
    AND (c.state = 'delivered' OR c.state = 'answered' AND c.strict = 0))
AND NOT EXISTS (
    SELECT 1 FROM commands c WHERE c.holding_id = :holding_id AND c.step = 'grant' AND c.generation >= holdings.opened
    AND c.state NOT IN ('delivered', 'answered', 'void', 'refused')
    AND NOT (c.state = 'blocked' AND c.hold IN ('step', 'value'))) RETURNING id;

-- name: start_clocks
UPDATE supports SET started_at = :now WHERE holding_id = :holding_id AND live = 1 AND started_at IS NULL;

-- name: sending
SELECT * FROM commands WHERE state = 'sending';

-- ============ the store's command queues ============================================================================

-- name: attempt
SELECT attempt_id, server, command_id, acknowledged_at FROM attempts WHERE attempt_id = :attempt_id;

-- The command of an attempt whose own row was removed long ago.
-- name: attempt_command
SELECT m.id FROM commands m JOIN holdings h ON h.id = m.holding_id
WHERE h.item_id = :attempt_id AND h.item_id <> 0 AND h.perk = :perk;

-- name: put_attempt
INSERT INTO attempts (attempt_id, server, command_id, decided_at) VALUES (:attempt_id, :server, :command_id, :now);

-- A line of the store whose command waits where its queue is no more: the command, as it stands.
-- name: attempt_waits
SELECT m.id, m.holding_id, m.state, m.hold, m.place, m.attempts FROM attempts a JOIN commands m ON m.id = a.command_id
WHERE a.attempt_id = :attempt_id AND m.state IN ('planned', 'blocked');

-- blocked → planned, where only the server was missing
-- name: move_attempt
UPDATE commands SET place = :server, server = :server, state = CASE WHEN hold = 'server' THEN 'planned' ELSE state END,
    reason = CASE WHEN hold = 'server' THEN NULL ELSE reason END, hold = CASE WHEN hold = 'server' THEN NULL ELSE hold END,
    due_at = CASE WHEN hold = 'server' THEN :now ELSE due_at END
WHERE id = :id;

-- name: move_attempt_holding
UPDATE holdings SET server = :server WHERE id = :holding_id;

-- blocked → planned, blocked: the line is another one now
-- name: rewrite_attempt
UPDATE commands SET text = :text, source = :text, player = :player, customer_id = :customer_id, online_us = :online_us,
    state = :state, hold = :hold, reason = :reason, due_at = :now
WHERE id = :id;

-- name: rewrite_attempt_holding
UPDATE holdings SET player = :player, customer_id = :customer_id WHERE id = :holding_id;

-- name: owe_attempt
UPDATE attempts SET server = :server, acknowledged_at = NULL WHERE attempt_id = :attempt_id;

-- planned → blocked: perkd was told to leave the lines of these servers alone. One of a later generation the operator
-- said retry to: they knew.
-- name: hold_lines
UPDATE commands SET state = 'blocked', hold = :hold, reason = :reason
WHERE state = 'planned' AND perk = :perk AND generation = 1 AND place IN (SELECT value FROM json_each(:servers))
RETURNING id;

-- A step of one command, which nothing ever ends: no item stands behind it.
-- name: put_store_holding
INSERT INTO holdings (player, effect, server, item_id, kind, perk, customer_id, state, identity, opened, opened_at, ended_at)
VALUES (:player, :perk, :server, :attempt_id, 'once', :perk, :customer_id, 'ended', '{}', 1, :now, :now) RETURNING id;

-- Whatever perkd decided about and the store was not told yet: a line for perkd, or a command that is through.
-- name: owed
SELECT a.attempt_id FROM attempts a LEFT JOIN commands m ON m.id = a.command_id
WHERE a.server = :server AND a.acknowledged_at IS NULL
    AND (a.command_id IS NULL OR m.state IN ('delivered', 'answered', 'void'))
ORDER BY a.attempt_id;

-- name: acknowledged
UPDATE attempts SET acknowledged_at = :now
WHERE acknowledged_at IS NULL AND attempt_id IN (SELECT value FROM json_each(:ids));

-- ============ enrolment and the feed ================================================================================

-- Whoever an operator removed last has `removed_by` operator and is not polled.
-- name: enrolled
SELECT w.value AS customer_id,
    EXISTS (SELECT 1 FROM tokens t WHERE t.customer_id = w.value AND t.removed_at IS NULL) AS polled,
    (SELECT t.removed_by FROM tokens t WHERE t.customer_id = w.value AND t.removed_at IS NOT NULL
        ORDER BY t.removed_at DESC, t.id DESC LIMIT 1) AS removed_by,
    (SELECT MAX(t.added_at) FROM tokens t WHERE t.customer_id = w.value AND t.source = 'enrolled') AS minted_at,
    (SELECT u.tries FROM unenrolled u WHERE u.customer_id = w.value) AS tries
FROM json_each(:customers) w;

-- Everybody who is `enrolled` as kept out, as far as the store ever said who they are.
-- name: kept_out
SELECT c.customer_id, c.store_id, c.profile FROM customers c
WHERE c.customer_id IN (SELECT r.customer_id FROM tokens r WHERE r.removed_by = 'operator')
    AND NOT EXISTS (SELECT 1 FROM tokens t WHERE t.customer_id = c.customer_id AND t.removed_at IS NULL)
    AND 'operator' = (SELECT t.removed_by FROM tokens t WHERE t.customer_id = c.customer_id
        ORDER BY t.removed_at DESC, t.id DESC LIMIT 1);

-- As `polled`, of one token.
-- name: polled_one
SELECT t.id AS token_id, t.token, t.customer_id, t.removed_at, COALESCE(c.name, t.label, 'token ' || t.id) AS label,
    c.profile_at, r.read_at, c.digest, c.etag, COALESCE(c.catalogue, '') AS catalogue, c.recheck_at, c.deadline_at,
    EXISTS (SELECT 1 FROM commands m WHERE m.customer_id = t.customer_id AND m.state = 'blocked' AND m.hold = 'value')
        AS incomplete, c.store_id, c.profile
FROM tokens t LEFT JOIN customers c ON c.customer_id = t.customer_id
    LEFT JOIN readings r ON r.customer_id = t.customer_id
WHERE t.token = :token;

-- name: put_unenrolled
INSERT INTO unenrolled (customer_id, tries, again_at, reason) VALUES (:customer_id, 1, :again_at, :reason)
ON CONFLICT (customer_id) DO UPDATE SET tries = unenrolled.tries + 1, again_at = excluded.again_at,
    reason = excluded.reason;

-- name: forget_unenrolled
DELETE FROM unenrolled WHERE customer_id = :customer_id;

-- Whoever has no token left, and no operator took it.
-- name: want_back
INSERT INTO unenrolled (customer_id, tries, again_at, reason)
SELECT t.customer_id, 0, :now, 'his token left the list' FROM tokens t WHERE t.customer_id IS NOT NULL
GROUP BY t.customer_id HAVING COUNT(*) = COUNT(t.removed_at) AND 'operator' <> (
    SELECT r.removed_by FROM tokens r WHERE r.customer_id = t.customer_id ORDER BY r.removed_at DESC, r.id DESC LIMIT 1)
ON CONFLICT (customer_id) DO NOTHING;

-- name: unenrolled
SELECT COUNT(*) AS count, MIN(again_at) AS again_at, MAX(reason) AS reason FROM unenrolled WHERE tries > 0;

-- name: unenrolled_due
SELECT customer_id FROM unenrolled WHERE again_at <= :now ORDER BY again_at LIMIT :limit;

-- name: forget_meta
DELETE FROM meta WHERE key = :key;

-- name: put_meta
INSERT INTO meta (key, value) VALUES (:key, :value) ON CONFLICT (key) DO UPDATE SET value = excluded.value;

-- name: items_listed
SELECT item_id FROM items WHERE item_id IN (SELECT value FROM json_each(:items));

-- ============ the operator ==========================================================================================

-- unknown, refused, answered, blocked → planned: the operator said retry, and it was rendered anew
-- name: retry
UPDATE commands SET state = 'planned', text = :text, source = :source, identity = :identity, filled = :filled,
    generation = :generation, hold = NULL,
    reason = NULL, absent = 0, refusals = 0, doubts = 0, due_at = :now, settled_at = NULL, repeatable = :repeatable,
    online_us = :online_us, strict = :strict, success = :success, failure = :failure
WHERE id = :id;

-- name: close_command
UPDATE commands SET state = :state, hold = NULL, reason = :reason, settled_at = :now WHERE id = :id;

-- name: release_brake
UPDATE brakes SET released_at = :now WHERE released_at IS NULL;

-- blocked → planned: the brake was released
-- name: plan_braked
UPDATE commands SET state = 'planned', hold = NULL, reason = NULL, due_at = :now
WHERE state = 'blocked' AND hold = 'brake' RETURNING id;

-- ============ reports ===============================================================================================

-- name: count_commands
SELECT state, COUNT(*) FROM commands GROUP BY state;

-- name: count_holdings
SELECT COUNT(*) FROM holdings WHERE state = 'held';

-- name: count_customers
SELECT COUNT(DISTINCT COALESCE(customer_id, -id)) FROM tokens WHERE removed_at IS NULL;

-- name: queues
SELECT server, COUNT(*) AS queue, MIN(created_at) AS oldest_at FROM commands
WHERE state IN ('planned', 'sending') GROUP BY server;

-- name: troubles
SELECT state, hold, perk, server, COUNT(*) AS count, MAX(id) AS newest_id, text, reason, reply FROM commands
WHERE superseded = 0 AND (state IN ('unknown', 'refused', 'answered') OR state = 'blocked' AND hold NOT IN ('brake', 'step'))
GROUP BY state, hold, perk, server ORDER BY newest_id DESC;

-- name: brake
SELECT on_at, reason, (SELECT COUNT(*) FROM commands WHERE state = 'blocked' AND hold = 'brake') AS blocked
FROM brakes WHERE released_at IS NULL ORDER BY id DESC LIMIT 1;

-- Blocked by a brake, whether one is on or not.
-- name: braked
SELECT COUNT(*) FROM commands WHERE state = 'blocked' AND hold = 'brake';

-- Whoever the game said is not there and nobody saw since.
-- name: unseen
SELECT m.player, COALESCE(c.name, '') AS name, m.server, COUNT(*) AS count, MIN(m.created_at) AS since
FROM commands m LEFT JOIN customers c ON c.customer_id = m.customer_id
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
SELECT 'missing', slug, product_id, state, COUNT(*), MAX(customer_id) FROM items
WHERE missing_since IS NOT NULL AND item_id IN (SELECT item_id FROM supports WHERE live = 1) GROUP BY slug, product_id
UNION ALL
SELECT 'returned', i.slug, i.product_id, i.state, COUNT(*), MAX(i.customer_id) FROM items i
JOIN holdings h ON h.item_id = i.item_id
WHERE h.kind = 'once' AND h.perk <> 'store command' AND h.state = 'ended' AND i.state <> 'revoked' AND i.revoked_at IS NULL AND i.missing_since IS NULL
    AND h.delivered_at IS NOT NULL
GROUP BY i.slug, i.product_id
UNION ALL
SELECT 'moved', i.slug, i.product_id, CAST(s.product_id AS TEXT), COUNT(*), MAX(i.customer_id) FROM items i
JOIN slugs s ON s.slug = i.slug AND s.product_id <> i.product_id
WHERE i.state <> 'revoked' AND i.revoked_at IS NULL AND i.missing_since IS NULL AND NOT (i.expirable = 1 AND i.state = 'used')
GROUP BY i.slug, i.product_id, s.product_id;

-- name: orphans
SELECT h.perk, h.server, COUNT(*) AS count FROM holdings h
WHERE h.state = 'held' AND h.kind = 'lasting' AND NOT EXISTS (
    SELECT 1 FROM perks p JOIN servers s ON s.removed_at IS NULL AND (h.server LIKE 'chosen:%' OR s.name IN (
        SELECT server FROM places WHERE label = h.server))
    WHERE p.name = h.perk AND p.removed_at IS NULL)
GROUP BY h.perk, h.server;

-- name: absent_servers
SELECT DISTINCT server FROM commands WHERE state = 'blocked' AND hold = 'server';

-- name: duplicate_tokens
SELECT customer_id, COUNT(*) AS count FROM tokens WHERE removed_at IS NULL AND customer_id IS NOT NULL
GROUP BY customer_id HAVING COUNT(*) > 1;

-- name: commands
SELECT c.*, h.effect, (SELECT COUNT(*) FROM commands e WHERE e.holding_id = c.holding_id AND e.step = c.step
        AND e.created_at = c.created_at) AS step_size
FROM commands c JOIN holdings h ON h.id = c.holding_id
WHERE (:state IS NULL OR c.state = :state)
    AND (:server IS NULL OR c.server IN (SELECT :server UNION ALL SELECT label FROM places WHERE server = :server))
    AND (:customer_id IS NULL OR c.customer_id = :customer_id) AND (:before IS NULL OR c.id < :before)
ORDER BY c.id DESC LIMIT :limit;

-- name: one_command
SELECT c.*, h.effect, (SELECT COUNT(*) FROM commands e WHERE e.holding_id = c.holding_id AND e.step = c.step
        AND e.created_at = c.created_at) AS step_size
FROM commands c JOIN holdings h ON h.id = c.holding_id WHERE c.id = :id;

-- name: command_events
SELECT at, kind, was, became, detail FROM events WHERE command_id = :command_id ORDER BY id;

-- name: window
SELECT c.customer_id, c.read_at,
    (SELECT COUNT(DISTINCT s.holding_id) FROM supports s WHERE s.customer_id = c.customer_id AND s.live = 1)
        + (SELECT COUNT(*) FROM holdings h JOIN items i ON i.item_id = h.item_id
           WHERE h.kind = 'once' AND h.state = 'held' AND i.customer_id = c.customer_id) AS held,
    (SELECT COUNT(*) FROM events e WHERE e.kind = 'removal' AND e.customer_id = c.customer_id AND e.at >= :since
        AND e.was IN ('stated', 'absent')
        AND e.at > COALESCE((SELECT MAX(released_at) FROM brakes), 0)) AS removals
FROM readings c WHERE c.read_at >= :since;

-- ============ life ==================================================================================================

-- name: purge_events
DELETE FROM events WHERE at < :before AND (command_id IS NULL OR command_id IN (
    SELECT id FROM commands WHERE state IN ('delivered', 'refused', 'answered', 'void') AND settled_at < :before));

-- What comes again after that is known by its command, or is a line for perkd and harmless.
-- name: purge_attempts
DELETE FROM attempts WHERE acknowledged_at < :before;

-- name: purge_commands
DELETE FROM commands WHERE key_item = 0 AND state IN ('delivered', 'refused', 'answered', 'void') AND settled_at < :before
    AND holding_id IN (SELECT id FROM holdings WHERE state = 'ended' AND ended_at < :before)
    AND NOT EXISTS (
        SELECT 1 FROM commands o WHERE o.holding_id = commands.holding_id
        AND (o.state IN ('planned', 'blocked', 'sending') OR o.state = 'unknown' AND o.superseded = 0));
