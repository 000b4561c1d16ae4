-- name: InsertProject :one
INSERT INTO refgrow_projects (
    name, currency, hold_days, coupon_first, self_referral, minimum_payout, touch, cookie_days, click_days, landing_url, origins, created_at
) VALUES (
    @name, @currency, @hold_days, @coupon_first, @self_referral, @minimum_payout, @touch, @cookie_days, @click_days, @landing_url, @origins, @created_at
)
ON CONFLICT (name) DO NOTHING
RETURNING id;

-- name: InsertProjectTotals :exec
INSERT INTO refgrow_project_totals (project_id) VALUES (@project_id);

-- name: GetProject :one
SELECT * FROM refgrow_projects WHERE id = @project_id;

-- name: GetProjectByName :one
SELECT * FROM refgrow_projects WHERE name = @name;

-- name: ListProjects :many
SELECT * FROM refgrow_projects ORDER BY id;

-- name: UpdateProject :exec
UPDATE refgrow_projects
SET name = @name, currency = @currency, hold_days = @hold_days, coupon_first = @coupon_first, self_referral = @self_referral,
    minimum_payout = @minimum_payout, touch = @touch, cookie_days = @cookie_days, click_days = @click_days,
    landing_url = @landing_url, origins = @origins
WHERE id = @project_id;

-- name: GetProjectTotals :one
SELECT * FROM refgrow_project_totals WHERE project_id = @project_id;

-- name: AddTotals :exec
UPDATE refgrow_project_totals SET
    last_stamp              = MAX(last_stamp, CAST(@last_stamp AS INTEGER)),
    ledger_entries          = ledger_entries + CAST(@ledger_entries AS INTEGER),
    affiliates_active       = affiliates_active + CAST(@affiliates_active AS INTEGER),
    affiliates_inactive     = affiliates_inactive + CAST(@affiliates_inactive AS INTEGER),
    coupons_active          = coupons_active + CAST(@coupons_active AS INTEGER),
    coupons_inactive        = coupons_inactive + CAST(@coupons_inactive AS INTEGER),
    referrals_pending       = referrals_pending + CAST(@referrals_pending AS INTEGER),
    referrals_converted     = referrals_converted + CAST(@referrals_converted AS INTEGER),
    referrals_direct        = referrals_direct + CAST(@referrals_direct AS INTEGER),
    referrals_direct_signup = referrals_direct_signup + CAST(@referrals_direct_signup AS INTEGER),
    signups_unpaid          = signups_unpaid + CAST(@signups_unpaid AS INTEGER),
    signups_paid            = signups_paid + CAST(@signups_paid AS INTEGER),
    purchases_unpaid        = purchases_unpaid + CAST(@purchases_unpaid AS INTEGER),
    purchases_paid          = purchases_paid + CAST(@purchases_paid AS INTEGER),
    payouts_pending         = payouts_pending + CAST(@payouts_pending AS INTEGER),
    payouts_paid            = payouts_paid + CAST(@payouts_paid AS INTEGER),
    payouts_canceled        = payouts_canceled + CAST(@payouts_canceled AS INTEGER),
    payouts_returned        = payouts_returned + CAST(@payouts_returned AS INTEGER),
    claims                  = claims + CAST(@claims AS INTEGER)
WHERE project_id = @project_id;
