-- A search reads the beginnings of names by the indexes that keep them unique: from the
-- text to before anything that does not begin with it. People who were erased are not
-- found.

-- name: SearchAffiliatesByEmail :many
SELECT a.* FROM refgrow_affiliates a
WHERE a.project_id = @project_id AND a.deleted_at IS NULL
    AND a.email >= CAST(@text_from AS TEXT) AND a.email < CAST(@text_to AS TEXT)
    AND a.email NOT LIKE 'erased-%_erased.invalid'
ORDER BY a.email LIMIT CAST(@limit AS INTEGER);

-- By all codes and slugs that lead to them: each affiliate once, by the first of those
-- that begin with the text, so that one with many leaves room for others.
-- name: SearchAffiliatesByCode :many
SELECT a.* FROM refgrow_codes k JOIN refgrow_affiliates a ON a.id = k.affiliate_id
WHERE k.project_id = @project_id AND k.code >= CAST(@text_from AS TEXT) AND k.code < CAST(@text_to AS TEXT)
    AND a.project_id = k.project_id AND a.deleted_at IS NULL AND a.email NOT LIKE 'erased-%_erased.invalid'
    AND NOT EXISTS (
        SELECT 1 FROM refgrow_codes f
        WHERE f.affiliate_id = k.affiliate_id AND +f.project_id = k.project_id AND +f.code >= CAST(@text_from AS TEXT) AND +f.code < k.code)
ORDER BY k.code LIMIT CAST(@limit AS INTEGER);

-- name: SearchReferralsByEmail :many
SELECT r.id, r.email, r.external_id, r.affiliate_id, r.status, r.conversion_date, r.created_at, a.referral_code AS affiliate_code
FROM refgrow_referrals r LEFT JOIN refgrow_affiliates a ON a.id = r.affiliate_id AND a.project_id = r.project_id AND a.deleted_at IS NULL
WHERE r.project_id = @project_id AND r.email >= CAST(@text_from AS TEXT) AND r.email < CAST(@text_to AS TEXT)
    AND r.email NOT LIKE 'erased-%_erased.invalid'
ORDER BY r.email LIMIT CAST(@limit AS INTEGER);

-- name: SearchReferralsByExternalID :many
SELECT r.id, r.email, r.external_id, r.affiliate_id, r.status, r.conversion_date, r.created_at, a.referral_code AS affiliate_code
FROM refgrow_referrals r LEFT JOIN refgrow_affiliates a ON a.id = r.affiliate_id AND a.project_id = r.project_id AND a.deleted_at IS NULL
WHERE r.project_id = @project_id AND r.external_id >= CAST(@text_from AS TEXT) AND r.external_id < CAST(@text_to AS TEXT)
ORDER BY r.external_id LIMIT CAST(@limit AS INTEGER);

-- Each referred user once, by the first of the ids that begin with the text.
-- name: SearchReferralsByFurtherID :many
SELECT r.id, r.email, r.external_id, r.affiliate_id, r.status, r.conversion_date, r.created_at, a.referral_code AS affiliate_code
FROM refgrow_external_ids x JOIN refgrow_referrals r ON r.id = x.referral_id AND r.project_id = x.project_id
LEFT JOIN refgrow_affiliates a ON a.id = r.affiliate_id AND a.project_id = r.project_id AND a.deleted_at IS NULL
WHERE x.project_id = @project_id AND x.external_id >= CAST(@text_from AS TEXT) AND x.external_id < CAST(@text_to AS TEXT)
    AND NOT EXISTS (
        SELECT 1 FROM refgrow_external_ids f
        WHERE f.referral_id = x.referral_id AND +f.project_id = x.project_id AND +f.external_id >= CAST(@text_from AS TEXT)
            AND +f.external_id < x.external_id)
ORDER BY x.external_id LIMIT CAST(@limit AS INTEGER);

-- name: SearchConversions :many
SELECT * FROM refgrow_conversions
WHERE project_id = @project_id AND reference >= CAST(@text_from AS TEXT) AND reference < CAST(@text_to AS TEXT)
ORDER BY reference LIMIT CAST(@limit AS INTEGER);

-- name: SearchCoupons :many
SELECT c.*, a.email AS affiliate_email, a.referral_code AS affiliate_referral_code
FROM refgrow_coupons c JOIN refgrow_affiliates a ON a.id = c.affiliate_id
WHERE c.project_id = @project_id AND c.code_key >= CAST(@text_from AS TEXT) AND c.code_key < CAST(@text_to AS TEXT)
    AND a.email NOT LIKE 'erased-%_erased.invalid'
ORDER BY c.code_key LIMIT CAST(@limit AS INTEGER);
