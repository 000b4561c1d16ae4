-- Of each caller so much is kept: whose answer it is, and what the call made, from which it is shown again.
ALTER TABLE refgrow_idempotency ADD COLUMN caller_hash INTEGER;
ALTER TABLE refgrow_idempotency ADD COLUMN made_id INTEGER;

INSERT INTO refgrow_migrations (version, applied_at) VALUES (18, CAST(strftime('%s', 'now') AS INTEGER) * 1000)
ON CONFLICT (version) DO NOTHING;
