-- paid follows the amounts, payouts go by groups of entries, and bounds are those of
-- balances. Nothing is posted: no balance changes, now or as of any instant.
ALTER TABLE refgrow_ledger_entries ADD COLUMN returned INTEGER NOT NULL DEFAULT 0 CHECK (returned IN (0, 1));

ALTER TABLE refgrow_project_totals ADD COLUMN old_entries_to INTEGER NOT NULL DEFAULT 0;
UPDATE refgrow_project_totals SET old_entries_to = COALESCE(
    (SELECT MAX(e.id) FROM refgrow_ledger_entries e WHERE e.project_id = refgrow_project_totals.project_id), 0);

-- A conversion that brings its account something is paid exactly when as much of it is
-- settled there. What changed by that is kept beside the version.
ALTER TABLE refgrow_migrations ADD COLUMN changes TEXT;
CREATE TEMP TABLE refgrow_flags_before AS
SELECT c.id, c.project_id, 1 - c.paid AS paid FROM refgrow_conversions c
WHERE c.affiliate_id IS NOT NULL AND (
    SELECT SUM(CASE WHEN e.kind <> 'settlement' THEN e.amount ELSE 0 END) > 0 AND (SUM(e.amount) <= 0) <> c.paid
    FROM refgrow_ledger_entries e
    WHERE e.conversion_id = c.id AND e.affiliate_id = c.affiliate_id AND e.currency = c.currency);

UPDATE refgrow_conversions SET paid = 1 - paid WHERE id IN (SELECT id FROM refgrow_flags_before);

UPDATE refgrow_project_totals SET
    signups_unpaid = (SELECT COUNT(*) FROM refgrow_conversions c
        WHERE c.project_id = refgrow_project_totals.project_id AND c.type = 'signup' AND c.paid = 0),
    signups_paid = (SELECT COUNT(*) FROM refgrow_conversions c
        WHERE c.project_id = refgrow_project_totals.project_id AND c.type = 'signup' AND c.paid = 1),
    purchases_unpaid = (SELECT COUNT(*) FROM refgrow_conversions c
        WHERE c.project_id = refgrow_project_totals.project_id AND c.type = 'purchase' AND c.paid = 0),
    purchases_paid = (SELECT COUNT(*) FROM refgrow_conversions c
        WHERE c.project_id = refgrow_project_totals.project_id AND c.type = 'purchase' AND c.paid = 1);

CREATE TEMP TABLE refgrow_accounts_before AS SELECT * FROM refgrow_accounts;
DROP TABLE refgrow_accounts;

CREATE TABLE refgrow_accounts (
    affiliate_id    INTEGER NOT NULL REFERENCES refgrow_affiliates (id),
    currency        TEXT NOT NULL,
    project_id      INTEGER NOT NULL,
    total           INTEGER NOT NULL CHECK (total BETWEEN -9000000000000000000 AND 9000000000000000000),
    paid            INTEGER NOT NULL CHECK (paid BETWEEN -9000000000000000000 AND 9000000000000000000),
    eligible        INTEGER NOT NULL CHECK (eligible BETWEEN -9000000000000000000 AND 9000000000000000000),
    rolled_to       INTEGER NOT NULL,
    next_release_at INTEGER,
    signups         INTEGER NOT NULL,
    purchases       INTEGER NOT NULL,
    reserved        INTEGER NOT NULL DEFAULT 0,
    debts           INTEGER NOT NULL DEFAULT 0,
    cleared_to      INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (affiliate_id, currency),
    CHECK (total - paid BETWEEN -9000000000000000000 AND 9000000000000000000),
    CHECK (total - paid - eligible BETWEEN -9000000000000000000 AND 9000000000000000000),
    CHECK (eligible - reserved BETWEEN -9000000000000000000 AND 9000000000000000000)
) STRICT, WITHOUT ROWID;

CREATE INDEX refgrow_accounts_by_currency ON refgrow_accounts (project_id, currency, affiliate_id);

INSERT INTO refgrow_accounts
    (affiliate_id, currency, project_id, total, paid, eligible, rolled_to, next_release_at, signups, purchases, reserved)
SELECT affiliate_id, currency, project_id, total, paid, eligible, rolled_to, next_release_at, signups, purchases, reserved
FROM refgrow_accounts_before;
DROP TABLE refgrow_accounts_before;

-- state is 0 for an entry that no payout has, 1 for one that a pending payout reserves,
-- and 2 for one that a payout has settled, or that a payout has written.
CREATE TEMP TABLE refgrow_entry_states AS
SELECT e.affiliate_id, e.currency, COALESCE(e.conversion_id, -e.id) AS part, e.available_at, e.id, e.amount,
    CASE WHEN e.payout_id IS NOT NULL THEN 2 ELSE COALESCE((
        SELECT CASE p.status WHEN 'pending' THEN 1 ELSE 2 END
        FROM refgrow_payout_entries r JOIN refgrow_payouts p ON p.id = r.payout_id
        WHERE r.entry_id = e.id AND r.reserved = 1), 0) END AS state
FROM refgrow_ledger_entries e;
CREATE TEMP TABLE refgrow_entry_groups AS
SELECT affiliate_id, currency, part, available_at, MAX(CASE WHEN state = 0 THEN id END) AS newest,
    SUM(CASE WHEN state = 0 THEN amount ELSE 0 END) AS unreserved, SUM(CASE WHEN state = 1 THEN amount ELSE 0 END) AS reserved
FROM refgrow_entry_states GROUP BY affiliate_id, currency, part, available_at;
DELETE FROM refgrow_entry_groups WHERE unreserved = 0 AND reserved = 0;
CREATE INDEX temp.refgrow_entry_groups_by_account ON refgrow_entry_groups (affiliate_id, currency);

UPDATE refgrow_accounts SET
    debts = COALESCE((
        SELECT SUM(g.reserved + MIN(g.unreserved, 0)) FROM refgrow_entry_groups g
        WHERE g.affiliate_id = refgrow_accounts.affiliate_id AND g.currency = refgrow_accounts.currency
            AND g.available_at > refgrow_accounts.rolled_to), 0),
    cleared_to = COALESCE((
        SELECT MIN(g.newest) - 1 FROM refgrow_entry_groups g
        WHERE g.affiliate_id = refgrow_accounts.affiliate_id AND g.currency = refgrow_accounts.currency
            AND g.unreserved <> 0),
        (SELECT MAX(e.id) FROM refgrow_ledger_entries e WHERE e.affiliate_id = refgrow_accounts.affiliate_id), 0);
DROP TABLE refgrow_entry_groups;
DROP TABLE refgrow_entry_states;

-- What an affiliate has earned on a day has no bound of its own.
CREATE TEMP TABLE refgrow_affiliate_days_before AS SELECT * FROM refgrow_affiliate_days;
DROP TABLE refgrow_affiliate_days;

CREATE TABLE refgrow_affiliate_days (
    project_id    INTEGER NOT NULL,
    day           INTEGER NOT NULL,
    affiliate_id  INTEGER NOT NULL,
    currency      TEXT NOT NULL,
    clicks        INTEGER NOT NULL CHECK (clicks >= 0),
    pruned_clicks INTEGER NOT NULL DEFAULT 0 CHECK (pruned_clicks BETWEEN 0 AND clicks),
    signups       INTEGER NOT NULL,
    purchases     INTEGER NOT NULL,
    billions      INTEGER NOT NULL,
    earned        INTEGER NOT NULL,
    PRIMARY KEY (project_id, day, affiliate_id, currency)
) STRICT, WITHOUT ROWID;

INSERT INTO refgrow_affiliate_days
    (project_id, day, affiliate_id, currency, clicks, pruned_clicks, signups, purchases, billions, earned)
SELECT project_id, day, affiliate_id, currency, clicks, pruned_clicks, signups, purchases,
    earned / 1000000000, earned % 1000000000
FROM refgrow_affiliate_days_before;
DROP TABLE refgrow_affiliate_days_before;

INSERT INTO refgrow_migrations (version, applied_at, changes)
SELECT 7, CAST(strftime('%s', 'now') AS INTEGER) * 1000, CASE WHEN COUNT(*) > 0 THEN json_group_array(
    json_object('project_id', project_id, 'conversion_id', id, 'paid', json(CASE paid WHEN 1 THEN 'true' ELSE 'false' END))) END
FROM (SELECT id, project_id, paid FROM refgrow_flags_before ORDER BY id)
WHERE true
ON CONFLICT (version) DO NOTHING;
DROP TABLE refgrow_flags_before;
