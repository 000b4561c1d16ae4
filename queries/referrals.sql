-- A referral that comes with a conversion is written before it, but only if the
-- conversion's reference is free.
-- name: InsertReferral :execresult
INSERT INTO refgrow_referrals (project_id, email, external_id, affiliate_id, status, conversion_date, created_at)
SELECT CAST(@project_id AS INTEGER), CAST(sqlc.narg(email) AS TEXT), CAST(sqlc.narg(external_id) AS TEXT), CAST(sqlc.narg(affiliate_id) AS INTEGER),
    CAST(@status AS TEXT), CAST(sqlc.narg(conversion_date) AS INTEGER), CAST(@created_at AS INTEGER)
WHERE NOT EXISTS (
    SELECT 1 FROM refgrow_conversions c WHERE c.project_id = CAST(@project_id AS INTEGER) AND c.reference = CAST(sqlc.narg(reference) AS TEXT));

-- name: FindReferral :one
SELECT r.id, r.email, r.external_id, r.affiliate_id, r.status, r.conversion_date, r.created_at,
    a.referral_code AS affiliate_code, a.email AS affiliate_email, a.status AS affiliate_status,
    a.paypal_email, a.wise_account_id, a.wise_email
FROM refgrow_referrals r LEFT JOIN refgrow_affiliates a ON a.id = r.affiliate_id AND a.project_id = r.project_id AND a.deleted_at IS NULL
WHERE r.id = @referral_id AND r.project_id = @project_id;

-- name: FindReferralByEmail :one
SELECT r.id, r.email, r.external_id, r.affiliate_id, r.status, r.conversion_date, r.created_at,
    a.referral_code AS affiliate_code, a.email AS affiliate_email, a.status AS affiliate_status,
    a.paypal_email, a.wise_account_id, a.wise_email
FROM refgrow_referrals r LEFT JOIN refgrow_affiliates a ON a.id = r.affiliate_id AND a.project_id = r.project_id AND a.deleted_at IS NULL
WHERE r.project_id = @project_id AND r.email = CAST(@email AS TEXT);

-- name: FindReferralByExternalID :one
SELECT r.id, r.email, r.external_id, r.affiliate_id, r.status, r.conversion_date, r.created_at,
    a.referral_code AS affiliate_code, a.email AS affiliate_email, a.status AS affiliate_status,
    a.paypal_email, a.wise_account_id, a.wise_email
FROM refgrow_referrals r LEFT JOIN refgrow_affiliates a ON a.id = r.affiliate_id AND a.project_id = r.project_id AND a.deleted_at IS NULL
WHERE r.project_id = @project_id AND r.id = COALESCE(
    (SELECT f.id FROM refgrow_referrals f WHERE f.project_id = @project_id AND f.external_id = CAST(@external_id AS TEXT)),
    (SELECT x.referral_id FROM refgrow_external_ids x WHERE x.project_id = @project_id AND x.external_id = CAST(@external_id AS TEXT)));

-- The customers that a call names: by id, by email, by the app's own id, which is one
-- of the further ones of the customer with the id further. What is not named is passed
-- as 0 or '', which no row has.
-- name: FindCustomers :many
SELECT r.id, r.email, r.external_id, r.affiliate_id, r.status, r.conversion_date, r.created_at,
    a.referral_code AS affiliate_code, a.email AS affiliate_email, a.status AS affiliate_status,
    a.paypal_email, a.wise_account_id, a.wise_email,
    CAST(COALESCE((SELECT x.referral_id FROM refgrow_external_ids x
        WHERE x.project_id = @project_id AND x.external_id = CAST(@external_id AS TEXT)), 0) AS INTEGER) AS further
FROM refgrow_referrals r LEFT JOIN refgrow_affiliates a ON a.id = r.affiliate_id AND a.project_id = r.project_id AND a.deleted_at IS NULL
WHERE (r.project_id = @project_id AND r.id = @referral_id)
    OR (r.project_id = @project_id AND r.email = CAST(@email AS TEXT))
    OR (r.project_id = @project_id AND r.external_id = CAST(@external_id AS TEXT))
    OR (r.project_id = @project_id AND r.id = (SELECT x.referral_id FROM refgrow_external_ids x
        WHERE x.project_id = @project_id AND x.external_id = CAST(@external_id AS TEXT)))
LIMIT 3;

-- name: UpdateReferral :execrows
UPDATE refgrow_referrals
SET email = CAST(sqlc.narg(email) AS TEXT), external_id = CAST(sqlc.narg(external_id) AS TEXT),
    affiliate_id = CAST(sqlc.narg(affiliate_id) AS INTEGER), status = CAST(@status AS TEXT),
    conversion_date = CAST(sqlc.narg(conversion_date) AS INTEGER)
WHERE id = CAST(@referral_id AS INTEGER) AND project_id = CAST(@project_id AS INTEGER) AND NOT EXISTS (
    SELECT 1 FROM refgrow_conversions c
    WHERE c.project_id = CAST(@project_id AS INTEGER) AND c.reference = CAST(sqlc.narg(reference) AS TEXT));

-- A further external id, unless the customer has as many as one can have.
-- name: InsertExternalID :exec
INSERT INTO refgrow_external_ids (project_id, external_id, referral_id)
SELECT CAST(@project_id AS INTEGER), CAST(@external_id AS TEXT), CAST(@referral_id AS INTEGER)
WHERE (SELECT COUNT(*) FROM refgrow_external_ids x
    WHERE x.referral_id = CAST(@referral_id AS INTEGER) AND x.project_id = CAST(@project_id AS INTEGER)) < CAST(@at_most AS INTEGER);

-- name: ListExternalIDs :many
SELECT x.referral_id, x.external_id FROM refgrow_external_ids x
WHERE x.referral_id IN (SELECT CAST(value AS INTEGER) FROM json_each(CAST(@referral_ids AS TEXT))) AND +x.project_id = @project_id
ORDER BY x.referral_id, x.id;

-- name: DeleteExternalIDs :exec
DELETE FROM refgrow_external_ids WHERE referral_id = CAST(@referral_id AS INTEGER) AND project_id = @project_id;

-- name: MoveExternalIDs :exec
UPDATE refgrow_external_ids SET referral_id = CAST(@to_referral_id AS INTEGER)
WHERE referral_id = CAST(@referral_id AS INTEGER) AND project_id = @project_id;

-- name: MoveConversionsOfReferral :execrows
UPDATE refgrow_conversions SET referral_id = CAST(@to_referral_id AS INTEGER)
WHERE +project_id = CAST(@project_id AS INTEGER) AND id IN (
    SELECT x.id FROM refgrow_conversions AS x WHERE x.referral_id = CAST(@referral_id AS INTEGER)
    ORDER BY x.created_at, x.id LIMIT CAST(@at_most AS INTEGER));

-- name: DeleteReferral :exec
DELETE FROM refgrow_referrals WHERE id = @referral_id AND project_id = @project_id;

-- name: ListReferrals :many
SELECT r.id, r.email, r.external_id, r.affiliate_id, r.status, r.conversion_date, r.created_at,
    a.referral_code AS affiliate_code
FROM (
    SELECT x.id FROM refgrow_referrals x
    WHERE x.project_id = @project_id
        AND (x.created_at, x.id) < (CAST(@before_time AS INTEGER), CAST(@before_id AS INTEGER))
        AND x.status BETWEEN CAST(@status_from AS TEXT) AND CAST(@status_to AS TEXT)
    ORDER BY x.created_at DESC, x.id DESC LIMIT CAST(@limit AS INTEGER) OFFSET CAST(@offset AS INTEGER)) page
CROSS JOIN refgrow_referrals r ON r.id = page.id AND r.project_id = @project_id
LEFT JOIN refgrow_affiliates a ON a.id = r.affiliate_id AND a.deleted_at IS NULL;

-- name: ListReferralsOfAffiliate :many
SELECT r.id, r.email, r.external_id, r.affiliate_id, r.status, r.conversion_date, r.created_at,
    a.referral_code AS affiliate_code
FROM (
    SELECT x.id FROM refgrow_referrals x
    WHERE x.affiliate_id = (SELECT a.id FROM refgrow_affiliates a WHERE a.id = CAST(@affiliate_id AS INTEGER) AND a.project_id = @project_id)
        AND (x.created_at, x.id) < (CAST(@before_time AS INTEGER), CAST(@before_id AS INTEGER))
        AND x.status BETWEEN CAST(@status_from AS TEXT) AND CAST(@status_to AS TEXT)
    ORDER BY x.created_at DESC, x.id DESC LIMIT CAST(@limit AS INTEGER) OFFSET CAST(@offset AS INTEGER)) page
CROSS JOIN refgrow_referrals r ON r.id = page.id AND r.project_id = @project_id
LEFT JOIN refgrow_affiliates a ON a.id = r.affiliate_id AND a.deleted_at IS NULL;

-- name: CountReferralsOfAffiliate :one
SELECT COUNT(*) FROM refgrow_referrals
WHERE affiliate_id IN (SELECT a.id FROM refgrow_affiliates a WHERE a.id = CAST(@affiliate_id AS INTEGER) AND a.project_id = @project_id)
    AND status BETWEEN CAST(@status_from AS TEXT) AND CAST(@status_to AS TEXT);
