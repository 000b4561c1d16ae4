-- Runs of payouts, work with an Idempotency-Key that goes on where it was interrupted, and payouts that came back.
CREATE TABLE refgrow_payout_runs (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id INTEGER NOT NULL REFERENCES refgrow_projects (id),
    created_at INTEGER NOT NULL,
    made_by    TEXT,
    cutoff     INTEGER NOT NULL,
    currency   TEXT NOT NULL,
    minimum    INTEGER NOT NULL CHECK (minimum BETWEEN 0 AND 9000000000000000),
    payouts    INTEGER NOT NULL DEFAULT 0 CHECK (payouts >= 0),
    total      INTEGER NOT NULL DEFAULT 0 CHECK (total BETWEEN 0 AND 9000000000000000000)
) STRICT;

CREATE INDEX refgrow_payout_runs_by_time ON refgrow_payout_runs (project_id, created_at);

CREATE TABLE refgrow_payout_tasks (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id   INTEGER NOT NULL,
    key_hash     BLOB NOT NULL,
    request_hash BLOB NOT NULL,
    run_id       INTEGER,
    mark         INTEGER NOT NULL CHECK (mark >= 0),
    done         INTEGER NOT NULL CHECK (done IN (0, 1)),
    refused      TEXT NOT NULL,
    created_at   INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX refgrow_payout_tasks_by_key ON refgrow_payout_tasks (key_hash);

ALTER TABLE refgrow_project_totals ADD COLUMN payouts_returned INTEGER NOT NULL DEFAULT 0;

-- A check cannot be changed, so payouts and their entries move to new tables. No id is used again.
CREATE TABLE refgrow_former_payouts AS SELECT * FROM refgrow_payouts;
CREATE TABLE refgrow_former_payout_entries AS SELECT * FROM refgrow_payout_entries;
CREATE TABLE refgrow_former_sequence AS SELECT seq FROM sqlite_sequence WHERE name = 'refgrow_payouts';
DROP TABLE refgrow_payout_entries;
DROP TABLE refgrow_payouts;

CREATE TABLE refgrow_payouts (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id         INTEGER NOT NULL REFERENCES refgrow_projects (id),
    affiliate_id       INTEGER NOT NULL REFERENCES refgrow_affiliates (id),
    currency           TEXT NOT NULL,
    amount             INTEGER NOT NULL CHECK (amount > 0),
    entry_count        INTEGER NOT NULL CHECK (entry_count > 0),
    cutoff             INTEGER NOT NULL,
    status             TEXT NOT NULL CHECK (status IN ('pending', 'paid', 'canceled', 'returned')),
    external_reference TEXT,
    created_at         INTEGER NOT NULL,
    paid_at            INTEGER,
    canceled_at        INTEGER,
    run_id             INTEGER REFERENCES refgrow_payout_runs (id),
    paid_on            INTEGER,
    returned_at        INTEGER,
    return_note        TEXT
) STRICT;

INSERT INTO refgrow_payouts (
    id, project_id, affiliate_id, currency, amount, entry_count, cutoff, status, external_reference, created_at, paid_at, canceled_at)
SELECT id, project_id, affiliate_id, currency, amount, entry_count, cutoff, status, external_reference, created_at, paid_at, canceled_at
FROM refgrow_former_payouts;

CREATE INDEX refgrow_payouts_by_time ON refgrow_payouts (project_id, created_at);
CREATE INDEX refgrow_payouts_by_affiliate ON refgrow_payouts (affiliate_id, created_at);
CREATE INDEX refgrow_payouts_by_run ON refgrow_payouts (run_id, created_at) WHERE run_id IS NOT NULL;
CREATE INDEX refgrow_payouts_pending ON refgrow_payouts (project_id, currency) WHERE status = 'pending';

CREATE TABLE refgrow_payout_entries (
    entry_id  INTEGER NOT NULL REFERENCES refgrow_ledger_entries (id),
    payout_id INTEGER NOT NULL REFERENCES refgrow_payouts (id),
    reserved  INTEGER NOT NULL CHECK (reserved IN (0, 1)),
    PRIMARY KEY (entry_id, payout_id)
) STRICT, WITHOUT ROWID;

INSERT INTO refgrow_payout_entries (entry_id, payout_id, reserved)
SELECT entry_id, payout_id, reserved FROM refgrow_former_payout_entries;

CREATE UNIQUE INDEX refgrow_payout_entries_reserved ON refgrow_payout_entries (entry_id) WHERE reserved = 1;
CREATE INDEX refgrow_payout_entries_by_payout ON refgrow_payout_entries (payout_id, entry_id);

DELETE FROM sqlite_sequence WHERE name = 'refgrow_payouts';
INSERT INTO sqlite_sequence (name, seq) SELECT 'refgrow_payouts', seq FROM refgrow_former_sequence;
DROP TABLE refgrow_former_sequence;
DROP TABLE refgrow_former_payout_entries;
DROP TABLE refgrow_former_payouts;

INSERT INTO refgrow_migrations (version, applied_at) VALUES (9, CAST(strftime('%s', 'now') AS INTEGER) * 1000)
ON CONFLICT (version) DO NOTHING;
