-- unknown → planned: repeatable, due again, and still what is wanted
-- name: plan_unknown
UPDATE commands SET state = 'planned'
WHERE server = :server AND state = 'unknown' AND settled_at IS NULL AND due_at <= :now AND superseded = 0 RETURNING id;

-- Strict order inside one holding only: a command waits for earlier ones of its holding that are still wanted, and for
-- any that is being sent, earlier or later; across holdings whatever waits is passed over.
-- The first that waits for nobody. `anywhere`: the place means "where the player is"; there only a removal that no server
-- is bound to has nobody to wait for.
-- name: claim_free
SELECT id FROM commands c INDEXED BY commands_free
WHERE c.server = :place AND c.state = 'planned' AND c.absent = 0 AND c.online_us IS NULL AND c.due_at <= :now
    AND (:anywhere = 0 OR c.step = 'revoke')
    AND NOT EXISTS (
        SELECT 1 FROM commands e WHERE e.holding_id = c.holding_id
        AND (e.state = 'sending' OR e.id < c.id AND e.superseded = 0 AND e.state IN ('planned', 'unknown', 'blocked')))
ORDER BY c.id LIMIT 1;

-- The first for one of these players who has been there long enough. `online`: player → since when. The join is ordered
-- by hand (CROSS): there are fewer players than waiting commands.
-- name: claim_for_players
SELECT MIN(c.id) AS id FROM json_each(:online) AS there CROSS JOIN commands c INDEXED BY commands_by_player
WHERE c.server = :place AND c.player = there.key AND c.state = 'planned' AND c.due_at <= :now
    AND (COALESCE(c.online_us, 0) = 0 OR there.value + c.online_us <= :now)
    AND NOT EXISTS (
        SELECT 1 FROM commands e WHERE e.holding_id = c.holding_id
        AND (e.state = 'sending' OR e.id < c.id AND e.superseded = 0 AND e.state IN ('planned', 'unknown', 'blocked')));

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

-- What becomes due by time at this place: its own, or a player's who has not been there long enough yet.
-- name: next_due
SELECT MIN(at) FROM (
    SELECT MIN(due_at) AS at FROM commands WHERE server = :place AND state = 'planned' AND due_at > :now
    UNION ALL
    SELECT MIN(due_at) FROM commands
    WHERE server = :place AND state = 'unknown' AND settled_at IS NULL AND superseded = 0 AND due_at > :now
    UNION ALL
    SELECT MIN(there.value + c.online_us) FROM json_each(:online) AS there CROSS JOIN commands c
    WHERE c.server = :place AND c.player = there.key AND c.state = 'planned' AND c.online_us > 0
        AND there.value + c.online_us > :now);

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
SELECT * FROM commands INDEXED BY commands_sending WHERE state = 'sending';

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

-- name: put_brake
INSERT INTO brakes (on_at, reason)
SELECT :now, :reason WHERE NOT EXISTS (SELECT 1 FROM brakes WHERE released_at IS NULL);

-- planned → blocked: the brake came on
-- name: brake_planned
UPDATE commands SET state = 'blocked', hold = 'brake', reason = :reason
WHERE state = 'planned' AND step = 'revoke' AND cause IN ('stated', 'absent')
    AND (:ids IS NULL OR id IN (SELECT value FROM json_each(:ids))) RETURNING id;

-- name: brake
SELECT on_at, reason FROM brakes WHERE released_at IS NULL ORDER BY id DESC LIMIT 1;

-- Blocked by a brake, whether one is on or not.
-- name: braked
SELECT COUNT(*) FROM commands WHERE state = 'blocked' AND hold = 'brake';
