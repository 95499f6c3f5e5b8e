-- name: attempt
SELECT attempt_id, server, command_id, acknowledged_at FROM attempts WHERE attempt_id = :attempt_id;

-- The command of an attempt whose own row was removed long ago.
-- name: attempt_command
SELECT id FROM commands WHERE key_item = :attempt_id AND origin = 'store';

-- name: put_attempt
INSERT INTO attempts (attempt_id, server, command_id, decided_at) VALUES (:attempt_id, :server, :command_id, :now);

-- A line whose command was not sent yet: the command, as it stands.
-- name: attempt_waits
SELECT m.id, m.state, m.hold, m.place, m.attempts FROM attempts a JOIN commands m ON m.id = a.command_id
WHERE a.attempt_id = :attempt_id AND m.state IN ('planned', 'blocked');

-- blocked → planned, where only the server was missing
-- name: move_line
UPDATE commands SET place = :server, server = :server, state = CASE WHEN hold = 'server' THEN 'planned' ELSE state END,
    reason = CASE WHEN hold = 'server' THEN NULL ELSE reason END, hold = CASE WHEN hold = 'server' THEN NULL ELSE hold END,
    due_at = CASE WHEN hold = 'server' THEN :now ELSE due_at END
WHERE id = :id;

-- blocked → planned, blocked: the line is another one now
-- name: rewrite_line
UPDATE commands SET text = :text, source = :text, player = :player, customer_id = :customer_id, online_us = :online_us,
    state = :state, hold = :hold, reason = :reason, due_at = :now
WHERE id = :id;

-- name: owe_attempt
UPDATE attempts SET server = :server, acknowledged_at = NULL WHERE attempt_id = :attempt_id;

-- planned → blocked: perkd was told to leave the lines of these servers alone. One of a later generation the operator
-- said retry to: they knew.
-- name: block_lines
UPDATE commands SET state = 'blocked', hold = :hold, reason = :reason
WHERE state = 'planned' AND origin = 'store' AND generation = 1 AND place IN (SELECT value FROM json_each(:servers))
RETURNING id;

-- Whatever perkd decided about and the store was not told yet: a line for perkd, or a command that is through.
-- name: owed
SELECT a.attempt_id FROM attempts a LEFT JOIN commands m ON m.id = a.command_id
WHERE a.server = :server AND a.acknowledged_at IS NULL
    AND (a.command_id IS NULL OR m.state IN ('delivered', 'answered', 'void'))
ORDER BY a.attempt_id;

-- name: acknowledged
UPDATE attempts SET acknowledged_at = :now
WHERE acknowledged_at IS NULL AND attempt_id IN (SELECT value FROM json_each(:ids));
