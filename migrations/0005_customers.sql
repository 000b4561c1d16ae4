-- Customers with several external ids, who sign up once; notes of decisions.
CREATE TABLE refgrow_external_ids (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id  INTEGER NOT NULL,
    external_id TEXT NOT NULL,
    referral_id INTEGER NOT NULL REFERENCES refgrow_referrals (id)
) STRICT;

CREATE UNIQUE INDEX refgrow_external_ids_by_external_id ON refgrow_external_ids (project_id, external_id);
CREATE INDEX refgrow_external_ids_by_referral ON refgrow_external_ids (referral_id);

ALTER TABLE refgrow_conversions ADD COLUMN notes TEXT;

CREATE INDEX refgrow_conversions_signups ON refgrow_conversions (referral_id, created_at)
    WHERE type = 'signup' AND referral_id IS NOT NULL;

INSERT INTO refgrow_migrations (version, applied_at) VALUES (5, CAST(strftime('%s', 'now') AS INTEGER) * 1000)
ON CONFLICT (version) DO NOTHING;
