-- name: InsertConversion :execresult
INSERT INTO refgrow_conversions (
    project_id, type, affiliate_id, referral_id, currency, currency_given, value, base_value, paid, reference,
    coupon_code, referral_code, product, url, reason, candidates, commission_reason, rule_id, rule_version,
    priced_base_value, priced_currency, priced_value, priced_first_at, priced_before, created_at, available_at, notes
) VALUES (
    @project_id, @type, @affiliate_id, @referral_id, @currency, @currency_given, @value, @base_value, @paid, @reference,
    @coupon_code, @referral_code, @product, @url, @reason, @candidates, @commission_reason, @rule_id, @rule_version,
    @priced_base_value, @priced_currency, @priced_value, @priced_first_at, @priced_before, @created_at, @available_at, @notes
)
ON CONFLICT (project_id, reference) WHERE reference IS NOT NULL DO NOTHING;

-- name: GetConversion :one
SELECT * FROM refgrow_conversions WHERE id = @conversion_id AND project_id = @project_id;

-- name: GetConversionByReference :one
SELECT * FROM refgrow_conversions WHERE project_id = @project_id AND reference = CAST(@reference AS TEXT);

-- name: GetConversionIDByReference :one
SELECT id FROM refgrow_conversions WHERE project_id = @project_id AND reference = CAST(@reference AS TEXT);

-- The signup of a customer, not one that goes with an affiliate that is being deleted.
-- name: FirstSignup :one
SELECT c.* FROM refgrow_conversions c
WHERE c.referral_id = CAST(@referral_id AS INTEGER) AND +c.project_id = @project_id AND c.type = 'signup'
    AND (c.affiliate_id IS NULL OR EXISTS (
        SELECT 1 FROM refgrow_affiliates a WHERE a.id = c.affiliate_id AND a.project_id = c.project_id AND a.deleted_at IS NULL))
ORDER BY c.created_at, c.id LIMIT 1;

-- What a repeated signup brings to the decision on the first one.
-- name: NoteConversion :exec
UPDATE refgrow_conversions SET candidates = @candidates, notes = sqlc.narg(notes)
WHERE id = @conversion_id AND project_id = @project_id;

-- name: UpdateConversion :exec
UPDATE refgrow_conversions
SET type = @type, affiliate_id = @affiliate_id, currency = @currency, currency_given = @currency_given,
    value = @value, base_value = @base_value, refunded = @refunded, reversed = @reversed, paid = @paid, reference = @reference, coupon_code = @coupon_code,
    reason = @reason, candidates = @candidates, commission_reason = @commission_reason,
    rule_id = @rule_id, rule_version = @rule_version, priced_base_value = @priced_base_value, priced_currency = @priced_currency,
    priced_value = @priced_value, priced_first_at = @priced_first_at, priced_before = @priced_before
WHERE id = @conversion_id AND project_id = @project_id;

-- What durations look at: the other purchases of a customer that an affiliate is
-- credited with, and that were paid for or earned something.
-- The earliest of them.
-- name: FirstPurchase :one
SELECT x.created_at FROM refgrow_conversions AS x
WHERE x.referral_id = CAST(@referral_id AS INTEGER) AND +x.project_id = @project_id AND x.type = 'purchase' AND x.id <> @but_id
    AND x.affiliate_id IS NOT NULL AND (x.base_value > 0 OR x.value > 0)
ORDER BY x.created_at LIMIT 1;

-- Whether one of them comes before the conversion with an id, 0 for a new one.
-- name: CountPurchasesBefore :one
SELECT COUNT(*) FROM (
    SELECT 1 FROM refgrow_conversions AS x
    WHERE x.referral_id = CAST(@referral_id AS INTEGER) AND +x.project_id = @project_id AND x.type = 'purchase' AND x.id <> @but_id
        AND x.created_at <= @until AND (x.created_at < @until OR @but_id = 0 OR x.id < @but_id)
        AND x.affiliate_id IS NOT NULL AND (x.base_value > 0 OR x.value > 0)
    LIMIT CAST(@at_most AS INTEGER)) earlier;

-- Payments are those that still bring something: that a refund takes back less than the
-- whole value, value - round(value * refunded / base_value) > 0, is written without a
-- product, which could be too large.
-- name: CountPayments :one
SELECT COUNT(*) FROM (
    SELECT 1 FROM refgrow_conversions AS x
    WHERE x.referral_id = CAST(@referral_id AS INTEGER) AND +x.project_id = @project_id AND x.type = 'purchase' AND x.id <> @but_id
        AND x.affiliate_id IS NOT NULL AND x.value > 0 AND x.reversed = 0
        AND (x.refunded = 0 OR x.base_value - x.refunded > x.base_value / (2 * x.value))
    LIMIT CAST(@at_most AS INTEGER)) payments;

-- name: NameCurrencies :exec
UPDATE refgrow_conversions SET currency_given = 1 WHERE project_id = @project_id AND currency_given = 0;

-- name: DeleteConversion :exec
DELETE FROM refgrow_conversions WHERE id = @conversion_id AND project_id = @project_id;

-- Lists find the ids of a page in an index that has all that they are narrowed by, and
-- then read the rows of the page alone, in the order of the index: to sort them here would
-- copy every row once more. What a price was made of is for explanations alone. An affiliate's and a customer's conversions are
-- of the same project as they are.
-- name: ListConversions :many
SELECT c.id, c.project_id, c.type, c.affiliate_id, c.referral_id, c.currency, c.currency_given, c.value, c.base_value, c.refunded, c.paid,
    c.reference, c.coupon_code, c.referral_code, c.product, c.url, c.reason, c.candidates, c.commission_reason, c.rule_id, c.rule_version,
    c.created_at, c.available_at, c.notes, c.reversed
FROM (
    SELECT x.id FROM refgrow_conversions x
    WHERE x.project_id = @project_id
        AND (x.created_at, x.id) < (CAST(@before_time AS INTEGER), CAST(@before_id AS INTEGER))
        AND x.created_at >= @from_time
        AND (x.type = 'signup') BETWEEN CAST(@signup_from AS INTEGER) AND CAST(@signup_to AS INTEGER)
        AND x.paid BETWEEN CAST(@paid_from AS INTEGER) AND CAST(@paid_to AS INTEGER)
    ORDER BY x.created_at DESC, x.id DESC LIMIT CAST(@limit AS INTEGER) OFFSET CAST(@offset AS INTEGER)) page
CROSS JOIN refgrow_conversions c ON c.id = page.id AND c.project_id = @project_id;

-- name: ListConversionsOfAffiliate :many
SELECT c.id, c.project_id, c.type, c.affiliate_id, c.referral_id, c.currency, c.currency_given, c.value, c.base_value, c.refunded, c.paid,
    c.reference, c.coupon_code, c.referral_code, c.product, c.url, c.reason, c.candidates, c.commission_reason, c.rule_id, c.rule_version,
    c.created_at, c.available_at, c.notes, c.reversed
FROM (
    SELECT x.id FROM refgrow_conversions x
    WHERE x.affiliate_id = (SELECT a.id FROM refgrow_affiliates a WHERE a.id = CAST(@affiliate_id AS INTEGER) AND a.project_id = @project_id)
        AND (x.created_at, x.id) < (CAST(@before_time AS INTEGER), CAST(@before_id AS INTEGER))
        AND x.created_at >= @from_time
        AND (x.type = 'signup') BETWEEN CAST(@signup_from AS INTEGER) AND CAST(@signup_to AS INTEGER)
        AND x.paid BETWEEN CAST(@paid_from AS INTEGER) AND CAST(@paid_to AS INTEGER)
    ORDER BY x.created_at DESC, x.id DESC LIMIT CAST(@limit AS INTEGER) OFFSET CAST(@offset AS INTEGER)) page
CROSS JOIN refgrow_conversions c ON c.id = page.id AND c.project_id = @project_id;

-- name: ListConversionsOfReferral :many
SELECT c.id, c.project_id, c.type, c.affiliate_id, c.referral_id, c.currency, c.currency_given, c.value, c.base_value, c.refunded, c.paid,
    c.reference, c.coupon_code, c.referral_code, c.product, c.url, c.reason, c.candidates, c.commission_reason, c.rule_id, c.rule_version,
    c.created_at, c.available_at, c.notes, c.reversed
FROM (
    SELECT x.id FROM refgrow_conversions x
    WHERE x.referral_id = (SELECT r.id FROM refgrow_referrals r WHERE r.id = CAST(@referral_id AS INTEGER) AND r.project_id = @project_id)
        AND (x.created_at, x.id) < (CAST(@before_time AS INTEGER), CAST(@before_id AS INTEGER))
        AND x.created_at >= @from_time
        AND (x.type = 'signup') BETWEEN CAST(@signup_from AS INTEGER) AND CAST(@signup_to AS INTEGER)
        AND x.paid BETWEEN CAST(@paid_from AS INTEGER) AND CAST(@paid_to AS INTEGER)
        AND COALESCE(x.affiliate_id, 0) BETWEEN CAST(@affiliate_from AS INTEGER) AND CAST(@affiliate_to AS INTEGER)
    ORDER BY x.created_at DESC, x.id DESC LIMIT CAST(@limit AS INTEGER) OFFSET CAST(@offset AS INTEGER)) page
CROSS JOIN refgrow_conversions c ON c.id = page.id AND c.project_id = @project_id;

-- name: CountConversions :one
SELECT COUNT(*) FROM refgrow_conversions
WHERE project_id = @project_id
    AND created_at >= @from_time AND created_at < @to_time
    AND (type = 'signup') BETWEEN CAST(@signup_from AS INTEGER) AND CAST(@signup_to AS INTEGER)
    AND paid BETWEEN CAST(@paid_from AS INTEGER) AND CAST(@paid_to AS INTEGER);

-- name: CountConversionsOfAffiliate :one
SELECT COUNT(*) FROM refgrow_conversions x
WHERE x.affiliate_id IN (SELECT a.id FROM refgrow_affiliates a WHERE a.id = CAST(@affiliate_id AS INTEGER) AND a.project_id = @project_id)
    AND x.created_at >= @from_time AND x.created_at < @to_time
    AND (x.type = 'signup') BETWEEN CAST(@signup_from AS INTEGER) AND CAST(@signup_to AS INTEGER)
    AND x.paid BETWEEN CAST(@paid_from AS INTEGER) AND CAST(@paid_to AS INTEGER);

-- name: CountConversionsOfReferral :one
SELECT COUNT(*) FROM refgrow_conversions x
WHERE x.referral_id IN (SELECT r.id FROM refgrow_referrals r WHERE r.id = CAST(@referral_id AS INTEGER) AND r.project_id = @project_id)
    AND x.created_at >= @from_time AND x.created_at < @to_time
    AND (x.type = 'signup') BETWEEN CAST(@signup_from AS INTEGER) AND CAST(@signup_to AS INTEGER)
    AND x.paid BETWEEN CAST(@paid_from AS INTEGER) AND CAST(@paid_to AS INTEGER)
    AND COALESCE(x.affiliate_id, 0) BETWEEN CAST(@affiliate_from AS INTEGER) AND CAST(@affiliate_to AS INTEGER);
