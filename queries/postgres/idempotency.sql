-- name: PruneAnswers :execrows
DELETE FROM refgrow_idempotency
WHERE project_id = CAST(@project_id AS BIGINT) AND id IN (
    SELECT x.id FROM refgrow_idempotency AS x
    WHERE x.project_id = CAST(@project_id AS BIGINT) ORDER BY x.id LIMIT CAST(@at_most AS BIGINT))
    AND (created_at < CAST(@created_before AS BIGINT) OR created_at > CAST(@created_after AS BIGINT));
