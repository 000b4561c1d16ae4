-- Leaps of the clock: the last stamp can be brought back, and that is kept.
ALTER TABLE refgrow_project_totals ADD COLUMN unfinished_reset INTEGER NOT NULL DEFAULT 0;

CREATE TABLE refgrow_stamp_resets (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id  INTEGER NOT NULL REFERENCES refgrow_projects (id),
    from_stamp  INTEGER NOT NULL,
    to_stamp    INTEGER NOT NULL CHECK (to_stamp < from_stamp),
    created_at  INTEGER NOT NULL,
    finished_at INTEGER
) STRICT;

CREATE INDEX refgrow_stamp_resets_of_project ON refgrow_stamp_resets (project_id);

CREATE INDEX refgrow_payouts_canceled ON refgrow_payouts (project_id, canceled_at) WHERE canceled_at IS NOT NULL;

INSERT INTO refgrow_migrations (version, applied_at) VALUES (11, CAST(strftime('%s', 'now') AS INTEGER) * 1000)
ON CONFLICT (version) DO NOTHING;
