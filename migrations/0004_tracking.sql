-- Tracking: clicks, what happened on each day, and what browsers claim.
ALTER TABLE refgrow_projects ADD COLUMN touch TEXT NOT NULL DEFAULT 'last' CHECK (touch IN ('last', 'first'));
ALTER TABLE refgrow_projects ADD COLUMN cookie_days INTEGER NOT NULL DEFAULT 60 CHECK (cookie_days BETWEEN 1 AND 400);
ALTER TABLE refgrow_projects ADD COLUMN click_days INTEGER NOT NULL DEFAULT 90 CHECK (click_days BETWEEN 1 AND 3650);
ALTER TABLE refgrow_projects ADD COLUMN landing_url TEXT;
ALTER TABLE refgrow_projects ADD COLUMN origins TEXT NOT NULL DEFAULT '[]';
ALTER TABLE refgrow_project_totals ADD COLUMN claims INTEGER NOT NULL DEFAULT 0;
ALTER TABLE refgrow_events ADD COLUMN user_agent TEXT;

CREATE TABLE refgrow_clicks (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id   INTEGER NOT NULL,
    affiliate_id INTEGER NOT NULL REFERENCES refgrow_affiliates (id),
    code         TEXT NOT NULL,
    url          TEXT,
    referrer     TEXT,
    user_agent   TEXT,
    address      INTEGER,
    created_at   INTEGER NOT NULL
) STRICT;

CREATE INDEX refgrow_clicks_by_address ON refgrow_clicks (affiliate_id, address, created_at);
CREATE INDEX refgrow_clicks_by_time ON refgrow_clicks (project_id, created_at);

CREATE TABLE refgrow_address_keys (
    day INTEGER PRIMARY KEY,
    key BLOB NOT NULL
) STRICT;

CREATE TABLE refgrow_affiliate_days (
    project_id    INTEGER NOT NULL,
    day           INTEGER NOT NULL,
    affiliate_id  INTEGER NOT NULL,
    currency      TEXT NOT NULL,
    clicks        INTEGER NOT NULL CHECK (clicks >= 0),
    pruned_clicks INTEGER NOT NULL DEFAULT 0 CHECK (pruned_clicks BETWEEN 0 AND clicks),
    signups       INTEGER NOT NULL,
    purchases     INTEGER NOT NULL,
    earned        INTEGER NOT NULL CHECK (earned BETWEEN -9000000000000000000 AND 9000000000000000000),
    PRIMARY KEY (project_id, day, affiliate_id, currency)
) STRICT, WITHOUT ROWID;

CREATE TABLE refgrow_project_days (
    project_id INTEGER NOT NULL,
    day        INTEGER NOT NULL,
    currency   TEXT NOT NULL,
    clicks     INTEGER NOT NULL,
    signups    INTEGER NOT NULL,
    purchases  INTEGER NOT NULL,
    billions   INTEGER NOT NULL,
    earned     INTEGER NOT NULL,
    PRIMARY KEY (project_id, day, currency)
) STRICT, WITHOUT ROWID;

CREATE TABLE refgrow_claims (
    project_id INTEGER NOT NULL,
    email      TEXT NOT NULL,
    code       TEXT NOT NULL,
    repeated   INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (project_id, email)
) STRICT, WITHOUT ROWID;

CREATE INDEX refgrow_claims_by_time ON refgrow_claims (project_id, created_at);

-- The days of what is there already.
INSERT INTO refgrow_affiliate_days (project_id, day, affiliate_id, currency, clicks, signups, purchases, earned)
SELECT project_id, day, affiliate_id, currency, 0, SUM(signups), SUM(purchases), SUM(earned)
FROM (
    SELECT project_id, created_at / 86400000 AS day, affiliate_id, currency, type = 'signup' AS signups, type = 'purchase' AS purchases, 0 AS earned
    FROM refgrow_conversions WHERE affiliate_id IS NOT NULL
    UNION ALL
    SELECT project_id, created_at / 86400000, affiliate_id, currency, 0, 0, amount
    FROM refgrow_ledger_entries WHERE kind <> 'settlement'
)
GROUP BY project_id, day, affiliate_id, currency;

INSERT INTO refgrow_project_days (project_id, day, currency, clicks, signups, purchases, billions, earned)
SELECT project_id, day, currency, 0, SUM(signups), SUM(purchases), SUM(earned / 1000000000), SUM(earned % 1000000000)
FROM (
    SELECT project_id, day, currency, signups, purchases, earned FROM refgrow_affiliate_days
    UNION ALL
    SELECT project_id, created_at / 86400000, currency, type = 'signup', type = 'purchase', 0
    FROM refgrow_conversions WHERE affiliate_id IS NULL
)
GROUP BY project_id, day, currency;

INSERT INTO refgrow_migrations (version, applied_at) VALUES (4, CAST(strftime('%s', 'now') AS INTEGER) * 1000)
ON CONFLICT (version) DO NOTHING;
