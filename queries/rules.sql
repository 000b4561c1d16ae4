-- name: InsertRule :one
INSERT INTO refgrow_commission_rules
    (project_id, conversion_type, affiliate_id, product, version, kind, rate, amount, currency, duration, duration_count, created_at)
VALUES
    (@project_id, @conversion_type, @affiliate_id, @product, @version, @kind, @rate, @amount, @currency, @duration, @duration_count, @created_at)
RETURNING id;

-- name: EndRule :exec
UPDATE refgrow_commission_rules SET ended_at = @ended_at WHERE id = @rule_id AND project_id = @project_id;

-- The project's own two rules, and whether there are others, and endpoints for events.
-- name: ListProjectRulesInForce :many
SELECT sqlc.embed(refgrow_commission_rules), CAST(EXISTS (
    SELECT 1 FROM refgrow_commission_rules x
    WHERE x.project_id = @project_id AND x.ended_at IS NULL AND (x.affiliate_id IS NOT NULL OR x.product IS NOT NULL)
) AS INTEGER) AS overridden,
    CAST(EXISTS (SELECT 1 FROM refgrow_webhooks w WHERE w.project_id = @project_id) AS INTEGER) AS watched
FROM refgrow_commission_rules
WHERE project_id = @project_id AND ended_at IS NULL AND COALESCE(affiliate_id, 0) = 0 AND COALESCE(product, '') = ''
    AND conversion_type IN ('purchase', 'signup')
ORDER BY conversion_type;

-- The rules in force that could price a conversion: at most four.
-- name: ListRulesFor :many
SELECT * FROM refgrow_commission_rules
WHERE project_id = @project_id AND conversion_type = @conversion_type AND ended_at IS NULL
    AND COALESCE(affiliate_id, 0) IN (0, CAST(@affiliate_id AS INTEGER)) AND COALESCE(product, '') IN ('', CAST(@product AS TEXT));

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
