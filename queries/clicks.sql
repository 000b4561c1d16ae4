-- The codes are looked up, one by one.
-- name: FindClickedAffiliates :many
SELECT CAST(j.value AS TEXT) AS code, a.id AS affiliate_id
FROM json_each(CAST(@codes AS TEXT)) j
CROSS JOIN refgrow_codes c ON c.project_id = @project_id AND c.code = CAST(j.value AS TEXT)
CROSS JOIN refgrow_affiliates a ON a.id = c.affiliate_id
WHERE +a.project_id = c.project_id AND a.status = 'active' AND a.deleted_at IS NULL;

-- Each click is an array: affiliate, code, url, referrer, user agent, address, the
-- address under the key of the day before, the time, and between which times another
-- one makes it a repeat. Repeats are left out.
-- name: InsertClicks :many
INSERT INTO refgrow_clicks (project_id, affiliate_id, code, url, referrer, user_agent, address, created_at)
SELECT CAST(@project_id AS INTEGER), json_extract(j.value, '$[0]'), json_extract(j.value, '$[1]'), json_extract(j.value, '$[2]'), json_extract(j.value, '$[3]'), json_extract(j.value, '$[4]'), json_extract(j.value, '$[5]'), json_extract(j.value, '$[7]')
FROM json_each(CAST(@clicks AS TEXT)) j
WHERE NOT EXISTS (
    SELECT 1 FROM refgrow_clicks AS x
    WHERE x.affiliate_id = json_extract(j.value, '$[0]') AND x.address IN (json_extract(j.value, '$[5]'), json_extract(j.value, '$[6]')) AND x.created_at > json_extract(j.value, '$[8]')
        AND x.created_at < json_extract(j.value, '$[9]'))
RETURNING affiliate_id, created_at;

-- name: CountClicks :exec
UPDATE refgrow_affiliates SET clicks = clicks + CAST(@clicks AS INTEGER) WHERE id = @affiliate_id AND project_id = @project_id;

-- name: GetAddressKey :one
SELECT key FROM refgrow_address_keys WHERE day = @day;

-- Somebody else may have made the key of the day meanwhile.
-- name: InsertAddressKey :exec
INSERT INTO refgrow_address_keys (day, key) VALUES (@day, @key) ON CONFLICT (day) DO NOTHING;

-- name: OverwriteAddressKeys :exec
UPDATE refgrow_address_keys SET key = zeroblob(length(key)) WHERE day < @before_day;

-- name: DeleteAddressKeys :exec
DELETE FROM refgrow_address_keys WHERE day < @before_day;

-- name: PruneClicks :many
DELETE FROM refgrow_clicks
WHERE id IN (
    SELECT x.id FROM refgrow_clicks AS x
    WHERE x.project_id = CAST(@project_id AS INTEGER) AND x.created_at < CAST(@created_before AS INTEGER)
    ORDER BY x.created_at LIMIT CAST(@at_most AS INTEGER))
RETURNING affiliate_id, created_at;

-- name: NotePrunedClicks :exec
UPDATE refgrow_affiliate_days SET pruned_clicks = pruned_clicks + CAST(@clicks AS INTEGER)
WHERE project_id = @project_id AND day = @day AND affiliate_id = @affiliate_id AND currency = '';

-- name: DeleteClicksOf :execrows
DELETE FROM refgrow_clicks
WHERE +project_id = CAST(@project_id AS INTEGER) AND id IN (
    SELECT x.id FROM refgrow_clicks AS x WHERE x.affiliate_id = CAST(@affiliate_id AS INTEGER) ORDER BY x.address, x.created_at LIMIT CAST(@at_most AS INTEGER));

-- name: FindClaim :one
SELECT * FROM refgrow_claims WHERE project_id = @project_id AND email = @email;

-- name: InsertClaim :exec
INSERT INTO refgrow_claims (project_id, email, code, created_at) VALUES (@project_id, @email, @code, @created_at);

-- The last claim for an email counts.
-- name: RepeatClaim :exec
UPDATE refgrow_claims SET code = @code, created_at = @created_at, repeated = repeated + 1
WHERE project_id = @project_id AND email = @email;

-- name: DeleteClaim :exec
DELETE FROM refgrow_claims WHERE project_id = @project_id AND email = @email;

-- name: PruneClaims :execrows
DELETE FROM refgrow_claims
WHERE project_id = CAST(@project_id AS INTEGER) AND email IN (
    SELECT x.email FROM refgrow_claims AS x
    WHERE x.project_id = CAST(@project_id AS INTEGER) AND x.created_at < CAST(@created_before AS INTEGER)
    ORDER BY x.created_at LIMIT CAST(@at_most AS INTEGER));
