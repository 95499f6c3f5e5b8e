-- name: meta
SELECT value FROM meta WHERE key = :key;

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
WHERE state = 'planned' AND server IN (
    SELECT label FROM places EXCEPT
    SELECT p.label FROM places p JOIN servers s ON s.name = p.server AND s.removed_at IS NULL) RETURNING id;

-- blocked → planned: the server is back
-- name: unblock_servers
UPDATE commands SET state = 'planned', hold = NULL, reason = NULL, due_at = :now
WHERE state = 'blocked' AND hold = 'server' AND server IN (
    SELECT p.label FROM places p JOIN servers s ON s.name = p.server AND s.removed_at IS NULL) RETURNING id;

-- name: purge_events
DELETE FROM events WHERE id IN (
    SELECT id FROM events WHERE at < :before AND (command_id IS NULL OR command_id IN (
        SELECT id FROM commands WHERE state IN ('delivered', 'refused', 'answered', 'void') AND settled_at < :before))
    LIMIT :most);

-- What comes again after that is known by its command, or is a line for perkd and harmless.
-- name: purge_attempts
DELETE FROM attempts WHERE attempt_id IN (SELECT attempt_id FROM attempts WHERE acknowledged_at < :before LIMIT :most);

-- name: purge_commands
DELETE FROM commands WHERE id IN (
    SELECT c.id FROM commands c WHERE c.key_item = 0 AND c.state IN ('delivered', 'refused', 'answered', 'void')
        AND c.settled_at < :before
        AND c.holding_id IN (SELECT id FROM holdings WHERE state = 'ended' AND ended_at < :before)
        AND NOT EXISTS (
            SELECT 1 FROM commands o WHERE o.holding_id = c.holding_id
            AND (o.state IN ('planned', 'blocked', 'sending') OR o.state = 'unknown' AND o.superseded = 0))
    LIMIT :most);

-- name: forget_meta
DELETE FROM meta WHERE key = :key;

-- name: put_meta
INSERT INTO meta (key, value) VALUES (:key, :value) ON CONFLICT (key) DO UPDATE SET value = excluded.value;
