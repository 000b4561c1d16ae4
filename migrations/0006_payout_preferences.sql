-- A pause of an affiliate's payouts, and a name for the templates of Wise.
ALTER TABLE refgrow_affiliates ADD COLUMN wise_name TEXT;
ALTER TABLE refgrow_affiliates ADD COLUMN payouts_paused INTEGER NOT NULL DEFAULT 0 CHECK (payouts_paused IN (0, 1));

INSERT INTO refgrow_migrations (version, applied_at) VALUES (6, CAST(strftime('%s', 'now') AS INTEGER) * 1000)
ON CONFLICT (version) DO NOTHING;
