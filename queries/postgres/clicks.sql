-- Each click is an array of numbers and texts, as in queries/clicks.sql.
-- name: InsertClicks :many
INSERT INTO refgrow_clicks (project_id, affiliate_id, code, url, referrer, user_agent, address, created_at)
SELECT CAST(@project_id AS BIGINT), CAST(j.value->>0 AS BIGINT), j.value->>1, j.value->>2, j.value->>3, j.value->>4, CAST(j.value->>5 AS BIGINT), CAST(j.value->>7 AS BIGINT)
FROM jsonb_array_elements(CAST(CAST(@clicks AS TEXT) AS JSONB)) AS j (value)
WHERE NOT EXISTS (
    SELECT 1 FROM refgrow_clicks AS x
    WHERE x.project_id = CAST(@project_id AS BIGINT) AND x.affiliate_id = CAST(j.value->>0 AS BIGINT)
        AND x.address IN (CAST(j.value->>5 AS BIGINT), CAST(j.value->>6 AS BIGINT))
        AND x.created_at > CAST(j.value->>8 AS BIGINT) AND x.created_at < CAST(j.value->>9 AS BIGINT))
RETURNING affiliate_id, created_at;
