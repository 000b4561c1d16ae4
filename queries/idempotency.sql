-- name: GetAnswer :one
SELECT a.request_hash, a.status, a.body, a.created_at FROM refgrow_idempotency a
WHERE a.key_hash = @key_hash AND a.project_id = @project_id
UNION ALL
SELECT t.request_hash, -2, X'', t.created_at FROM refgrow_payout_tasks t
WHERE t.key_hash = @key_hash AND t.project_id = @project_id;

-- name: InsertAnswer :exec
INSERT INTO refgrow_idempotency (project_id, key_hash, request_hash, status, body, created_at)
VALUES (@project_id, @key_hash, @request_hash, @status, @body, @created_at);

-- name: DeleteAnswer :exec
DELETE FROM refgrow_idempotency WHERE key_hash = @key_hash AND project_id = @project_id;

-- name: PruneAnswers :execrows
DELETE FROM refgrow_idempotency
WHERE id IN (SELECT x.id FROM refgrow_idempotency AS x ORDER BY x.id LIMIT CAST(@at_most AS INTEGER))
    AND (created_at < CAST(@created_before AS INTEGER) OR created_at > CAST(@created_after AS INTEGER));
