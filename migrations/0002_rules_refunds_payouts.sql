-- Durations of commission rules and overrides, refunds, adjustments and payouts.
ALTER TABLE refgrow_projects ADD COLUMN
    minimum_payout INTEGER NOT NULL DEFAULT 0 CHECK (minimum_payout BETWEEN 0 AND 9000000000000000);

ALTER TABLE refgrow_project_totals ADD COLUMN payouts_pending INTEGER NOT NULL DEFAULT 0;
ALTER TABLE refgrow_project_totals ADD COLUMN payouts_paid INTEGER NOT NULL DEFAULT 0;
ALTER TABLE refgrow_project_totals ADD COLUMN payouts_canceled INTEGER NOT NULL DEFAULT 0;

CREATE UNIQUE INDEX refgrow_commission_rules_versions ON refgrow_commission_rules
    (project_id, conversion_type, COALESCE(affiliate_id, 0), COALESCE(product, ''), version);
CREATE INDEX refgrow_commission_rules_overrides ON refgrow_commission_rules (project_id, created_at)
    WHERE ended_at IS NULL AND (affiliate_id IS NOT NULL OR product IS NOT NULL);

ALTER TABLE refgrow_conversions ADD COLUMN priced_first_at INTEGER;
ALTER TABLE refgrow_conversions ADD COLUMN priced_before INTEGER;

ALTER TABLE refgrow_accounts ADD COLUMN reserved INTEGER NOT NULL DEFAULT 0;
ALTER TABLE refgrow_accounts ADD COLUMN debts INTEGER NOT NULL DEFAULT 0;

CREATE INDEX refgrow_accounts_by_currency ON refgrow_accounts (project_id, currency, affiliate_id);

UPDATE refgrow_accounts SET debts = (
    SELECT COALESCE(SUM(e.amount), 0) FROM refgrow_ledger_entries e
    WHERE e.affiliate_id = refgrow_accounts.affiliate_id AND e.currency = refgrow_accounts.currency
        AND e.available_at > refgrow_accounts.rolled_to AND e.available_at > e.created_at AND e.amount < 0 AND e.kind <> 'settlement');

DROP INDEX refgrow_ledger_debts;

CREATE TABLE refgrow_payouts (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id         INTEGER NOT NULL REFERENCES refgrow_projects (id),
    affiliate_id       INTEGER NOT NULL REFERENCES refgrow_affiliates (id),
    currency           TEXT NOT NULL,
    amount             INTEGER NOT NULL CHECK (amount > 0),
    entry_count        INTEGER NOT NULL CHECK (entry_count > 0),
    cutoff             INTEGER NOT NULL,
    status             TEXT NOT NULL CHECK (status IN ('pending', 'paid', 'canceled')),
    external_reference TEXT,
    created_at         INTEGER NOT NULL,
    paid_at            INTEGER,
    canceled_at        INTEGER
) STRICT;

CREATE INDEX refgrow_payouts_by_time ON refgrow_payouts (project_id, created_at);
CREATE INDEX refgrow_payouts_by_affiliate ON refgrow_payouts (affiliate_id, created_at);
CREATE INDEX refgrow_payouts_pending ON refgrow_payouts (project_id, currency) WHERE status = 'pending';

CREATE TABLE refgrow_payout_entries (
    entry_id  INTEGER NOT NULL REFERENCES refgrow_ledger_entries (id),
    payout_id INTEGER NOT NULL REFERENCES refgrow_payouts (id),
    reserved  INTEGER NOT NULL CHECK (reserved IN (0, 1)),
    PRIMARY KEY (entry_id, payout_id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX refgrow_payout_entries_reserved ON refgrow_payout_entries (entry_id) WHERE reserved = 1;
CREATE INDEX refgrow_payout_entries_by_payout ON refgrow_payout_entries (payout_id, entry_id);

INSERT INTO refgrow_migrations (version, applied_at) VALUES (2, CAST(strftime('%s', 'now') AS INTEGER) * 1000)
ON CONFLICT (version) DO NOTHING;
