-- Lists are narrowed and counted by what is in an index, and read the rows of a page
-- alone. Rows of one instant are in the order of their ids.
DROP INDEX refgrow_conversions_by_time;
CREATE INDEX refgrow_conversions_by_time ON refgrow_conversions (project_id, created_at, id, (type = 'signup'), paid);
DROP INDEX refgrow_conversions_by_affiliate;
CREATE INDEX refgrow_conversions_by_affiliate ON refgrow_conversions (affiliate_id, created_at, id, (type = 'signup'), paid) WHERE affiliate_id IS NOT NULL;
DROP INDEX refgrow_conversions_by_referral;
CREATE INDEX refgrow_conversions_by_referral ON refgrow_conversions (referral_id, created_at, id, (type = 'signup'), paid, affiliate_id) WHERE referral_id IS NOT NULL;
DROP INDEX refgrow_affiliates_by_time;
CREATE INDEX refgrow_affiliates_by_time ON refgrow_affiliates (project_id, created_at, id, status) WHERE deleted_at IS NULL;
DROP INDEX refgrow_coupons_by_time;
CREATE INDEX refgrow_coupons_by_time ON refgrow_coupons (project_id, created_at, id, status, code_key);
DROP INDEX refgrow_coupons_by_affiliate;
CREATE INDEX refgrow_coupons_by_affiliate ON refgrow_coupons (affiliate_id, created_at, id, status, code_key);
DROP INDEX refgrow_referrals_by_time;
CREATE INDEX refgrow_referrals_by_time ON refgrow_referrals (project_id, created_at, id, status);
DROP INDEX refgrow_referrals_by_affiliate;
CREATE INDEX refgrow_referrals_by_affiliate ON refgrow_referrals (affiliate_id, created_at, id, status) WHERE affiliate_id IS NOT NULL;
DROP INDEX refgrow_payouts_by_time;
CREATE INDEX refgrow_payouts_by_time ON refgrow_payouts (project_id, created_at, id, status);
DROP INDEX refgrow_payouts_by_affiliate;
CREATE INDEX refgrow_payouts_by_affiliate ON refgrow_payouts (affiliate_id, created_at, id, status);
DROP INDEX refgrow_payouts_by_run;
CREATE INDEX refgrow_payouts_by_run ON refgrow_payouts (run_id, created_at, id, status, affiliate_id) WHERE run_id IS NOT NULL;
DROP INDEX refgrow_deliveries_by_time;
CREATE INDEX refgrow_deliveries_by_time ON refgrow_deliveries (webhook_id, created_at, id, status);

INSERT INTO refgrow_migrations (version, applied_at) VALUES (12, CAST(strftime('%s', 'now') AS INTEGER) * 1000)
ON CONFLICT (version) DO NOTHING;
