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

-- Everybody who must be looked at, a page at a time: a customer with several tokens by the newest, one without any only
-- while known ends still come.
-- name: polled
SELECT t.id AS token_id, t.token, t.customer_id, t.removed_at, COALESCE(c.name, t.label, 'token ' || t.id) AS label,
    c.profile_at, r.read_at, c.digest, c.etag, COALESCE(c.catalogue, '') AS catalogue, c.recheck_at, c.deadline_at,
    EXISTS (SELECT 1 FROM commands m WHERE m.customer_id = t.customer_id AND m.state = 'blocked' AND m.hold = 'value')
        AS incomplete, c.store_id, c.profile
FROM tokens t LEFT JOIN customers c ON c.customer_id = t.customer_id
    LEFT JOIN readings r ON r.customer_id = t.customer_id
WHERE t.id > :after AND (t.removed_at IS NULL OR c.deadline_at IS NOT NULL) AND NOT EXISTS (
    SELECT 1 FROM tokens n WHERE n.customer_id = t.customer_id
    AND (n.removed_at IS NULL AND (n.id > t.id OR t.removed_at IS NOT NULL) OR t.removed_at IS NOT NULL AND n.id > t.id))
ORDER BY t.id LIMIT :most;

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

-- As `polled`, of the tokens with these ids.
-- name: polled_of_ids
SELECT t.id AS token_id, t.token, t.customer_id, t.removed_at, COALESCE(c.name, t.label, 'token ' || t.id) AS label,
    c.profile_at, r.read_at, c.digest, c.etag, COALESCE(c.catalogue, '') AS catalogue, c.recheck_at, c.deadline_at,
    EXISTS (SELECT 1 FROM commands m WHERE m.customer_id = t.customer_id AND m.state = 'blocked' AND m.hold = 'value')
        AS incomplete, c.store_id, c.profile
FROM tokens t LEFT JOIN customers c ON c.customer_id = t.customer_id
    LEFT JOIN readings r ON r.customer_id = t.customer_id
WHERE t.id IN (SELECT value FROM json_each(:ids));

-- The customer's tokens, the newest in use first.
-- name: tokens_of
SELECT id FROM tokens WHERE customer_id = :customer_id ORDER BY removed_at IS NOT NULL, id DESC;

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
