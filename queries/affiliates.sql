-- name: InsertAffiliate :one
INSERT INTO refgrow_affiliates (
    project_id, email, referral_code, partner_slug, status, created_at, paypal_email, wise_account_id, wise_email, wise_name
) VALUES (
    @project_id, @email, @referral_code, @partner_slug, @status, @created_at, @paypal_email, @wise_account_id, @wise_email, @wise_name
)
RETURNING id;

-- name: GetAffiliate :one
SELECT * FROM refgrow_affiliates WHERE id = @affiliate_id AND project_id = @project_id AND deleted_at IS NULL;

-- What decides about the credit for an event and is told of it, and no more.
-- name: FindAffiliate :one
SELECT id, email, referral_code, status, paypal_email, wise_account_id, wise_email
FROM refgrow_affiliates WHERE id = @affiliate_id AND project_id = @project_id AND deleted_at IS NULL;

-- name: FindAffiliateByCode :one
SELECT a.id, a.email, a.referral_code, a.status, a.paypal_email, a.wise_account_id, a.wise_email
FROM refgrow_codes c JOIN refgrow_affiliates a ON a.id = c.affiliate_id
WHERE c.project_id = @project_id AND c.code = @code AND a.project_id = c.project_id AND a.deleted_at IS NULL;

-- name: GetAffiliateByEmail :one
SELECT * FROM refgrow_affiliates WHERE project_id = @project_id AND email = @email AND deleted_at IS NULL;

-- name: GetAffiliateByCode :one
SELECT a.* FROM refgrow_codes c JOIN refgrow_affiliates a ON a.id = c.affiliate_id
WHERE c.project_id = @project_id AND c.code = @code AND a.project_id = c.project_id AND a.deleted_at IS NULL;

-- name: UpdateAffiliate :exec
UPDATE refgrow_affiliates
SET email = @email, referral_code = @referral_code, partner_slug = @partner_slug, status = @status,
    paypal_email = @paypal_email, wise_account_id = @wise_account_id, wise_email = @wise_email, wise_name = @wise_name,
    payouts_paused = @payouts_paused
WHERE id = @affiliate_id AND project_id = @project_id;

-- name: ListAffiliates :many
SELECT a.* FROM (
    SELECT x.id FROM refgrow_affiliates x
    WHERE x.project_id = @project_id AND x.deleted_at IS NULL
        AND (x.created_at, x.id) < (CAST(@before_time AS INTEGER), CAST(@before_id AS INTEGER))
        AND x.status BETWEEN CAST(@status_from AS TEXT) AND CAST(@status_to AS TEXT)
    ORDER BY x.created_at DESC, x.id DESC LIMIT CAST(@limit AS INTEGER) OFFSET CAST(@offset AS INTEGER)) page
CROSS JOIN refgrow_affiliates a ON a.id = page.id AND a.project_id = @project_id;

-- name: InsertCode :one
INSERT INTO refgrow_codes (project_id, code, affiliate_id) VALUES (@project_id, @code, @affiliate_id)
ON CONFLICT (project_id, code) DO NOTHING
RETURNING affiliate_id;

-- name: GetCodeOwner :one
SELECT affiliate_id FROM refgrow_codes WHERE project_id = @project_id AND code = @code;

-- name: HideAffiliate :exec
UPDATE refgrow_affiliates SET deleted_at = @deleted_at WHERE id = @affiliate_id AND project_id = @project_id;

-- name: ListAffiliatesInDeletion :many
SELECT id, project_id FROM refgrow_affiliates WHERE deleted_at IS NOT NULL ORDER BY deleted_at;

-- name: InsertDeletion :exec
INSERT INTO refgrow_deletions (project_id, affiliate_id, deleted_at, totals) VALUES (@project_id, @affiliate_id, @deleted_at, @totals);

-- name: DeleteCodesOf :exec
DELETE FROM refgrow_codes WHERE affiliate_id = @affiliate_id AND project_id = @project_id;

-- name: DeleteCouponsOf :many
DELETE FROM refgrow_coupons WHERE affiliate_id = @affiliate_id AND project_id = @project_id RETURNING status;

-- name: DeleteAccountsOf :exec
DELETE FROM refgrow_accounts WHERE affiliate_id = @affiliate_id AND project_id = @project_id;

-- +project_id keeps SQLite from walking the whole project for a few rows of it.
-- name: ForgetNotesOfCustomers :exec
UPDATE refgrow_ledger_entries SET note = NULL
WHERE note IS NOT NULL AND +project_id = CAST(@project_id AS INTEGER) AND conversion_id IN (
    SELECT c.id FROM refgrow_conversions c WHERE c.referral_id IN (
        SELECT x.id FROM refgrow_referrals AS x WHERE x.affiliate_id = CAST(@affiliate_id AS INTEGER) ORDER BY x.created_at, x.id LIMIT CAST(@at_most AS INTEGER)));

-- name: DetachReferralsOf :exec
UPDATE refgrow_conversions SET referral_id = NULL, url = NULL
WHERE +project_id = CAST(@project_id AS INTEGER) AND referral_id IN (
    SELECT x.id FROM refgrow_referrals AS x WHERE x.affiliate_id = CAST(@affiliate_id AS INTEGER) ORDER BY x.created_at, x.id LIMIT CAST(@at_most AS INTEGER));

-- name: DeleteExternalIDsOf :exec
DELETE FROM refgrow_external_ids
WHERE +project_id = CAST(@project_id AS INTEGER) AND referral_id IN (
    SELECT x.id FROM refgrow_referrals AS x WHERE x.affiliate_id = CAST(@affiliate_id AS INTEGER) ORDER BY x.created_at, x.id LIMIT CAST(@at_most AS INTEGER));

-- name: DeleteReferralsOf :many
DELETE FROM refgrow_referrals
WHERE +project_id = CAST(@project_id AS INTEGER) AND id IN (
    SELECT x.id FROM refgrow_referrals AS x WHERE x.affiliate_id = CAST(@affiliate_id AS INTEGER) ORDER BY x.created_at, x.id LIMIT CAST(@at_most AS INTEGER))
RETURNING status;

-- name: DeleteRefundsOf :exec
DELETE FROM refgrow_refunds
WHERE +project_id = CAST(@project_id AS INTEGER) AND conversion_id IN (
    SELECT x.id FROM refgrow_conversions AS x WHERE x.affiliate_id = CAST(@affiliate_id AS INTEGER) ORDER BY x.created_at, x.id LIMIT CAST(@at_most AS INTEGER));

-- name: DeleteRefundTotalsOf :exec
DELETE FROM refgrow_refund_totals
WHERE +project_id = CAST(@project_id AS INTEGER) AND conversion_id IN (
    SELECT x.id FROM refgrow_conversions AS x WHERE x.affiliate_id = CAST(@affiliate_id AS INTEGER) ORDER BY x.created_at, x.id LIMIT CAST(@at_most AS INTEGER));

-- name: DeleteConversionsOf :many
DELETE FROM refgrow_conversions
WHERE +project_id = CAST(@project_id AS INTEGER) AND id IN (
    SELECT x.id FROM refgrow_conversions AS x WHERE x.affiliate_id = CAST(@affiliate_id AS INTEGER) ORDER BY x.created_at, x.id LIMIT CAST(@at_most AS INTEGER))
RETURNING type, paid;

-- name: DeleteEntriesOf :execrows
DELETE FROM refgrow_ledger_entries
WHERE +project_id = CAST(@project_id AS INTEGER) AND id IN (
    SELECT x.id FROM refgrow_ledger_entries AS x WHERE x.affiliate_id = CAST(@affiliate_id AS INTEGER) ORDER BY x.id LIMIT CAST(@at_most AS INTEGER));

-- name: DeletePayoutEntriesOf :exec
DELETE FROM refgrow_payout_entries WHERE entry_id IN (
    SELECT x.id FROM refgrow_ledger_entries AS x
    WHERE +x.project_id = CAST(@project_id AS INTEGER) AND x.affiliate_id = CAST(@affiliate_id AS INTEGER) ORDER BY x.id LIMIT CAST(@at_most AS INTEGER));

-- name: DeletePayoutsOf :many
DELETE FROM refgrow_payouts
WHERE +project_id = CAST(@project_id AS INTEGER) AND id IN (
    SELECT x.id FROM refgrow_payouts AS x WHERE x.affiliate_id = CAST(@affiliate_id AS INTEGER) ORDER BY x.created_at, x.id LIMIT CAST(@at_most AS INTEGER))
RETURNING status, run_id, amount;

-- name: EndRulesOf :exec
UPDATE refgrow_commission_rules SET ended_at = @ended_at
WHERE +project_id = @project_id AND affiliate_id = CAST(@affiliate_id AS INTEGER) AND ended_at IS NULL;

-- name: DeleteAffiliate :exec
DELETE FROM refgrow_affiliates WHERE id = @affiliate_id AND project_id = @project_id AND deleted_at IS NOT NULL;
