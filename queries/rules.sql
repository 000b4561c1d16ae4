-- name: InsertRule :one
INSERT INTO refgrow_commission_rules
    (project_id, conversion_type, affiliate_id, product, version, kind, rate, amount, currency, duration, duration_count, created_at)
VALUES
    (@project_id, @conversion_type, @affiliate_id, @product, @version, @kind, @rate, @amount, @currency, @duration, @duration_count, @created_at)
RETURNING id;

-- name: EndRule :exec
UPDATE refgrow_commission_rules SET ended_at = @ended_at WHERE id = @rule_id AND project_id = @project_id;

-- name: ListProjectRulesInForce :many
SELECT * FROM refgrow_commission_rules
WHERE project_id = @project_id AND ended_at IS NULL AND COALESCE(affiliate_id, 0) = 0 AND COALESCE(product, '') = ''
    AND conversion_type IN ('purchase', 'signup')
ORDER BY conversion_type;
