-- What happens now is sent before what is replayed, and a replay finds its events without
-- looking at those of others.
CREATE INDEX refgrow_events_by_time ON refgrow_events (project_id, created_at);

ALTER TABLE refgrow_deliveries ADD COLUMN replayed INTEGER NOT NULL DEFAULT 0 CHECK (replayed IN (0, 1));
DROP INDEX refgrow_deliveries_due;
CREATE INDEX refgrow_deliveries_due ON refgrow_deliveries (webhook_id, replayed, next_attempt_at) WHERE status = 'pending';

INSERT INTO refgrow_migrations (version, applied_at) VALUES (14, CAST(strftime('%s', 'now') AS INTEGER) * 1000)
ON CONFLICT (version) DO NOTHING;
