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
SELECT affiliate_id, currency, total, paid, eligible, rolled_to, next_release_at, signups, purchases
FROM refgrow_accounts
WHERE project_id = @project_id AND affiliate_id >= @first_id AND affiliate_id <= @last_id
ORDER BY affiliate_id, currency;

-- name: VerifyAccountEntries :many
SELECT e.affiliate_id, e.currency,
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
SELECT id, affiliate_id, currency, kind, amount, conversion_id
FROM refgrow_ledger_entries
WHERE project_id = @project_id AND conversion_id > CAST(@after_id AS INTEGER) AND conversion_id <= CAST(@last_id AS INTEGER);

-- name: VerifyRules :many
SELECT * FROM refgrow_commission_rules WHERE project_id = @project_id;

-- name: VerifyStamps :many
SELECT e.id, e.created_at FROM refgrow_ledger_entries e
WHERE e.project_id = @project_id AND e.created_at < (
    SELECT p.created_at FROM refgrow_ledger_entries p WHERE p.project_id = e.project_id AND p.id < e.id ORDER BY p.id DESC LIMIT 1)
ORDER BY e.id LIMIT 100;

-- name: VerifyReferrals :many
SELECT id, status, conversion_date FROM refgrow_referrals
WHERE project_id = @project_id AND (status IN ('converted', 'direct')) <> (conversion_date IS NOT NULL)
ORDER BY id LIMIT 100;

-- Rows that name a row of another project, or one that does not exist.
-- name: VerifyStrangers :many
SELECT 'conversion' AS kind, c.id, 'affiliate' AS names FROM refgrow_conversions c LEFT JOIN refgrow_affiliates a ON a.id = c.affiliate_id
WHERE c.project_id = @project_id AND c.affiliate_id IS NOT NULL AND (a.id IS NULL OR a.project_id <> c.project_id)
UNION ALL
SELECT 'conversion', c.id, 'referred user' FROM refgrow_conversions c LEFT JOIN refgrow_referrals r ON r.id = c.referral_id
WHERE c.project_id = @project_id AND c.referral_id IS NOT NULL AND (r.id IS NULL OR r.project_id <> c.project_id)
UNION ALL
SELECT 'referred user', r.id, 'affiliate' FROM refgrow_referrals r LEFT JOIN refgrow_affiliates a ON a.id = r.affiliate_id
WHERE r.project_id = @project_id AND r.affiliate_id IS NOT NULL AND (a.id IS NULL OR a.project_id <> r.project_id)
UNION ALL
SELECT 'coupon', c.id, 'affiliate' FROM refgrow_coupons c LEFT JOIN refgrow_affiliates a ON a.id = c.affiliate_id
WHERE c.project_id = @project_id AND (a.id IS NULL OR a.project_id <> c.project_id)
UNION ALL
SELECT 'ledger entry', e.id, 'affiliate' FROM refgrow_ledger_entries e LEFT JOIN refgrow_affiliates a ON a.id = e.affiliate_id
WHERE e.project_id = @project_id AND (a.id IS NULL OR a.project_id <> e.project_id)
LIMIT 100;
