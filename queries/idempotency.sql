-- name: GetAnswer :one
SELECT a.request_hash, a.status, a.body, a.created_at, a.made_id FROM refgrow_idempotency a
WHERE a.key_hash = @key_hash AND a.project_id = @project_id
UNION ALL
SELECT t.request_hash, -2, X'', t.created_at, NULL FROM refgrow_payout_tasks t
WHERE t.key_hash = @key_hash AND t.project_id = @project_id;

-- name: InsertAnswer :exec
INSERT INTO refgrow_idempotency (project_id, key_hash, request_hash, status, body, created_at, caller_hash, made_id)
VALUES (@project_id, @key_hash, @request_hash, @status, @body, @created_at, @caller_hash, @made_id);

-- name: DeleteAnswer :exec
DELETE FROM refgrow_idempotency WHERE key_hash = @key_hash AND project_id = @project_id;

-- The oldest of all projects, since their writers wait for each other anyway. Where they do not, it is those of the
-- project alone.
-- name: PruneAnswers :execrows
DELETE FROM refgrow_idempotency
WHERE id IN (
    SELECT x.id FROM refgrow_idempotency AS x WHERE CAST(@project_id AS INTEGER) > 0 ORDER BY x.id LIMIT CAST(@at_most AS INTEGER))
    AND (created_at < CAST(@created_before AS INTEGER) OR created_at > CAST(@created_after AS INTEGER));

-- How long the answers of all callers are, the newest first.
-- name: ListAnswerLengths :many
SELECT a.id, a.caller_hash, CAST(LENGTH(a.body) AS INTEGER) AS bytes FROM refgrow_idempotency a
WHERE a.id < @before_id ORDER BY a.id DESC LIMIT CAST(@at_most AS INTEGER);

-- Forgets answers, but not that their calls were done. Negative statuses say what is not kept.
-- name: ForgetAnswers :exec
UPDATE refgrow_idempotency SET status = -1000 - status, body = X''
WHERE id IN (SELECT CAST(value AS INTEGER) FROM json_each(CAST(@ids AS TEXT))) AND status >= 0;
