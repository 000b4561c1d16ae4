-- These queries read everything that is stored twice; they are for Verify alone.
-- +project_id keeps SQLite from walking a whole project for every part of it.

-- name: VerifyProjectCounts :one
SELECT
    CAST((SELECT COUNT(*) FROM refgrow_affiliates a WHERE a.project_id = @project_id AND a.deleted_at IS NULL AND a.status = 'active') AS INTEGER) AS affiliates_active,
    CAST((SELECT COUNT(*) FROM refgrow_affiliates a WHERE a.project_id = @project_id AND a.deleted_at IS NULL AND a.status = 'inactive') AS INTEGER) AS affiliates_inactive,
    CAST((SELECT COUNT(*) FROM refgrow_coupons c WHERE c.project_id = @project_id AND c.status = 'active') AS INTEGER) AS coupons_active,
    CAST((SELECT COUNT(*) FROM refgrow_coupons c WHERE c.project_id = @project_id AND c.status = 'inactive') AS INTEGER) AS coupons_inactive,
    CAST((SELECT COUNT(*) FROM refgrow_referrals r WHERE r.project_id = @project_id AND r.status = 'pending') AS INTEGER) AS referrals_pending,
    CAST((SELECT COUNT(*) FROM refgrow_referrals r WHERE r.project_id = @project_id AND r.status = 'converted') AS INTEGER) AS referrals_converted,
    CAST((SELECT COUNT(*) FROM refgrow_referrals r WHERE r.project_id = @project_id AND r.status = 'direct') AS INTEGER) AS referrals_direct,
    CAST((SELECT COUNT(*) FROM refgrow_referrals r WHERE r.project_id = @project_id AND r.status = 'direct_signup') AS INTEGER) AS referrals_direct_signup,
    CAST((SELECT COUNT(*) FROM refgrow_conversions c WHERE c.project_id = @project_id AND c.type = 'signup' AND c.paid = 0) AS INTEGER) AS signups_unpaid,
    CAST((SELECT COUNT(*) FROM refgrow_conversions c WHERE c.project_id = @project_id AND c.type = 'signup' AND c.paid = 1) AS INTEGER) AS signups_paid,
    CAST((SELECT COUNT(*) FROM refgrow_conversions c WHERE c.project_id = @project_id AND c.type = 'purchase' AND c.paid = 0) AS INTEGER) AS purchases_unpaid,
    CAST((SELECT COUNT(*) FROM refgrow_conversions c WHERE c.project_id = @project_id AND c.type = 'purchase' AND c.paid = 1) AS INTEGER) AS purchases_paid,
    CAST((SELECT COUNT(*) FROM refgrow_ledger_entries e WHERE e.project_id = @project_id) AS INTEGER) AS ledger_entries,
    CAST((SELECT COALESCE(MAX(e.created_at), 0) FROM refgrow_ledger_entries e WHERE e.project_id = @project_id) AS INTEGER) AS last_stamp;

-- name: VerifyAffiliates :many
SELECT a.id, a.referral_code, a.partner_slug,
    CAST(COALESCE((SELECT c.affiliate_id FROM refgrow_codes c WHERE c.project_id = a.project_id AND c.code = lower(a.referral_code)), 0) AS INTEGER) AS code_owner,
    CAST(COALESCE((SELECT c.affiliate_id FROM refgrow_codes c WHERE c.project_id = a.project_id AND c.code = lower(a.partner_slug)), 0) AS INTEGER) AS slug_owner
FROM refgrow_affiliates a
WHERE +a.project_id = @project_id AND a.deleted_at IS NULL AND a.id > @after_id
ORDER BY a.id LIMIT @at_most;

-- name: VerifyAccounts :many
SELECT affiliate_id, currency, gross, total, paid, eligible, rolled_to, next_release_at, signups, purchases
FROM refgrow_accounts
WHERE project_id = @project_id AND affiliate_id >= @first_id AND affiliate_id <= @last_id
ORDER BY affiliate_id, currency;

-- name: VerifyAccountEntries :many
SELECT e.affiliate_id, e.currency,
    CAST(SUM(ABS(e.amount)) AS INTEGER) AS gross,
    CAST(MAX(e.created_at) AS INTEGER) AS last_stamp,
    CAST(SUM(CASE WHEN e.kind <> 'settlement' THEN e.amount ELSE 0 END) AS INTEGER) AS total,
    CAST(SUM(CASE WHEN e.kind = 'settlement' THEN -e.amount ELSE 0 END) AS INTEGER) AS paid,
    CAST(SUM(CASE WHEN e.available_at <= COALESCE(a.rolled_to, 0) THEN e.amount ELSE 0 END) AS INTEGER) AS eligible,
    CAST(COALESCE(MIN(CASE WHEN e.available_at > COALESCE(a.rolled_to, 0) AND e.available_at > e.created_at THEN e.available_at END), 0) AS INTEGER) AS next_release_at
FROM refgrow_ledger_entries e
LEFT JOIN refgrow_accounts a ON a.affiliate_id = e.affiliate_id AND a.currency = e.currency
WHERE e.project_id = @project_id AND e.affiliate_id >= @first_id AND e.affiliate_id <= @last_id
GROUP BY e.affiliate_id, e.currency;

-- name: VerifyAccountConversions :many
SELECT CAST(affiliate_id AS INTEGER) AS affiliate_id, currency,
    CAST(SUM(type = 'signup') AS INTEGER) AS signups, CAST(SUM(type = 'purchase') AS INTEGER) AS purchases
FROM refgrow_conversions
WHERE +project_id = @project_id AND affiliate_id >= CAST(@first_id AS INTEGER) AND affiliate_id <= CAST(@last_id AS INTEGER)
GROUP BY affiliate_id, currency;

-- name: VerifyConversions :many
SELECT * FROM refgrow_conversions WHERE +project_id = @project_id AND id > @after_id ORDER BY id LIMIT @at_most;

-- name: VerifyConversionEntries :many
SELECT id, affiliate_id, currency, kind, amount, available_at, created_at, conversion_id
FROM refgrow_ledger_entries
WHERE project_id = @project_id AND conversion_id > CAST(@after_id AS INTEGER) AND conversion_id <= CAST(@last_id AS INTEGER);

-- name: VerifyRules :many
SELECT * FROM refgrow_commission_rules WHERE project_id = @project_id ORDER BY id;

-- name: VerifyStamps :many
SELECT e.id, e.created_at FROM refgrow_ledger_entries e
WHERE e.project_id = @project_id AND e.created_at < (
    SELECT p.created_at FROM refgrow_ledger_entries p WHERE p.project_id = e.project_id AND p.id < e.id ORDER BY p.id DESC LIMIT 1)
ORDER BY e.id LIMIT 100;

-- Rows that no operation writes: what is odd, and what would be right.
-- name: VerifyRows :many
SELECT CAST('conversion' AS TEXT) AS place, c.id, CAST('affiliate' AS TEXT) AS what, CAST(c.affiliate_id AS TEXT) AS found, CAST('one of the project' AS TEXT) AS expected
FROM refgrow_conversions c LEFT JOIN refgrow_affiliates a ON a.id = c.affiliate_id
WHERE c.project_id = @project_id AND c.affiliate_id IS NOT NULL AND (a.id IS NULL OR a.project_id <> c.project_id)
UNION ALL
SELECT 'conversion', c.id, 'referred user', CAST(c.referral_id AS TEXT), 'one of the project'
FROM refgrow_conversions c LEFT JOIN refgrow_referrals r ON r.id = c.referral_id
WHERE c.project_id = @project_id AND c.referral_id IS NOT NULL AND (r.id IS NULL OR r.project_id <> c.project_id)
UNION ALL
SELECT 'conversion', c.id, 'available_at', CAST(c.available_at AS TEXT), 'its time and 0 to 365 days'
FROM refgrow_conversions c
WHERE c.project_id = @project_id AND (c.available_at < c.created_at OR c.available_at - c.created_at > 31536000000 OR (c.available_at - c.created_at) % 86400000 <> 0)
UNION ALL
SELECT 'conversion', c.id, 'refunded', CAST(c.refunded AS TEXT), 'at most the base value'
FROM refgrow_conversions c
WHERE c.project_id = @project_id AND c.refunded > COALESCE(c.base_value, 0)
UNION ALL
SELECT 'referred user', r.id, 'affiliate', CAST(r.affiliate_id AS TEXT), 'one of the project'
FROM refgrow_referrals r LEFT JOIN refgrow_affiliates a ON a.id = r.affiliate_id
WHERE r.project_id = @project_id AND r.affiliate_id IS NOT NULL AND (a.id IS NULL OR a.project_id <> r.project_id)
UNION ALL
SELECT 'referred user', r.id, 'conversion date', COALESCE(CAST(r.conversion_date AS TEXT), 'not set'), 'set exactly when converted or direct'
FROM refgrow_referrals r
WHERE r.project_id = @project_id AND (r.status IN ('converted', 'direct')) <> (r.conversion_date IS NOT NULL)
UNION ALL
SELECT 'referred user', r.id, 'email', r.email, 'in lower case'
FROM refgrow_referrals r WHERE r.project_id = @project_id AND r.email <> lower(r.email)
UNION ALL
SELECT 'affiliate', a.id, 'email', a.email, 'in lower case'
FROM refgrow_affiliates a WHERE a.project_id = @project_id AND a.email <> lower(a.email)
UNION ALL
SELECT 'coupon', c.id, 'affiliate', CAST(c.affiliate_id AS TEXT), 'one of the project'
FROM refgrow_coupons c LEFT JOIN refgrow_affiliates a ON a.id = c.affiliate_id
WHERE c.project_id = @project_id AND (a.id IS NULL OR a.project_id <> c.project_id)
UNION ALL
SELECT 'coupon', c.id, 'code_key', c.code_key, lower(c.code)
FROM refgrow_coupons c WHERE c.project_id = @project_id AND c.code_key <> lower(c.code)
UNION ALL
SELECT 'code of affiliate', c.affiliate_id, 'affiliate', c.code, 'of one of the project'
FROM refgrow_codes c LEFT JOIN refgrow_affiliates a ON a.id = c.affiliate_id
WHERE c.project_id = @project_id AND (a.id IS NULL OR a.project_id <> c.project_id)
UNION ALL
SELECT 'ledger entry', e.id, 'affiliate', CAST(e.affiliate_id AS TEXT), 'one of the project'
FROM refgrow_ledger_entries e LEFT JOIN refgrow_affiliates a ON a.id = e.affiliate_id
WHERE e.project_id = @project_id AND (a.id IS NULL OR a.project_id <> e.project_id)
UNION ALL
SELECT 'ledger entry', e.id, 'conversion', 'none', 'that of a ' || e.kind
FROM refgrow_ledger_entries e
WHERE e.project_id = @project_id AND e.conversion_id IS NULL AND e.payout_id IS NULL AND e.kind <> 'adjustment'
UNION ALL
SELECT 'ledger entry', e.id, 'sign', CAST(e.amount AS TEXT), 'that of a ' || e.kind
FROM refgrow_ledger_entries e
WHERE e.project_id = @project_id AND ((e.kind = 'commission' AND e.amount < 0) OR (e.kind = 'reversal' AND e.amount > 0))
UNION ALL
SELECT 'API key', k.id, 'length of its parts', length(k.public_id) || ', ' || length(k.secret_hash) || ', ' || length(k.secret_check), '12, 60, 8'
FROM refgrow_api_keys k
WHERE k.project_id = @project_id AND (length(k.public_id) <> 12 OR length(k.secret_hash) <> 60 OR length(k.secret_check) <> 8)
LIMIT 100;
