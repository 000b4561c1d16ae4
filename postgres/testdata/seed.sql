-- Rows of several projects, for the planner to see how values are spread. The test says
-- that there are a thousand times as many.
INSERT INTO refgrow_projects (id, name, currency, hold_days, coupon_first, self_referral, created_at)
SELECT p, 'project ' || p, 'USD', 30, 1, 'refuse', 0 FROM generate_series(1, 20) p;
INSERT INTO refgrow_project_totals (project_id) SELECT p FROM generate_series(1, 20) p;
INSERT INTO refgrow_stamp_resets (project_id, from_stamp, to_stamp, created_at)
SELECT 1 + n % 20, 1000 + n, n, n FROM generate_series(1, 200) n;
INSERT INTO refgrow_commission_rules
    (project_id, conversion_type, affiliate_id, product, version, kind, rate, amount, currency, duration, duration_count, created_at, ended_at)
SELECT 1 + n % 20, CASE n % 2 WHEN 0 THEN 'purchase' ELSE 'signup' END, NULLIF(n % 40, 0), CASE WHEN n % 3 = 0 THEN 'product ' || n END, 1 + n,
    'percent', 1, 0, 'USD', 'lifetime', 0, n, CASE WHEN n > 80 THEN n + 1 END
FROM generate_series(1, 200) n ON CONFLICT DO NOTHING;
INSERT INTO refgrow_affiliates (project_id, id, email, referral_code, status, created_at, deleted_at)
SELECT 1 + n % 20, n, n || '@example.test', 'code' || n, CASE WHEN n % 9 = 0 THEN 'inactive' ELSE 'active' END, n,
    CASE WHEN n % 500 = 0 THEN n END
FROM generate_series(1, 1000) n;
INSERT INTO refgrow_codes (project_id, code, affiliate_id) SELECT 1 + n % 20, 'code' || n, n FROM generate_series(1, 1000) n;
INSERT INTO refgrow_coupons (project_id, affiliate_id, code, code_key, stripe_coupon_id, lemonsqueezy_discount_code, status, created_at)
SELECT 1 + n % 20, n, 'COUPON' || n, 'coupon' || n, CASE WHEN n % 2 = 0 THEN 's' || n END, CASE WHEN n % 2 = 1 THEN 'l' || n END,
    'active', n
FROM generate_series(1, 500) n;
INSERT INTO refgrow_referrals (project_id, id, email, external_id, affiliate_id, status, conversion_date, created_at)
SELECT 1 + n % 20, n, n || '@customer.test', 'id' || n, 1 + (n - 1) % 1000, CASE WHEN n % 2 = 0 THEN 'converted' ELSE 'pending' END,
    CASE WHEN n % 2 = 0 THEN n END, n
FROM generate_series(1, 3000) n;
INSERT INTO refgrow_external_ids (project_id, external_id, referral_id)
SELECT 1 + n % 20, 'further' || n, n FROM generate_series(1, 300) n;
INSERT INTO refgrow_conversions
    (project_id, id, type, affiliate_id, referral_id, currency, currency_given, value, base_value, paid, reference, reason, candidates,
    commission_reason, priced_currency, priced_value, created_at, available_at)
SELECT 1 + n % 20, n, CASE n % 3 WHEN 0 THEN 'signup' ELSE 'purchase' END, 1 + (n - 1) % 1000, 1 + (n - 1) % 3000, 'USD', 1, 100, 1000,
    n % 2, 'order ' || n, 'code', '[]', 'rule', 'USD', 100, n, n
FROM generate_series(1, 6000) n;
INSERT INTO refgrow_refunds (project_id, conversion_id, reference, amount, taken, created_at)
SELECT 1 + n % 20, n, 'refund ' || n, 1, 1, n FROM generate_series(1, 300) n;
INSERT INTO refgrow_refund_totals (project_id, conversion_id, amount, told_at)
SELECT 1 + n % 20, n, 1, n FROM generate_series(1, 300) n;
INSERT INTO refgrow_payout_runs (project_id, created_at, cutoff, currency, minimum)
SELECT 1 + n % 20, n, n, 'USD', 0 FROM generate_series(1, 400) n;
INSERT INTO refgrow_payouts (project_id, id, affiliate_id, currency, amount, entry_count, cutoff, status, created_at, canceled_at, run_id)
SELECT 1 + n % 20, n, 1 + (n - 1) % 1000, 'USD', 1, 1, n, CASE n % 10 WHEN 0 THEN 'pending' WHEN 1 THEN 'canceled' ELSE 'paid' END, n,
    CASE n % 10 WHEN 1 THEN n END, CASE WHEN n % 2 = 0 THEN 1 + (n - 1) % 400 END
FROM generate_series(1, 2000) n;
INSERT INTO refgrow_ledger_entries
    (project_id, id, affiliate_id, currency, kind, amount, available_at, created_at, conversion_id, payout_id)
SELECT 1 + n % 20, n, 1 + (n - 1) % 1000, 'USD', CASE n % 4 WHEN 0 THEN 'settlement' ELSE 'commission' END, 1, n + n % 2, n,
    1 + (n - 1) % 6000, CASE n % 4 WHEN 0 THEN 1 + (n - 1) % 2000 END
FROM generate_series(1, 10000) n;
INSERT INTO refgrow_payout_entries (project_id, entry_id, payout_id, reserved)
SELECT 1 + n % 20, n, 1 + (n - 1) % 2000, 1 FROM generate_series(1, 4000) n;
INSERT INTO refgrow_accounts
    (project_id, affiliate_id, currency, total, paid, eligible, rolled_to, next_release_at, signups, purchases)
SELECT 1 + n % 20, n, c, 1, 0, 1, n, n, 1, 1 FROM generate_series(1, 1000) n, (VALUES ('USD'), ('EUR')) AS v (c);
INSERT INTO refgrow_payout_tasks (project_id, key_hash, request_hash, mark, done, refused, created_at)
SELECT 1 + n % 20, CAST(CAST(n AS TEXT) AS BYTEA), '', 0, 1, '[]', n FROM generate_series(1, 400) n;
INSERT INTO refgrow_api_keys (project_id, name, read_only, public_id, secret_hash, secret_check, created_at)
SELECT 1 + n % 20, 'key', 0, 'key' || n, '', '', n FROM generate_series(1, 100) n;
INSERT INTO refgrow_idempotency (project_id, key_hash, request_hash, status, body, created_at)
SELECT 1 + n % 20, CAST(CAST(n AS TEXT) AS BYTEA), '', 200, '{}', n FROM generate_series(1, 2000) n;
INSERT INTO refgrow_deletions (project_id, affiliate_id, deleted_at, totals) SELECT 1 + n % 20, n, n, '{}' FROM generate_series(1, 400) n;
INSERT INTO refgrow_erasures
    (project_id, affiliate_id, deletes, names, part, mark_time, mark, last_answer, last_event, created_at)
SELECT 1 + n % 20, n, 1, '[]', '', 0, 0, 0, 0, n FROM generate_series(1, 40) n;
INSERT INTO refgrow_retired_codes (project_id, hash, affiliate_id, deleted_at)
SELECT 1 + n % 20, CAST(CAST(n AS TEXT) AS BYTEA), n, n FROM generate_series(1, 100) n;
INSERT INTO refgrow_merged_referrals (project_id, referral_id, into_id) SELECT 1 + n % 20, n, n + 20 FROM generate_series(1, 100) n;
INSERT INTO refgrow_deleted_conversions (project_id, conversion_id, referral_id) SELECT 1 + n % 20, n, n FROM generate_series(1, 100) n;
INSERT INTO refgrow_webhooks (project_id, url, events, status, starts_after, created_at)
SELECT 1 + n % 20, 'https://example.test', '[]', 'active', 0, n FROM generate_series(1, 60) n;
INSERT INTO refgrow_events (project_id, id, kind, lane, affiliate_id, referral_id, data, created_at)
SELECT 1 + n % 20, n, 'purchase_recorded', n, 1 + (n - 1) % 1000, 1 + (n - 1) % 3000, '{}', n FROM generate_series(1, 4000) n;
INSERT INTO refgrow_deliveries
    (project_id, webhook_id, event_id, event, lane, status, attempts, next_attempt_at, created_at)
SELECT 1 + n % 20, 1 + (n - 1) % 60, n, 'referral_converted', n, CASE n % 8 WHEN 0 THEN 'pending' ELSE 'succeeded' END, 1,
    CASE n % 8 WHEN 0 THEN n END, n
FROM generate_series(1, 4000) n WHERE (1 + n % 20) = (1 + (1 + (n - 1) % 60) % 20);
INSERT INTO refgrow_clicks (project_id, affiliate_id, code, address, created_at)
SELECT 1 + n % 20, 1 + (n - 1) % 1000, 'code', n, n FROM generate_series(1, 4000) n;
INSERT INTO refgrow_address_keys (day, key) SELECT n, '' FROM generate_series(1, 100) n;
INSERT INTO refgrow_affiliate_days (project_id, day, affiliate_id, currency, clicks, signups, purchases, billions, earned)
SELECT 1 + n % 20, d, n, 'USD', 0, 1, 1, 0, 1 FROM generate_series(1, 400) n, generate_series(1, 10) d;
INSERT INTO refgrow_project_days (project_id, day, currency, clicks, signups, purchases, billions, earned)
SELECT p, d, 'USD', 0, 1, 1, 0, 1 FROM generate_series(1, 20) p, generate_series(1, 300) d;
INSERT INTO refgrow_claims (project_id, email, code, created_at)
SELECT 1 + n % 20, n || '@customer.test', 'code', n FROM generate_series(1, 400) n;
INSERT INTO refgrow_old_names (id, project_id, affiliate_id) SELECT n, 1 + n % 20, n FROM generate_series(1, 100) n;
ANALYZE;
