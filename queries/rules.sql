-- name: InsertRule :one
INSERT INTO refgrow_commission_rules
    (project_id, conversion_type, affiliate_id, product, version, kind, rate, amount, currency, duration, duration_count, created_at)
VALUES
    (@project_id, @conversion_type, @affiliate_id, @product, @version, @kind, @rate, @amount, @currency, @duration, @duration_count, @created_at)
RETURNING id;

-- name: EndRule :exec
UPDATE refgrow_commission_rules SET ended_at = @ended_at WHERE id = @rule_id AND project_id = @project_id;

-- The project's own two rules, and whether there are or ever were others, and endpoints
-- for events.
-- name: ListProjectRulesInForce :many
SELECT sqlc.embed(refgrow_commission_rules), CAST(CASE WHEN EXISTS (
    SELECT 1 FROM refgrow_commission_rules x
    WHERE x.project_id = @project_id AND x.conversion_type = 'purchase' AND COALESCE(x.affiliate_id, 0) > 0
) OR EXISTS (
    SELECT 1 FROM refgrow_commission_rules x
    WHERE x.project_id = @project_id AND x.conversion_type = 'purchase' AND COALESCE(x.affiliate_id, 0) = 0
        AND COALESCE(x.product, '') > ''
) THEN 1 ELSE 0 END AS INTEGER) AS overridden,
    CAST(CASE WHEN EXISTS (SELECT 1 FROM refgrow_webhooks w WHERE w.project_id = @project_id) THEN 1 ELSE 0 END AS INTEGER) AS watched,
    CAST(CASE WHEN EXISTS (
        SELECT 1 FROM refgrow_webhooks w WHERE w.project_id = @project_id AND w.events LIKE '%"payout_updated"%'
    ) THEN 1 ELSE 0 END AS INTEGER) AS payouts_watched,
    CAST(CASE WHEN EXISTS (
        SELECT 1 FROM refgrow_webhooks w WHERE w.project_id = @project_id AND w.events LIKE '%"affiliate_updated"%'
    ) THEN 1 ELSE 0 END AS INTEGER) AS affiliates_watched
FROM refgrow_commission_rules
WHERE project_id = @project_id AND ended_at IS NULL AND COALESCE(affiliate_id, 0) = 0 AND COALESCE(product, '') = ''
    AND conversion_type IN ('purchase', 'signup')
ORDER BY conversion_type;

-- Of each rule that could price a conversion, at most four, the version that was the
-- last one to begin or to end by an instant; of the project's own, which is always there,
-- the first version for everything before it.
-- name: ListRulesAt :many
SELECT r.* FROM refgrow_commission_rules r
WHERE +r.project_id = @project_id AND r.id IN (
    SELECT COALESCE((
        SELECT x.id FROM refgrow_commission_rules x
        WHERE x.project_id = @project_id AND x.conversion_type = @conversion_type
            AND COALESCE(x.affiliate_id, 0) = +CAST(a.value AS INTEGER) AND COALESCE(x.product, '') = +p.value
            AND (x.created_at <= CAST(@instant AS INTEGER) OR x.ended_at <= CAST(@instant AS INTEGER))
        ORDER BY x.version DESC LIMIT 1
    ), CASE WHEN CAST(a.value AS INTEGER) = 0 AND p.value = '' THEN (
        SELECT x.id FROM refgrow_commission_rules x
        WHERE x.project_id = @project_id AND x.conversion_type = @conversion_type
            AND COALESCE(x.affiliate_id, 0) = 0 AND COALESCE(x.product, '') = ''
        ORDER BY x.version LIMIT 1
    ) END)
    FROM json_each(CAST(@affiliates AS TEXT)) a, json_each(CAST(@products AS TEXT)) p
);

-- name: GetRule :one
SELECT * FROM refgrow_commission_rules WHERE id = @rule_id AND project_id = @project_id;

-- name: GetLatestRule :one
SELECT * FROM refgrow_commission_rules
WHERE project_id = @project_id AND conversion_type = @conversion_type
    AND COALESCE(affiliate_id, 0) = +CAST(@affiliate_id AS INTEGER) AND COALESCE(product, '') = +CAST(@product AS TEXT)
ORDER BY version DESC LIMIT 1;

-- name: ListOverrides :many
SELECT * FROM refgrow_commission_rules
WHERE project_id = @project_id AND ended_at IS NULL AND (affiliate_id IS NOT NULL OR product IS NOT NULL)
    AND (created_at, id) < (CAST(@before_time AS INTEGER), CAST(@before_id AS INTEGER))
    AND COALESCE(affiliate_id, 0) BETWEEN CAST(@affiliate_from AS INTEGER) AND CAST(@affiliate_to AS INTEGER)
    AND COALESCE(product, '') BETWEEN CAST(@product_from AS TEXT) AND CAST(@product_to AS TEXT)
ORDER BY created_at DESC, id DESC LIMIT CAST(@limit AS INTEGER) OFFSET CAST(@offset AS INTEGER);

-- name: CountOverrides :one
SELECT COUNT(*) FROM refgrow_commission_rules
WHERE project_id = @project_id AND ended_at IS NULL AND (affiliate_id IS NOT NULL OR product IS NOT NULL)
    AND COALESCE(affiliate_id, 0) BETWEEN CAST(@affiliate_from AS INTEGER) AND CAST(@affiliate_to AS INTEGER)
    AND COALESCE(product, '') BETWEEN CAST(@product_from AS TEXT) AND CAST(@product_to AS TEXT);

-- name: ListFixedOverrides :many
SELECT * FROM refgrow_commission_rules
WHERE project_id = @project_id AND ended_at IS NULL AND (affiliate_id IS NOT NULL OR product IS NOT NULL) AND kind = 'fixed'
ORDER BY id;
