-- Refunds with references of their own, totals as payment providers tell them, and free
-- sales that were taken back as a whole.
ALTER TABLE refgrow_conversions ADD COLUMN reversed INTEGER NOT NULL DEFAULT 0 CHECK (reversed IN (0, 1));

CREATE TABLE refgrow_refunds (
    conversion_id INTEGER NOT NULL REFERENCES refgrow_conversions (id),
    reference     TEXT NOT NULL,
    project_id    INTEGER NOT NULL,
    amount        INTEGER NOT NULL CHECK (amount BETWEEN 0 AND 9000000000000000),
    taken         INTEGER NOT NULL CHECK (taken BETWEEN 0 AND amount),
    created_at    INTEGER NOT NULL,
    undone_at     INTEGER,
    PRIMARY KEY (conversion_id, reference)
) STRICT, WITHOUT ROWID;

CREATE TABLE refgrow_refund_totals (
    conversion_id INTEGER PRIMARY KEY REFERENCES refgrow_conversions (id),
    project_id    INTEGER NOT NULL,
    amount        INTEGER NOT NULL CHECK (amount BETWEEN 0 AND 9000000000000000),
    told_at       INTEGER NOT NULL
) STRICT;

INSERT INTO refgrow_migrations (version, applied_at) VALUES (10, CAST(strftime('%s', 'now') AS INTEGER) * 1000)
ON CONFLICT (version) DO NOTHING;
