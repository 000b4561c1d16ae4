-- name: InsertCoupon :one
INSERT INTO refgrow_coupons
    (project_id, affiliate_id, code, code_key, stripe_coupon_id, lemonsqueezy_discount_code, status, created_at)
VALUES
    (@project_id, @affiliate_id, @code, @code_key, @stripe_coupon_id, @lemonsqueezy_discount_code, @status, @created_at)
ON CONFLICT (project_id, code_key) DO NOTHING
RETURNING id;

-- name: GetCoupon :one
SELECT c.*, a.email AS affiliate_email, a.referral_code AS affiliate_referral_code
FROM refgrow_coupons c JOIN refgrow_affiliates a ON a.id = c.affiliate_id
WHERE c.id = @coupon_id AND c.project_id = @project_id;

-- name: GetCouponIDByCode :one
SELECT id FROM refgrow_coupons WHERE project_id = @project_id AND code_key = @code_key;

-- name: UpdateCoupon :exec
UPDATE refgrow_coupons
SET affiliate_id = @affiliate_id, code = @code, code_key = @code_key, stripe_coupon_id = @stripe_coupon_id,
    lemonsqueezy_discount_code = @lemonsqueezy_discount_code, status = @status
WHERE id = @coupon_id AND project_id = @project_id;

-- name: DeleteCoupon :exec
DELETE FROM refgrow_coupons WHERE id = @coupon_id AND project_id = @project_id;

-- name: ListCoupons :many
SELECT c.*, a.email AS affiliate_email, a.referral_code AS affiliate_referral_code
FROM (
    SELECT x.id FROM refgrow_coupons x
    WHERE x.project_id = @project_id
        AND (x.created_at, x.id) < (CAST(@before_time AS INTEGER), CAST(@before_id AS INTEGER))
        AND x.status BETWEEN CAST(@status_from AS TEXT) AND CAST(@status_to AS TEXT)
        AND instr(x.code_key, CAST(@code_part AS TEXT)) > 0
    ORDER BY x.created_at DESC, x.id DESC LIMIT CAST(@limit AS INTEGER) OFFSET CAST(@offset AS INTEGER)) page
CROSS JOIN refgrow_coupons c ON c.id = page.id AND c.project_id = @project_id
JOIN refgrow_affiliates a ON a.id = c.affiliate_id;

-- name: ListCouponsOfAffiliate :many
SELECT c.*, a.email AS affiliate_email, a.referral_code AS affiliate_referral_code
FROM (
    SELECT x.id FROM refgrow_coupons x
    WHERE x.affiliate_id = (SELECT a.id FROM refgrow_affiliates a WHERE a.id = CAST(@affiliate_id AS INTEGER) AND a.project_id = @project_id)
        AND (x.created_at, x.id) < (CAST(@before_time AS INTEGER), CAST(@before_id AS INTEGER))
        AND x.status BETWEEN CAST(@status_from AS TEXT) AND CAST(@status_to AS TEXT)
        AND instr(x.code_key, CAST(@code_part AS TEXT)) > 0
    ORDER BY x.created_at DESC, x.id DESC LIMIT CAST(@limit AS INTEGER) OFFSET CAST(@offset AS INTEGER)) page
CROSS JOIN refgrow_coupons c ON c.id = page.id AND c.project_id = @project_id
JOIN refgrow_affiliates a ON a.id = c.affiliate_id;

-- name: CountCoupons :one
SELECT COUNT(*) FROM refgrow_coupons
WHERE project_id = @project_id
    AND status BETWEEN CAST(@status_from AS TEXT) AND CAST(@status_to AS TEXT)
    AND instr(code_key, CAST(@code_part AS TEXT)) > 0;

-- name: CountCouponsOfAffiliate :one
SELECT COUNT(*) FROM refgrow_coupons
WHERE affiliate_id IN (SELECT a.id FROM refgrow_affiliates a WHERE a.id = CAST(@affiliate_id AS INTEGER) AND a.project_id = @project_id)
    AND status BETWEEN CAST(@status_from AS TEXT) AND CAST(@status_to AS TEXT)
    AND instr(code_key, CAST(@code_part AS TEXT)) > 0;

-- name: FindCouponByCode :one
SELECT c.id, c.status, sqlc.embed(a)
FROM refgrow_coupons c JOIN refgrow_affiliates a ON a.id = c.affiliate_id AND a.project_id = c.project_id
WHERE c.project_id = @project_id AND c.code_key = @code_key;

-- name: FindCouponsByStripeID :many
SELECT DISTINCT a.*
FROM refgrow_coupons c JOIN refgrow_affiliates a ON a.id = c.affiliate_id AND a.project_id = c.project_id
WHERE c.project_id = @project_id AND c.stripe_coupon_id = CAST(@provider_id AS TEXT)
    AND c.status = 'active' AND a.status = 'active' LIMIT 2;

-- name: FindCouponsByLemonsqueezyCode :many
SELECT DISTINCT a.*
FROM refgrow_coupons c JOIN refgrow_affiliates a ON a.id = c.affiliate_id AND a.project_id = c.project_id
WHERE c.project_id = @project_id AND c.lemonsqueezy_discount_code = CAST(@provider_id AS TEXT)
    AND c.status = 'active' AND a.status = 'active' LIMIT 2;

-- Is a code, or a provider's id, that of a coupon of another affiliate?
-- name: IsCouponOfAnother :one
SELECT CAST(CASE WHEN EXISTS (
    SELECT 1 FROM refgrow_coupons c
    WHERE c.project_id = @project_id AND c.code_key = CAST(@code_key AS TEXT) AND c.affiliate_id <> @affiliate_id
) OR EXISTS (
    SELECT 1 FROM refgrow_coupons c
    WHERE c.project_id = @project_id AND c.stripe_coupon_id = CAST(@code AS TEXT) AND c.affiliate_id <> @affiliate_id
) OR EXISTS (
    SELECT 1 FROM refgrow_coupons c
    WHERE c.project_id = @project_id AND c.lemonsqueezy_discount_code = CAST(@code AS TEXT) AND c.affiliate_id <> @affiliate_id
) THEN 1 ELSE 0 END AS INTEGER) AS found;

-- name: ListCodesOfCoupons :many
SELECT code_key, stripe_coupon_id, lemonsqueezy_discount_code FROM refgrow_coupons
WHERE affiliate_id = @affiliate_id AND project_id = @project_id;
