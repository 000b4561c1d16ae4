-- name: ListOldNames :many
SELECT o.*, a.email AS affiliate_email, r.email AS referral_email, r.external_id, c.reference
FROM refgrow_old_names AS o
    LEFT JOIN refgrow_affiliates AS a ON a.id = o.affiliate_id AND a.project_id = o.project_id AND a.deleted_at IS NULL
    LEFT JOIN refgrow_referrals AS r ON r.id = o.referral_id AND r.project_id = o.project_id
    LEFT JOIN refgrow_conversions AS c ON c.id = o.conversion_id AND c.project_id = o.project_id
WHERE o.project_id = @project_id AND o.id > @after_id ORDER BY o.id LIMIT CAST(@at_most AS INTEGER);

-- What another row has already stays as it is.
-- name: ReformAffiliate :execrows
UPDATE refgrow_affiliates SET email = CAST(@email AS TEXT)
WHERE id = CAST(@affiliate_id AS INTEGER) AND project_id = CAST(@project_id AS INTEGER) AND NOT EXISTS (
    SELECT 1 FROM refgrow_affiliates AS x
    WHERE x.project_id = CAST(@project_id AS INTEGER) AND x.email = CAST(@email AS TEXT) AND x.deleted_at IS NULL
        AND x.id <> CAST(@affiliate_id AS INTEGER));

-- name: ReformReferral :execrows
UPDATE refgrow_referrals SET email = CAST(@email AS TEXT)
WHERE id = CAST(@referral_id AS INTEGER) AND project_id = CAST(@project_id AS INTEGER) AND NOT EXISTS (
    SELECT 1 FROM refgrow_referrals AS x
    WHERE x.project_id = CAST(@project_id AS INTEGER) AND x.email = CAST(@email AS TEXT) AND x.id <> CAST(@referral_id AS INTEGER));

-- name: ReformExternalID :execrows
UPDATE refgrow_referrals SET external_id = CAST(@external_id AS TEXT)
WHERE id = CAST(@referral_id AS INTEGER) AND project_id = CAST(@project_id AS INTEGER) AND NOT EXISTS (
    SELECT 1 FROM refgrow_external_ids AS x
    WHERE x.project_id = CAST(@project_id AS INTEGER) AND x.external_id = CAST(@external_id AS TEXT)
) AND NOT EXISTS (
    SELECT 1 FROM refgrow_referrals AS x
    WHERE x.project_id = CAST(@project_id AS INTEGER) AND x.external_id = CAST(@external_id AS TEXT)
        AND x.id <> CAST(@referral_id AS INTEGER));

-- name: ReformReference :execrows
UPDATE refgrow_conversions SET reference = CAST(@reference AS TEXT)
WHERE id = CAST(@conversion_id AS INTEGER) AND project_id = CAST(@project_id AS INTEGER) AND NOT EXISTS (
    SELECT 1 FROM refgrow_conversions AS x
    WHERE x.project_id = CAST(@project_id AS INTEGER) AND x.reference = CAST(@reference AS TEXT)
        AND x.id <> CAST(@conversion_id AS INTEGER));

-- name: DeleteOldName :exec
DELETE FROM refgrow_old_names WHERE id = @name_id AND project_id = @project_id;
