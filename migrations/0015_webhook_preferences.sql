-- An endpoint can decline the payout preferences of affiliates.
ALTER TABLE refgrow_webhooks ADD COLUMN payout_preferences INTEGER NOT NULL DEFAULT 1 CHECK (payout_preferences IN (0, 1));

INSERT INTO refgrow_migrations (version, applied_at) VALUES (15, CAST(strftime('%s', 'now') AS INTEGER) * 1000)
ON CONFLICT (version) DO NOTHING;
