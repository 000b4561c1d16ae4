-- name: InsertConversion :execresult
INSERT INTO refgrow_conversions (
    project_id, type, affiliate_id, referral_id, currency, currency_given, value, base_value, paid, reference,
    coupon_code, referral_code, product, url, reason, candidates, commission_reason, rule_id, rule_version,
    priced_base_value, priced_currency, priced_value, priced_first_at, priced_before, created_at, available_at
) VALUES (
    @project_id, @type, @affiliate_id, @referral_id, @currency, @currency_given, @value, @base_value, @paid, @reference,
    @coupon_code, @referral_code, @product, @url, @reason, @candidates, @commission_reason, @rule_id, @rule_version,
    @priced_base_value, @priced_currency, @priced_value, @priced_first_at, @priced_before, @created_at, @available_at
)
ON CONFLICT (project_id, reference) WHERE reference IS NOT NULL DO NOTHING;

-- name: GetConversion :one
SELECT * FROM refgrow_conversions WHERE id = @conversion_id AND project_id = @project_id;

-- name: GetConversionIDByReference :one
SELECT id FROM refgrow_conversions WHERE project_id = @project_id AND reference = CAST(@reference AS TEXT);

-- name: UpdateConversion :exec
UPDATE refgrow_conversions
SET type = @type, affiliate_id = @affiliate_id, currency = @currency, currency_given = @currency_given,
    value = @value, base_value = @base_value, refunded = @refunded, paid = @paid, reference = @reference, coupon_code = @coupon_code,
    reason = @reason, candidates = @candidates, commission_reason = @commission_reason
WHERE id = @conversion_id AND project_id = @project_id;

-- The customer's earliest purchase.
-- name: FirstPurchase :one
SELECT created_at FROM refgrow_conversions
WHERE referral_id = CAST(@referral_id AS INTEGER) AND project_id = @project_id AND type = 'purchase'
ORDER BY created_at LIMIT 1;

-- name: CountPurchasesUntil :one
SELECT COUNT(*) FROM (
    SELECT 1 FROM refgrow_conversions AS x
    WHERE x.referral_id = CAST(@referral_id AS INTEGER) AND x.project_id = @project_id AND x.type = 'purchase' AND x.created_at <= @until
    LIMIT CAST(@at_most AS INTEGER));

-- Payments are the purchases that earned something.
-- name: CountPayments :one
SELECT COUNT(*) FROM (
    SELECT 1 FROM refgrow_conversions AS x
    WHERE x.referral_id = CAST(@referral_id AS INTEGER) AND x.project_id = @project_id AND x.type = 'purchase'
        AND x.value > 0 AND x.affiliate_id IS NOT NULL
    LIMIT CAST(@at_most AS INTEGER));

-- name: NameCurrencies :exec
UPDATE refgrow_conversions SET currency_given = 1 WHERE project_id = @project_id AND currency_given = 0;

-- name: DeleteConversion :exec
DELETE FROM refgrow_conversions WHERE id = @conversion_id AND project_id = @project_id;

-- name: ListConversions :many
SELECT * FROM refgrow_conversions
WHERE project_id = @project_id
    AND (created_at, id) < (CAST(@before_time AS INTEGER), CAST(@before_id AS INTEGER))
    AND created_at >= @from_time
    AND type BETWEEN CAST(@type_from AS TEXT) AND CAST(@type_to AS TEXT)
    AND paid BETWEEN CAST(@paid_from AS INTEGER) AND CAST(@paid_to AS INTEGER)
ORDER BY created_at DESC, id DESC LIMIT CAST(@limit AS INTEGER) OFFSET CAST(@offset AS INTEGER);

-- name: ListConversionsOfAffiliate :many
SELECT * FROM refgrow_conversions
WHERE affiliate_id = CAST(@affiliate_id AS INTEGER) AND project_id = @project_id
    AND (created_at, id) < (CAST(@before_time AS INTEGER), CAST(@before_id AS INTEGER))
    AND created_at >= @from_time
    AND type BETWEEN CAST(@type_from AS TEXT) AND CAST(@type_to AS TEXT)
    AND paid BETWEEN CAST(@paid_from AS INTEGER) AND CAST(@paid_to AS INTEGER)
ORDER BY created_at DESC, id DESC LIMIT CAST(@limit AS INTEGER) OFFSET CAST(@offset AS INTEGER);

-- name: ListConversionsOfReferral :many
SELECT * FROM refgrow_conversions
WHERE referral_id = CAST(@referral_id AS INTEGER) AND project_id = @project_id
    AND (created_at, id) < (CAST(@before_time AS INTEGER), CAST(@before_id AS INTEGER))
    AND created_at >= @from_time
    AND type BETWEEN CAST(@type_from AS TEXT) AND CAST(@type_to AS TEXT)
    AND paid BETWEEN CAST(@paid_from AS INTEGER) AND CAST(@paid_to AS INTEGER)
    AND COALESCE(affiliate_id, 0) BETWEEN CAST(@affiliate_from AS INTEGER) AND CAST(@affiliate_to AS INTEGER)
ORDER BY created_at DESC, id DESC LIMIT CAST(@limit AS INTEGER) OFFSET CAST(@offset AS INTEGER);

-- name: CountConversions :one
SELECT COUNT(*) FROM refgrow_conversions
WHERE project_id = @project_id AND created_at >= @from_time AND created_at < @to_time
    AND type BETWEEN CAST(@type_from AS TEXT) AND CAST(@type_to AS TEXT)
    AND paid BETWEEN CAST(@paid_from AS INTEGER) AND CAST(@paid_to AS INTEGER);

-- name: CountConversionsOfAffiliate :one
SELECT COUNT(*) FROM refgrow_conversions
WHERE affiliate_id = CAST(@affiliate_id AS INTEGER) AND project_id = @project_id
    AND created_at >= @from_time AND created_at < @to_time
    AND type BETWEEN CAST(@type_from AS TEXT) AND CAST(@type_to AS TEXT)
    AND paid BETWEEN CAST(@paid_from AS INTEGER) AND CAST(@paid_to AS INTEGER);

-- name: CountConversionsOfReferral :one
SELECT COUNT(*) FROM refgrow_conversions
WHERE referral_id = CAST(@referral_id AS INTEGER) AND project_id = @project_id
    AND created_at >= @from_time AND created_at < @to_time
    AND type BETWEEN CAST(@type_from AS TEXT) AND CAST(@type_to AS TEXT)
    AND paid BETWEEN CAST(@paid_from AS INTEGER) AND CAST(@paid_to AS INTEGER)
    AND COALESCE(affiliate_id, 0) BETWEEN CAST(@affiliate_from AS INTEGER) AND CAST(@affiliate_to AS INTEGER);
